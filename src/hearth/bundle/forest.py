"""Rows through all trees at once: XGBoost's own bits, in a fraction of its time.

The method is QuickScorer's: Lucchese et al. (2015), SIGIR, "QuickScorer: a fast algorithm to rank documents with additive
ensembles of regression trees". The value of a feature leaves some leaves of each tree within reach, as a mask of bits; the
masks of all features together leave one leaf of each tree. Here a mask is looked up: cuts divide the values of a feature into
slots, and all values of a slot go the same ways through all trees.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from hearth.bundle.native import Handled
from hearth.bundle.transform import Matrix, Transform
from hearth.bundle.trees import Trees
from hearth.bundle.trees import read as read_trees

MOST_BYTES = 32 << 20  # of masks
BLOCK = 128  # rows whose masks are in the processor's cache at once
# Bytes of masks a tree that many rows are worth: with 12 features they take 0.7 to 1 of XGBoost's time, with 60 four times it.
WORTH = 100

Keys = NDArray[np.int64]
Singles = NDArray[np.float32]
Masks = NDArray[np.uint8 | np.uint16 | np.uint32 | np.uint64]

_sums = np.add.accumulate
GREATEST = int(np.array(np.finfo(np.float64).max).view(np.int64))


class Forest:
    """The margins of a booster. Nothing in it changes after construction.

    ``quick`` says whether ``many`` takes less time than XGBoost on one thread.
    """

    def __init__(self, trees: Trees, positions: Sequence[int], cuts: Sequence[Matrix], masks: Sequence[Masks]) -> None:
        """Of each feature: its position in a row, its cuts, and the masks of its slots (slots, trees), the last for NaN."""
        firsts = list(accumulate((len(mask) for mask in masks), initial=0))
        table = np.concatenate(masks)
        # NaN is below nothing: bisect takes it past the infinity at the end, to the last slot.
        ends = [(*cut.tolist(), np.inf) for cut in cuts]
        rows = [list(table[first:end]) for first, end in pairwise(firsts)]
        self._slots = list(zip(positions, ends, rows, strict=True))
        # Methods are bound once: at this speed it counts.
        self._masks, self._ones = table.take, np.ones_like(table[0])
        self._all = ~np.zeros_like(table[0])
        self._leaves = trees.value[trees.leaf].take
        self._offsets = np.searchsorted(trees.tree[trees.leaf], np.arange(len(trees.roots)))
        self._groups = trees.groups
        self._columns = [(at, first, np.array(cut)) for at, first, cut in zip(positions, firsts, ends, strict=False)]
        self.quick = len(masks) * table.itemsize <= WORTH

    @classmethod
    def of(cls, booster: Handled, transform: Transform, positions: Sequence[int]) -> "Forest | None":
        """The forest of a booster that sees ``transform``'s columns; its features stand at ``positions`` of a row.

        None where it does not apply: another booster than ``gbtree``, a tree of more than 64 leaves or with several values a
        leaf, splits by category, categories that are scaled, more than 32 MiB of masks.
        """
        trees = read_trees(booster)
        if trees is None or _scales_categories(transform):
            return None
        cuts, kind = cuts_of(trees, transform), narrowest(trees)
        if sum(len(cut) + 2 for cut in cuts) * len(trees.roots) * kind.itemsize > MOST_BYTES:
            return None
        return cls(trees, positions, cuts, [mask.astype(kind) for mask in masks_of(trees, transform, cuts)])

    def margins(self, values: Sequence[float]) -> Singles:
        """The margin of each output for one row of coded values, NaN for missing, none infinite: shape (groups,)."""
        reached = self._all.copy()
        for at, cuts, masks in self._slots:  # one by one: masks gathered for one call of numpy take twice the time
            reached &= masks[bisect_right(cuts, values[at])]
        reached -= self._ones  # of each tree one bit was left
        leaves = self._leaves(np.bitwise_count(reached) + self._offsets)
        # The sums go in order, as XGBoost's: they round. Of one group they need no second axis, which costs as much as they do.
        sums: Singles = _sums(leaves)[-1:] if self._groups == 1 else _sums(leaves.reshape(self._groups, -1), 1)[:, -1]
        return sums

    def many(self, rows: Matrix) -> Singles:
        """``margins`` of coded rows, to the same bit: shape (n, groups)."""
        if len(rows) < 2:
            return np.array([self.margins(row) for row in rows.tolist()], dtype=np.float32).reshape(-1, self._groups)
        slots = np.stack([first + np.searchsorted(cuts, rows[:, at], "right") for at, first, cuts in self._columns])
        blocks = np.array_split(slots, -(-len(rows) // BLOCK), axis=1)
        return np.concatenate([self._block(block) for block in blocks])

    def _block(self, slots: NDArray[np.intp]) -> Singles:
        """Of two rows or more: numpy adds along an axis in order only where another one lies closer together in memory."""
        reached = self._masks(slots[0], 0)
        for column in slots[1:]:
            reached &= self._masks(column, 0)
        leaves = self._leaves(np.add(np.bitwise_count(reached - self._ones).T, self._offsets[:, None], order="C"))
        sums: Singles = np.add.reduce(leaves.reshape(self._groups, -1, len(reached)), 1).T
        return sums


def cuts_of(trees: Trees, transform: Transform) -> list[Matrix]:
    """Of each feature the coded values, ascending, from which on some way through the trees is another."""
    thresholds = [np.unique(trees.value[nodes]) for nodes in _splits(trees, transform)]
    most = max(map(len, thresholds))
    padded = np.stack([np.pad(one, (0, most - len(one)), constant_values=np.nan) for one in thresholds], axis=1)
    plain = replace(transform, levels=(0,) * len(transform.levels))
    least = _least(plain, padded)
    return [_finite(least[:, i]) if level == 0 else _around(level) for i, level in enumerate(transform.levels)]


def masks_of(trees: Trees, transform: Transform, cuts: Sequence[Matrix]) -> Iterator[NDArray[np.uint64]]:
    """Of each feature what each slot leaves within reach, a bit a leaf: shape (slots, trees), the last slot for NaN."""
    most = max(map(len, cuts)) + 2
    values = np.stack([np.pad(_inside(cut), (0, most - len(cut) - 1), constant_values=np.nan) for cut in cuts], axis=1)
    columns = _columns(transform, values)
    for nodes, cut in zip(_splits(trees, transform), cuts, strict=True):
        masks = np.tile(trees.below[trees.roots], (len(cut) + 2, 1))
        owners, starts = np.unique(trees.tree[nodes], return_index=True)
        for mask, column in zip(masks if len(nodes) else (), columns, strict=False):
            value = column[trees.column[nodes]]
            left = np.where(np.isnan(value), trees.missing_left[nodes], value < trees.value[nodes])
            lost = trees.below[np.where(left, trees.right[nodes], trees.left[nodes])]
            mask[owners] &= np.bitwise_and.reduceat(~lost, starts)
        yield masks


def _scales_categories(transform: Transform) -> bool:
    parts = zip(transform.levels, transform.shift, transform.scale, strict=True)
    return any(level and (shift, scale) != (0, 1) for level, shift, scale in parts)


def narrowest(trees: Trees) -> np.dtype[np.unsignedinteger]:
    """The least kind of mask that has a bit for each leaf of any tree."""
    return np.min_scalar_type(trees.below.max())


def _splits(trees: Trees, transform: Transform) -> list[NDArray[np.intp]]:
    """Of each feature the nodes that split one of its columns."""
    feature = np.repeat(np.arange(len(transform.features)), transform.widths)[trees.column]
    return [np.flatnonzero(~trees.leaf & (feature == i)) for i in range(len(transform.features))]


def _columns(transform: Transform, values: Matrix) -> Singles:
    """What the booster sees of coded values: single precision, in which the greatest become infinite."""
    with np.errstate(over="ignore"):
        return transform.apply(values).astype(np.float32)


def _least(plain: Transform, thresholds: Singles) -> Matrix:
    """The least value that is not below a threshold when the booster sees it, exactly; NaN where all are, or none.

    Found by bisection over the bits: transforming, rounding to single precision and comparing never turn the order round.
    """
    low, high = np.full(thresholds.shape, -GREATEST), np.full(thresholds.shape, GREATEST)
    between = (_columns(plain, _floats(low)) < thresholds) & ~(_columns(plain, _floats(high)) < thresholds)
    for _ in range(64):
        middle = (low & high) + ((low ^ high) >> 1)  # the mean, rounded down, which never leaves 64 bits
        below = _columns(plain, _floats(middle)) < thresholds
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.where(between, _floats(high), np.nan)


def _floats(keys: Keys) -> Matrix:
    """The doubles in their order: 0 is 0.0, 1 the least above it, -1 the greatest below it."""
    sizes = np.abs(keys).view(np.float64)
    return np.where(keys < 0, -sizes, sizes)


def _finite(least: Matrix) -> Matrix:
    return np.unique(least[~np.isnan(least)])


def _around(level: int) -> Matrix:
    """Cuts at and straight after each code: between two codes there is a category that no column stands for."""
    codes = np.arange(float(level))
    return np.stack([codes, np.nextafter(codes, np.inf)], axis=1).ravel()


def _inside(cuts: Matrix) -> Matrix:
    """One value of each slot but that of NaN."""
    return np.concatenate([np.nextafter(cuts[:1], -np.inf), cuts]) if len(cuts) else np.zeros(1)
