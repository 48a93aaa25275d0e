"""How far two samples of a column are apart, in units that a person knows: what a report shows beside its verdict."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hearth.bundle.twosample import Counts, chi_squared

Vector = NDArray[np.float64]
BINS = 10  # deciles of the reference, for PSI
LEAST = 1e-4  # share that an empty bin counts as, as is the custom


@dataclass(frozen=True, slots=True)
class Spread:
    """Numbers in short; ``rows`` are those with a value. Of no value all are None."""

    rows: int
    mean: float | None
    sd: float | None
    median: float | None
    min: float | None
    max: float | None


@dataclass(frozen=True, slots=True)
class Numbers:
    """Two samples of numbers.

    ``shift`` is |mean - reference mean| and ``wasserstein`` the mean distance that values moved, both in standard deviations of
    the reference (None where it has none); ``ks`` the greatest gap between the shares of rows below a value, found at
    ``gap_at``; ``psi`` the population stability index over the reference's deciles.
    """

    reference: Spread
    window: Spread
    shift: float | None
    wasserstein: float | None
    ks: float
    gap_at: float
    psi: float

    @property
    def effect(self) -> float:
        """How far the column moved: in standard deviations, or as a share of rows where that is more."""
        return max(self.wasserstein or 0.0, self.ks)


@dataclass(frozen=True, slots=True)
class Level:
    """One category: its share of the rows with a value."""

    name: str
    reference: float
    window: float


@dataclass(frozen=True, slots=True)
class Levels:
    """Two samples of categories: every level that either has, ``moved`` the share of rows that would have to change theirs.

    ``unseen`` are levels of the window that the reference lacks; ``chi_squared`` is Pearson's statistic.
    """

    levels: tuple[Level, ...]
    unseen: tuple[str, ...]
    moved: float
    chi_squared: float
    psi: float

    @property
    def effect(self) -> float:
        """How far the column moved, as a share of rows."""
        return self.moved


def of_numbers(reference: Vector, window: Vector) -> Numbers:
    """Measure two samples of numbers, neither empty."""
    one, other = np.sort(reference), np.sort(window)
    before, after = spread(one), spread(other)
    sd, move = before.sd, (after.mean or 0.0) - (before.mean or 0.0)
    values, gaps = _gaps(one, other)
    sizes = np.abs(gaps)
    at = int(sizes.argmax())
    return Numbers(
        reference=before,
        window=after,
        shift=abs(move) / sd if sd else None,
        wasserstein=_area(values, gaps) / sd if sd else None,
        ks=float(sizes[at]),
        gap_at=float(values[at]),
        psi=_psi(*_binned(one, other)),
    )


def of_levels(names: Sequence[str], reference: Counts, window: Counts) -> Levels:
    """Measure two samples of categories by how many rows of each have each of ``names``; neither is empty."""
    before, after = reference / reference.sum(), window / window.sum()
    there = np.flatnonzero(reference + window).tolist()
    return Levels(
        levels=tuple(Level(names[at], float(before[at]), float(after[at])) for at in there),
        unseen=tuple(names[at] for at in there if reference[at] == 0),
        moved=float(np.abs(after - before).sum() / 2),
        chi_squared=float(chi_squared((reference + window)[there], window[there])),
        psi=_psi(before[there], after[there]),
    )


def spread(values: Vector) -> Spread:
    """One sample, ascending, in short."""
    rows = len(values)
    if rows == 0:
        return Spread(0, None, None, None, None, None)
    mean = float(values.sum()) / rows
    off = values - mean
    return Spread(
        rows=rows,
        mean=mean,
        sd=math.sqrt(float(off @ off) / rows),
        median=float(values[(rows - 1) // 2] + values[rows // 2]) / 2,
        min=float(values[0]),
        max=float(values[-1]),
    )


def wasserstein(reference: Vector, window: Vector) -> float:
    """The mean distance that values would have to move to make one sample the other: the area between their distributions."""
    return _area(*_gaps(np.sort(reference), np.sort(window)))


def _area(values: Vector, gaps: Vector) -> float:
    return float(np.abs(gaps[:-1]) @ np.diff(values))


def _gaps(one: Vector, other: Vector) -> tuple[Vector, Vector]:
    """All values of two ascending samples, ascending, and how much more of the other than of the one is up to each."""
    values = np.concatenate([one, other])
    values.sort()
    shares = [np.searchsorted(sample, values, side="right") / len(sample) for sample in (one, other)]
    return values, shares[1] - shares[0]


def _binned(one: Vector, other: Vector) -> tuple[Vector, Vector]:
    """Shares of two ascending samples between the deciles of the one."""
    places = -(-np.arange(1, BINS) * len(one) // BINS) - 1
    edges = np.unique(one[places])
    upto = (np.searchsorted(sample, edges, side="right") / len(sample) for sample in (one, other))
    before, after = (np.diff(shares, prepend=0.0, append=1.0) for shares in upto)
    return before, after


def _psi(before: Vector, after: Vector) -> float:
    """The population stability index of shares; no bin counts as empty."""
    one, other = np.maximum(before, LEAST), np.maximum(after, LEAST)
    return float(((other - one) * np.log(other / one)).sum())
