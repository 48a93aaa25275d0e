"""Whether two samples come from one distribution: p-values that hold for small samples, ties and rare levels.

Numbers are told apart by two distances at once. That of Anderson and Darling sees shifts and spreads best; that of Kolmogorov
and Smirnov sees sharp edges better. They agree so much that the smaller of their p-values is worth 1.5 tests and not two:
``benchmarks/drift.py --calibrate`` measures it. Where the laws that hold for many different values do not (ties, few rows), the
same measure is compared with tables drawn at random, which is exact.

numpy alone: the service compares windows too, and the special functions of scipy would take 7 MB of every worker.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Counts = NDArray[np.int64]

SHARED = 1.5  # tests that the two distances are worth together
TIED = 20  # a value that one row in so many has is a tie that the laws of continuous values do not bear
FEW = 20  # values; with fewer those laws are not reached
GROUPS = 32  # of neighbouring values at most, where tables are drawn
DRAWS = 39_999  # tables at most, unless the p-value has to be smaller to count
_BATCHES = (200, 2_000)
_ENOUGH = 100  # draws as far apart as what was seen, after which no more are needed

_erfc = np.frompyfunc(math.erfc, 1, 1)


def numbers(reference: Vector, window: Vector, draws: int = DRAWS) -> float:
    """The p-value of two samples of numbers, neither empty; 1 where all values are the same."""
    sizes, counts = _table(reference, window)
    if len(sizes) == 1:
        return 1.0
    smooth = sizes.max() * TIED <= sizes.sum() and min(len(reference), len(window)) >= FEW
    if smooth:
        return min(1.0, SHARED * float(smaller(sizes, counts)))
    if len(sizes) == 2:
        return fisher(sizes, counts)
    if len(sizes) > GROUPS:
        sizes, counts = _merged(sizes, counts)
    return drawn(lambda tables: -np.log(np.maximum(smaller(sizes, tables), 1e-300)), sizes, counts, draws)


def levels(reference: Counts, window: Counts, draws: int = DRAWS) -> float:
    """The p-value of two samples of categories, given how many rows of each have each level: Pearson's chi-squared, exact.

    Of two levels it is Fisher's exact test.
    """
    sizes = reference + window
    present = sizes > 0
    sizes, counts = sizes[present], window[present]
    if len(sizes) <= 2:
        return fisher(sizes, counts) if len(sizes) == 2 else 1.0
    return drawn(lambda tables: chi_squared(sizes, tables), sizes, counts, draws)


def chi_squared(sizes: Counts, counts: Counts) -> Vector:
    """Pearson's statistic of tables: ``sizes`` (k) are the rows of each level, ``counts`` (..., k) those in the window."""
    rows, total = int(counts.sum(axis=-1).flat[0]), int(sizes.sum())
    apart = (counts - rows * sizes / total) ** 2 / sizes
    statistic: Vector = apart.sum(axis=-1) * total * (1 / rows + 1 / (total - rows))
    return statistic


def fisher(sizes: Counts, counts: Counts) -> float:
    """Fisher's exact test, two-sided, of a table of two levels: rows of each in all, and in the window."""
    total, marked, rows = int(sizes.sum()), int(sizes[1]), int(counts.sum())
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, total + 1)))])
    hits = np.arange(max(0, marked - total + rows), min(marked, rows) + 1)
    ways = -(logs[hits] + logs[marked - hits] + logs[rows - hits] + logs[total - marked - rows + hits])
    chances = np.exp(ways - ways.max())
    seen = chances[int(counts[1]) - hits[0]]
    return float(min(1.0, chances[chances <= seen * (1 + 1e-7)].sum() / chances.sum()))


def drawn(far: Callable[[Counts], Vector], sizes: Counts, counts: Counts, draws: int) -> float:
    """The chance of a table as ``far`` as what was seen, among those with its margins; always the same draws.

    Source: Besag and Clifford (1991), Biometrika 78, Sequential Monte Carlo p-values. It keeps its level for any ``draws``.
    """
    rows, seen = int(counts.sum()), float(far(counts))
    slack = 1e-9 * (1 + abs(seen))  # the same table summed in another order
    rng = np.random.default_rng(0)
    hits = done = 0
    while done < draws:
        batch = min(_BATCHES[min(done, 1)] if done < sum(_BATCHES) else draws, draws - done)
        tables = rng.multivariate_hypergeometric(sizes, rows, batch, method="marginals")
        reached = np.flatnonzero(far(tables) >= seen - slack)
        if hits + len(reached) >= _ENOUGH:
            return _ENOUGH / (done + int(reached[_ENOUGH - hits - 1]) + 1)
        hits, done = hits + len(reached), done + batch
    return (hits + 1) / (draws + 1)


def enough_draws(tests: int, alpha: float) -> int:
    """Draws with which the least p-value that passes Holm's correction over so many tests is known to a fifth of itself."""
    return max(DRAWS, math.ceil(20 * tests / alpha))


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values corrected over all of them: below alpha the chance of any false one is below alpha. Holm (1979)."""
    order = np.argsort(p_values, kind="stable")
    steps = np.array(p_values, dtype=np.float64)[order] * np.arange(len(order), 0, -1)
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return [float(value) for value in adjusted]


def _table(reference: Vector, window: Vector) -> tuple[Counts, Counts]:
    """Of each different value, ascending: the rows that have it, and those of the window."""
    both = np.concatenate([reference, window])
    order = np.argsort(both, kind="stable")
    ordered = both[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] > ordered[:-1]]))
    ours = (order >= len(reference)).astype(np.int64)
    return np.diff(starts, append=len(both)), np.add.reduceat(ours, starts)


def _merged(sizes: Counts, counts: Counts) -> tuple[Counts, Counts]:
    """Neighbouring values in ``GROUPS`` at most of about as many rows; what many rows share is not divided."""
    middles = np.cumsum(sizes) - sizes / 2
    starts = np.unique((middles * GROUPS / sizes.sum()).astype(np.intp), return_index=True)[1]
    return np.add.reduceat(sizes, starts), np.add.reduceat(counts, starts)


def smaller(sizes: Counts, counts: Counts) -> Vector:
    """The smaller p-value of the two distances, by the laws of continuous values, for tables ``counts`` (..., k)."""
    total, rows = int(sizes.sum()), int(counts.sum(axis=-1).flat[0])
    share = 1 / rows + 1 / (total - rows)
    below, ours = np.cumsum(sizes), np.cumsum(counts, axis=-1)
    gap = np.abs(ours * total - rows * below).max(axis=-1) * share / total
    middle, half = below - sizes / 2, ours - counts / 2
    weights = sizes / (middle * (total - middle) - total * sizes / 4)
    spread = (total - 1) / total**2 * share * (weights * (total * half - rows * middle) ** 2).sum(axis=-1)
    return np.minimum(anderson_darling(spread), kolmogorov(gap, 1 / share))


def anderson_darling(distance: Vector) -> Vector:
    """The p-value of the distance of two samples, each of at least ``FEW`` values, hardly any of them twice.

    The statistic is that of Scholz and Stephens (1987), JASA 82, formula 7. Its law for many rows is that of a sum of squares
    of normal variables with weights 1 / (i (i + 1)); the tail of such a sum has a closed form (Zolotarev 1961), of which these
    are the first two terms. Within 2 per cent of the exact law below 0.1.
    """
    sure = np.maximum(distance, 0.1)
    tail = math.sqrt(3) * np.asarray(_erfc(np.sqrt(sure)), dtype=np.float64)
    return np.minimum(1.0, tail * (1 + 11 / (36 * sure)))


def kolmogorov(gap: Vector, rows: float) -> Vector:
    """The p-value of the greatest gap between two distribution functions; ``rows`` is n m / (n + m).

    Kolmogorov's law for many rows, which for fewer is on the safe side.
    """
    scaled = np.asarray(math.sqrt(rows) * gap)
    terms = np.arange(1, 12)
    signs = 1 - 2.0 * (terms % 2 == 0)
    series = 2 * (signs * np.exp(-2 * (terms * scaled[..., None]) ** 2)).sum(axis=-1)
    return np.where(scaled < 0.3, 1.0, np.clip(series, 0.0, 1.0))
