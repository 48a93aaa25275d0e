"""Rules that raise an alarm over a window, each over all columns at once: ours, and those that it is compared with."""

from functools import cache

import numpy as np
from benchmarks.detect.worlds import Draw
from numpy.typing import NDArray
from scipy import stats

from hearth.bundle.drift import Sample, Thresholds, compare
from hearth.schema import Contract

Vector = NDArray[np.float64]
ALPHA = 0.05
EVIDENTLY = 0.5  # share of columns that must drift
RULES = ("mean > 2 sd", "any KS", "KS + Holm", "PSI > 0.1", "Evidently")


def ours(contract: Contract, draw: Draw, rows: int) -> tuple[str, ...]:
    """What drifted, as the service says it of the first window."""
    limits = Thresholds(window=rows, min_rows=min(rows, 30))
    window = Sample(draw.stream.rows[:rows], draw.stream.scores[:rows])
    return compare(contract, draw.reference, window, limits).drifted


class Watched:
    """A draw as the other rules see it: any window of its stream against its reference, all columns together.

    A column of categories is tested by chi-squared where one of numbers is by KS.
    """

    def __init__(self, contract: Contract, draw: Draw) -> None:
        reference, stream = (np.column_stack([one.rows, one.scores]) for one in (draw.reference, draw.stream))
        numeric = np.array([*(feature.numeric for feature in contract.used), True])
        self._size, self._columns = len(reference), len(numeric)
        self._mean, self._sd = reference[:, numeric].mean(axis=0), reference[:, numeric].std(axis=0)
        self._numbers = stream[:, numeric]
        self._below, self._upto = _ranks(reference[:, numeric], self._numbers)
        self._known = _counts(reference[:, ~numeric])
        self._codes = stream[:, ~numeric]

    def alarms(self, first: int, rows: int) -> tuple[bool, ...]:
        """Whether each of ``RULES`` raises an alarm over the rows from ``first`` on."""
        part = slice(first, first + rows)
        shares = np.minimum((self._below[part] * 10).astype(np.intp), 9)
        levels = _counts(self._codes[part])
        gaps, chi = self._gaps(part), _chi(self._known, levels)
        psi = [*map(_psi_of_shares, shares.T), *(_psi(*pair) for pair in zip(self._known.T, levels.T, strict=True))]
        shift = np.abs(self._numbers[part].mean(axis=0) - self._mean) / self._sd
        holm = ALPHA / self._columns
        drifted = int((gaps >= critical(self._size, rows, ALPHA)).sum() + (chi >= _chi_critical(ALPHA)).sum())
        surest = bool((gaps >= critical(self._size, rows, holm)).any() or (chi >= _chi_critical(holm)).any())
        return bool((shift > 2).any()), drifted > 0, surest, max(psi) > 0.1, drifted >= EVIDENTLY * self._columns

    def _gaps(self, part: slice) -> Vector:
        """KS of each column of numbers: the reference's shares at the window's values against the window's own."""
        below, upto = np.sort(self._below[part], axis=0), np.sort(self._upto[part], axis=0)
        steps = np.arange(len(below) + 1)[:, None] / len(below)
        gaps: Vector = np.maximum((steps[1:] - upto).max(axis=0), (below - steps[:-1]).max(axis=0))
        return gaps


@cache
def critical(reference: int, rows: int, alpha: float) -> float:
    """The gap from which on KS is significant, by the law that scipy uses for samples of these sizes."""
    return float(stats.kstwo.isf(alpha, round(reference * rows / (reference + rows))))


@cache
def _chi_critical(alpha: float) -> float:
    return float(stats.chi2.isf(alpha, 3))  # of four levels


def _ranks(reference: Vector, stream: Vector) -> tuple[Vector, Vector]:
    """Of each value of a stream the shares of the reference below it, and up to it."""
    ordered = np.sort(reference, axis=0)
    sides = (
        [np.searchsorted(ordered[:, at], stream[:, at], side=side) for at in range(stream.shape[1])]
        for side in ("left", "right")
    )
    below, upto = (np.column_stack(side) / len(reference) for side in sides)
    return below, upto


def _counts(codes: Vector) -> Vector:
    """Rows of each of four levels, a column of them for each column of codes."""
    return np.stack([(codes == level).sum(axis=0) for level in range(4)]).astype(np.float64)


def _chi(reference: Vector, window: Vector) -> Vector:
    """Pearson's statistic of each column of levels."""
    total, rows = reference + window, window.sum(axis=0)
    share = rows / np.maximum(total.sum(axis=0), 1)
    apart = (window - share * total) ** 2 / np.maximum(total, 1)
    statistic: Vector = apart.sum(axis=0) / np.maximum(share * (1 - share), 1e-12)
    return statistic


def _psi_of_shares(tenths: NDArray[np.intp]) -> float:
    return _psi(np.full(10, 1.0), np.bincount(tenths, minlength=10).astype(np.float64))


def _psi(before: Vector, after: Vector) -> float:
    one, other = (np.maximum(part / part.sum(), 1e-4) for part in (before, after))
    return float(((other - one) * np.log(other / one)).sum())
