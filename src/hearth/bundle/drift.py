"""Whether the rows that a model is asked about are still those that it was made for: one verdict over all columns.

Every column is compared with the bundle's reference: numbers, categories, the share of missing values, and what the model said.
A column has drifted where its p-value, corrected over all tests (Holm), is below ``alpha`` and it moved by at least
``min_effect``: sure and large enough. Nothing here knows of time: which rows make a window is the caller's affair, and a window
is judged once.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hearth.artifacts import rounded
from hearth.bundle import advice, twosample
from hearth.bundle.decision import EVEN, labels
from hearth.bundle.format import Bundle
from hearth.bundle.observed import Column, Observed
from hearth.bundle.transform import Matrix
from hearth.schema import Contract, Feature

Vector = NDArray[np.float64]
Status = Literal["ok", "drift", "insufficient_data"]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What counts as drift, as ``params.yaml`` says it under ``monitoring`` and the bundle carries it."""

    window: int = 200
    min_rows: int = 50
    alpha: float = 0.05
    min_effect: float = 0.1

    @classmethod
    def of(cls, metadata: Mapping[str, object]) -> "Thresholds":
        """Those that a bundle's metadata holds; the defaults where it was built without.

        Raises:
            TypeError: they are no object.
            ValueError: one of them is no number.
        """
        given = metadata.get("monitoring", {})
        if not isinstance(given, Mapping):
            raise TypeError("monitoring is not an object")
        default = cls()
        return cls(
            window=int(given.get("window", default.window)),
            min_rows=int(given.get("min_rows", default.min_rows)),
            alpha=float(given.get("alpha", default.alpha)),
            min_effect=float(given.get("min_effect", default.min_effect)),
        )


@dataclass(frozen=True, slots=True)
class Sample:
    """Coded rows (n, len(contract.names)), NaN for missing, and what the model said: (n,), or probabilities (n, k).

    Of two classes the second is the label above ``threshold``.
    """

    rows: Matrix
    scores: Vector
    threshold: float = EVEN

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True)
class Report:
    """A window judged. ``columns`` are in the contract's order, predictions last; ``tests`` is what was corrected over."""

    status: Status
    rows: int
    reference_rows: int
    tests: int
    thresholds: Thresholds
    columns: tuple[Column, ...]
    recommendations: tuple[str, ...]

    @property
    def drifted(self) -> tuple[str, ...]:
        """Names of the columns that drifted, the surest first."""
        return tuple(one.name for one in sorted(self.columns, key=lambda one: one.rank) if one.drifted)

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values, floats to 6 digits."""
        plain = rounded({"status": self.status, "drifted": list(self.drifted), **asdict(self)})
        if not isinstance(plain, dict):
            raise TypeError("a report is an object")
        return plain


def reference(bundle: Bundle) -> Sample:
    """What windows of a bundle's answers are held against."""
    return Sample(bundle.reference_rows, bundle.reference_scores, bundle.decision.threshold)


def compare(contract: Contract, reference: Sample, window: Sample, thresholds: Thresholds) -> Report:
    """Judge a window against the reference. Below ``min_rows`` it says that there is too little to tell, and nothing else."""
    rows, given = len(window), len(reference)
    if rows < thresholds.min_rows or given == 0:
        few = f"{rows} rows are too few to tell: at least {thresholds.min_rows} are needed."
        return Report("insufficient_data", rows, given, 0, thresholds, (), (few,))
    observed = list(_observed(contract, reference, window))
    tests = sum(one.varies + one.gaps for one in observed)
    draws = twosample.enough_draws(tests, thresholds.alpha)
    p_values = [p for one in observed for p in one.p_values(draws)]
    adjusted = iter(zip(p_values, twosample.holm(p_values), strict=True))
    columns = tuple(one.judged(adjusted, thresholds.alpha, thresholds.min_effect) for one in observed)
    status: Status = "drift" if any(one.drifted for one in columns) else "ok"
    return Report(status, rows, given, tests, thresholds, columns, _recommendations(columns))


def predicted(contract: Contract, sample: Sample) -> dict[Feature, Vector]:
    """What the model said as columns: a number; or the label and, as a number, how probable it is.

    Of two classes the probability is that of the second, of more that of the label.
    """
    target, scores = contract.target, sample.scores
    if scores.ndim == 1:
        return {Feature(name=target.name, type="number", unit=target.unit): scores}
    label = Feature(name=target.name, type="category", values=target.classes)
    two = scores.shape[1] == 2
    name = f"probability of {target.classes[1]}" if two else "probability of the label"
    sure = scores[:, 1] if two else scores.max(axis=1)
    return {label: labels(scores, sample.threshold).astype(np.float64), Feature(name=name, type="number"): sure}


def _observed(contract: Contract, reference: Sample, window: Sample) -> Iterator[Observed]:
    rows = len(reference), len(window)
    for at, feature in enumerate(contract.used):
        before, after = reference.rows[:, at], window.rows[:, at]
        yield Observed(feature, "feature", _values(before), _values(after), rows)
    said = zip(predicted(contract, reference).items(), predicted(contract, window).values(), strict=True)
    for (feature, before), after in said:
        yield Observed(feature, "prediction", _values(before), _values(after), rows)


def _values(column: Vector) -> Vector:
    """The values that are there, ascending."""
    values: Vector = np.sort(column)  # NaN last
    return values[: len(values) - int(np.isnan(values).sum())]


def _recommendations(columns: Sequence[Column]) -> tuple[str, ...]:
    """What is to be done about each column that drifted, the surest first, and what they mean together."""
    moved = [one for one in sorted(columns, key=lambda one: one.rank) if one.drifted]
    if not moved:
        return ()
    parts = {one.part for one in moved}
    return (*(text for one in moved for text in one.advice), advice.overall("feature" in parts, "prediction" in parts))
