"""Tables to draw references and windows from: made-up ones of any size, and a real one."""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from hearth.bundle.drift import Sample
from hearth.schema import Contract, Feature, Target
from hearth.training.table import Table

Kind = Literal["numbers", "categories"]
KINDS: tuple[Kind, ...] = ("numbers", "categories")
CUTS = np.array([-0.5, 0.0, 0.6])  # of a normal variable into four levels, none of them rare


@dataclass(frozen=True, slots=True)
class Draw:
    """A reference and as many rows as two windows have, of which the second half comes later."""

    reference: Sample
    stream: Sample


class World(Protocol):
    """Draws of a table with ``contract``, one column of it shifted by so many standard deviations."""

    contract: Contract

    def draw(self, rng: np.random.Generator, rows: int, shift: float) -> Draw:
        """A draw for windows of so many rows."""
        ...


class MadeUp:
    """Columns that know nothing of each other, which is where false alarms add up most, and a model that adds them all.

    A category is a normal variable that is cut; its shift is that of the variable.
    """

    def __init__(self, kind: Kind, columns: int, reference: int = 400) -> None:
        self._kind, self._columns, self._reference = kind, columns, reference
        numbers = kind == "numbers"
        features = (
            Feature(name=f"x{at}", type="number") if numbers else Feature(name=f"x{at}", type="category", values=tuple("abcd"))
            for at in range(columns)
        )
        self.contract = Contract(target=Target(name="y", task="regression"), features=tuple(features))

    def draw(self, rng: np.random.Generator, rows: int, shift: float) -> Draw:
        """A draw for windows of so many rows, the first column shifted."""
        return Draw(self._sample(rng, self._reference, 0.0), self._sample(rng, 2 * rows, shift))

    def _sample(self, rng: np.random.Generator, rows: int, shift: float) -> Sample:
        x = rng.normal(size=(rows, self._columns))
        x[:, 0] += shift
        said = x.sum(axis=1) / np.sqrt(self._columns)
        return Sample(x if self._kind == "numbers" else np.digitize(x, CUTS).astype(np.float64), said)


class Real:
    """A real table of numbers, its target taken for what is predicted, split at random: four fifths are the reference.

    ``column`` is the position of the one that is shifted, the target's being the last.
    """

    def __init__(self, table: Table, column: int) -> None:
        self._x, self._column = np.column_stack([table.x, table.y]), column
        self.contract = table.contract

    def draw(self, rng: np.random.Generator, rows: int, shift: float) -> Draw:
        """A draw for one window of so many rows; the rows of a second are not there."""
        order = rng.permutation(len(self._x))
        known = len(self._x) * 4 // 5
        reference, stream = self._x[order[:known]], self._x[order[known : known + rows]].copy()
        stream[:, self._column] += shift * reference[:, self._column].std()
        return Draw(*(Sample(part[:, :-1], part[:, -1]) for part in (reference, stream)))
