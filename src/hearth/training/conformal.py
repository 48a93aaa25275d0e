"""Conformal quantiles from out-of-fold predictions, and how well they hold."""

from collections.abc import Sequence

import numpy as np

from hearth.bundle.intervals import Conformal, scores
from hearth.params import PrepareParams
from hearth.training.fitting import Recipe
from hearth.training.folds import Folds
from hearth.training.table import Table, Vector
from hearth.training.validation import cross_validate, out_of_fold


def calibrate(
    table: Table, folds: Folds, prepare: PrepareParams, recipe: Recipe, seed: int, coverage: float
) -> tuple[Conformal, Vector]:
    """The quantile over all repeats of the folds, and the out-of-fold answers of the first."""
    repeats = out_of_fold(cross_validate(table, folds, prepare, recipe, seed), len(folds))
    return Conformal.fit(np.concatenate([scores(table.y, answer) for answer in repeats]), coverage), repeats[0]


def cross_coverage(actual: Vector, repeats: Sequence[Vector], folds: Folds, coverage: float) -> tuple[float, float]:
    """Share of rows that their interval or label set holds, and its mean width or size.

    The quantile for the rows of a fold comes from the other folds of the same repeat (cross-conformal prediction, Vovk 2015).
    """
    held, widths = [], []
    for answer, assigned in zip(repeats, folds, strict=True):
        score = scores(actual, answer)
        for fold in range(int(assigned.max()) + 1):
            rows = assigned == fold
            hits, width = holds(Conformal.fit(score[~rows], coverage), actual[rows], answer[rows])
            held.append(hits)
            widths.append(width)
    return float(np.concatenate(held).mean()), float(np.concatenate(widths).mean())


def holds(conformal: Conformal, actual: Vector, answer: Vector) -> tuple[Vector, Vector]:
    """For each row: 1 where its interval or label set holds the truth, and the width or size."""
    if answer.ndim == 1:
        lower, upper = conformal.interval(answer)
        return ((lower <= actual) & (actual <= upper)).astype(np.float64), upper - lower
    members = conformal.label_sets(answer)
    return members[np.arange(len(actual)), actual.astype(np.intp)].astype(np.float64), members.sum(axis=1).astype(np.float64)
