"""Can a classifier tell a window's rows from the reference's? It sees what no single column shows, as a lost correlation."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from hearth.bundle.transform import Matrix

Vector = NDArray[np.float64]
FOLDS, ROUNDS, BINS = 5, 20, 32
DRAWS = 199  # permutations at most
_ENOUGH = 10  # permutations that do as well as what was seen, after which no more are needed
_SETTINGS = {
    "objective": "binary:logistic", "max_depth": 3, "learning_rate": 0.2, "min_child_weight": 2, "max_bin": BINS, "nthread": 1,
    "seed": 0,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Domain:
    """How well the two are told apart: ``auc`` 0.5 not at all, 1 always; out of fold.

    ``p_value`` is the chance of such an AUC where there is no difference, from permutations of which row is whose. ``leading``
    are the columns that the classifier went by, the most telling first. ``odds`` (reference rows,) are how much more of the
    window than of the reference is like each row of the reference.
    """

    auc: float
    p_value: float
    leading: tuple[str, ...]
    odds: Vector


def tell_apart(names: Sequence[str], reference: Matrix, window: Matrix, draws: int = DRAWS) -> Domain:
    """Train a small XGBoost on which row is whose, coded as in a bundle; always the same answer for the same rows.

    Sources: Lopez-Paz and Oquab (2017), ICLR, for the test; Besag and Clifford (1991), Biometrika 78, for when to stop.
    """
    mine = np.concatenate([np.zeros(len(reference)), np.ones(len(window))])
    judge = _Judge(np.vstack([reference, window]))
    said, gains = judge.said(mine)
    seen = auc(mine, said)
    odds = said[: len(reference)] / (1 - said[: len(reference)]) * len(reference) / len(window)
    order = np.argsort(-gains, kind="stable")
    leading = tuple(names[at] for at in order[:3].tolist() if gains[at] > 0)
    return Domain(seen, _p_value(judge, mine, seen, draws), leading, odds)


def auc(mine: Vector, said: Vector) -> float:
    """The chance that a row of the window scores above one of the reference; ties count half (Mann and Whitney 1947)."""
    _, at, counts = np.unique(said, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[at]
    ones = int(mine.sum())
    return float((ranks[mine == 1].sum() - ones * (ones + 1) / 2) / (ones * (len(mine) - ones)))


class _Judge:
    """Rows in folds, binned once: what is asked again and again is only whose they are."""

    def __init__(self, x: Matrix) -> None:
        self._x = x
        folds = np.random.default_rng(0).permutation(len(x)) % FOLDS
        self._kept = [folds != fold for fold in range(FOLDS)]
        self._data = [xgb.QuantileDMatrix(x[kept], max_bin=BINS, nthread=1) for kept in self._kept]

    def said(self, mine: Vector) -> tuple[Vector, Vector]:
        """The probability that each row is the window's, by a model that had not seen it, and the gain of each column."""
        said, gains = np.empty(len(mine)), np.zeros(self._x.shape[1])
        for kept, data in zip(self._kept, self._data, strict=True):
            data.set_label(mine[kept])
            booster = xgb.train(_SETTINGS, data, ROUNDS)
            said[~kept] = booster.inplace_predict(self._x[~kept])
            for name, gain in booster.get_score(importance_type="total_gain").items():
                gains[int(name[1:])] += float(gain)
        return said, gains


def _p_value(judge: _Judge, mine: Vector, seen: float, draws: int) -> float:
    rng = np.random.default_rng(1)
    hits = 0
    for done in range(1, draws + 1):
        shuffled = rng.permutation(mine)
        hits += auc(shuffled, judge.said(shuffled)[0]) >= seen
        if hits >= _ENOUGH:
            return hits / done
    return (hits + 1) / (draws + 1)
