"""One column of a report: what both samples hold of it, how far they are apart, and whether that is drift."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hearth.bundle import advice, distance, twosample
from hearth.bundle.distance import Levels, Numbers
from hearth.bundle.twosample import Counts
from hearth.schema import Feature

Vector = NDArray[np.float64]
Part = Literal["feature", "prediction"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One test: its p-value, the same corrected over all tests, how far the column moved, and whether that is drift."""

    p_value: float
    adjusted: float
    effect: float
    drifted: bool


@dataclass(frozen=True, slots=True)
class Missing:
    """The share of rows without a value; no test where none is missing, or all are."""

    reference: float
    window: float
    test: Finding | None


@dataclass(frozen=True, slots=True)
class Column:
    """One column. ``apart`` and ``test`` are of its values: None where a sample has none, no test where all are the same."""

    name: str
    part: Part
    type: str
    apart: Numbers | Levels | None
    test: Finding | None
    missing: Missing
    advice: tuple[str, ...]

    @property
    def drifted(self) -> bool:
        """Whether its values drifted, or how often they are missing."""
        return any(one is not None and one.drifted for one in (self.test, self.missing.test))

    @property
    def rank(self) -> tuple[float, float]:
        """The surest first, then those that moved farthest."""
        found = [one for one in (self.test, self.missing.test) if one is not None]
        return min((one.adjusted for one in found), default=1.0), -max((one.effect for one in found), default=0.0)


@dataclass(frozen=True, slots=True)
class Observed:
    """One column of both samples: the values that are there, coded and ascending, and the rows in all."""

    feature: Feature
    part: Part
    reference: Vector
    window: Vector
    rows: tuple[int, int]

    @property
    def absent(self) -> tuple[int, int]:
        """Rows without a value."""
        return self.rows[0] - len(self.reference), self.rows[1] - len(self.window)

    @property
    def varies(self) -> bool:
        """Whether there is something to tell apart: values on both sides, and not all the same."""
        one, other = self.reference, self.window
        return len(one) > 0 and len(other) > 0 and bool(min(one[0], other[0]) < max(one[-1], other[-1]))

    @property
    def gaps(self) -> bool:
        """Whether some values are missing, and not all: no other table could show a difference."""
        return 0 < sum(self.absent) < sum(self.rows)

    def p_values(self, draws: int) -> Iterator[float]:
        """Of the values, then of the gaps, where they can be told apart."""
        if self.varies and self.feature.numeric:
            yield twosample.numbers(self.reference, self.window, draws)
        elif self.varies:
            yield twosample.levels(*self._counts(), draws)
        if self.gaps:
            sizes = np.array([sum(self.rows) - sum(self.absent), sum(self.absent)])
            yield twosample.fisher(sizes, np.array([len(self.window), self.absent[1]]))

    def judged(self, adjusted: Iterator[tuple[float, float]], alpha: float, least: float) -> Column:
        """The column with its findings; takes as many pairs of p-values as ``p_values`` gave."""
        apart = self._apart()
        before, after = (absent / rows for absent, rows in zip(self.absent, self.rows, strict=True))
        test = _finding(next(adjusted), apart.effect, alpha, least) if self.varies and apart is not None else None
        gaps = _finding(next(adjusted), abs(after - before), alpha, least) if self.gaps else None
        told = []
        if apart is not None and test is not None and test.drifted:
            told.append(self._told(apart))
        if gaps is not None and gaps.drifted:
            told.append(advice.of_missing(self.feature, before, after))
        missing = Missing(before, after, gaps)
        return Column(self.feature.name, self.part, self.feature.type, apart, test, missing, tuple(told))

    def _apart(self) -> Numbers | Levels | None:
        if len(self.reference) == 0 or len(self.window) == 0:
            return None
        if self.feature.numeric:
            return distance.of_numbers(self.reference, self.window)
        return distance.of_levels(labels(self.feature), *self._counts())

    def _told(self, apart: Numbers | Levels) -> str:
        predicted = self.part == "prediction"
        if isinstance(apart, Numbers):
            return advice.of_numbers(self.feature, self.reference, self.window, apart, predicted=predicted)
        return advice.of_levels(self.feature, apart, predicted=predicted)

    def _counts(self) -> tuple[Counts, Counts]:
        several = len(labels(self.feature))
        before, after = (np.bincount(one.astype(np.intp), minlength=several) for one in (self.reference, self.window))
        return before, after


def labels(feature: Feature) -> tuple[str, ...]:
    """The names of a category's or a boolean's codes."""
    return feature.values or ("false", "true")


def _finding(p_values: tuple[float, float], effect: float, alpha: float, least: float) -> Finding:
    p_value, adjusted = p_values
    return Finding(p_value, adjusted, effect, adjusted <= alpha and effect >= least)
