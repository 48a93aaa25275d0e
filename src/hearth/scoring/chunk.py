"""A chunk of rows between reading and writing: as it came, as the model sees it, and what is wrong with it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from itertools import islice
from typing import Literal

import numpy as np
import pyarrow as pa

from hearth.bundle.transform import Matrix
from hearth.schema import Contract, Feature, Target
from hearth.scoring.columns import Judged, Mask

SHOWN = 20  # faults that are told in full; the rest is counted
Record = Mapping[str, object]
Format = Literal["csv", "parquet", "jsonl"]


@dataclass(frozen=True, slots=True, order=True)
class Located:
    """One fault, where it stands in the file: the line, or the row from 1 where the format has no lines."""

    line: int
    order: int
    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """``origin`` are the rows as they came; ``judged`` has a column for each feature and, where it came, for the target.

    ``faults`` are the first of ``found`` faults, ``SHOWN`` at most. ``lost`` rows could not even be split into fields and are
    in none of the columns. ``size`` is what the chunk counts for in the progress bar.
    """

    origin: pa.Table | Sequence[Record]
    judged: Mapping[str, Judged]
    faults: Sequence[Located]
    found: int
    bad: Mask
    lost: int
    size: int

    @property
    def rows(self) -> int:
        """Rows read."""
        return len(self.bad) + self.lost

    @property
    def faulty(self) -> int:
        """Rows at fault."""
        return int(self.bad.sum()) + self.lost

    def matrix(self, contract: Contract) -> Matrix:
        """The sound rows as the contract codes them."""
        x = np.empty((len(self.bad), len(contract.names)))
        for at, name in enumerate(contract.names):
            x[:, at] = self.judged[name].values
        return x[~self.bad] if self.bad.any() else x

    def kept(self) -> pa.Table | Sequence[Record]:
        """The sound rows as they came."""
        if not self.bad.any():
            return self.origin
        if isinstance(self.origin, pa.Table):
            return self.origin.filter(pa.array(~self.bad))
        return [row for row, bad in zip(self.origin, self.bad.tolist(), strict=True) if not bad]


def assembled(
    origin: pa.Table | Sequence[Record],
    judged: Mapping[str, Judged],
    lost: Sequence[Located],
    lines: Callable[[], Sequence[int]],
    size: int,
) -> Chunk:
    """A chunk of what was read; ``lines`` gives the line of each row in ``origin`` and is asked only where one is at fault."""
    bad = np.zeros(len(origin), dtype=np.bool_)
    for column in judged.values():
        bad |= column.bad
    here = lines() if bad.any() else ()
    found = (fault for order, (name, column) in enumerate(judged.items()) for fault in _first(column, order, name, here))
    return Chunk(
        origin=origin,
        judged=judged,
        faults=nsmallest(SHOWN, (*lost, *found)),
        found=len(lost) + sum(int(column.bad.sum()) for column in judged.values()),
        bad=bad,
        lost=len({fault.line for fault in lost}),
        size=size,
    )


def _first(column: Judged, order: int, name: str, lines: Sequence[int]) -> Iterator[Located]:
    for row in islice(np.flatnonzero(column.bad).tolist(), SHOWN):
        yield Located(lines[row], order, name, column.why(row))


def missing_column(feature: Feature, rows: int) -> Judged:
    """The column of a feature that the table leaves out."""
    return Judged(np.full(rows, np.nan), np.full(rows, feature.required), lambda _: "required, but missing")


def as_feature(target: Target) -> Feature:
    """The target of a regression as a column that may be there, and empty."""
    return Feature(name=target.name, type="number", required=False)
