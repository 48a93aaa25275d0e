"""What makes an answer of a model's scores, fitted to out-of-fold predictions: conformal quantiles, temperature, threshold."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hearth.bundle.decision import EVEN, Decision, labels
from hearth.bundle.intervals import Conformal, scores
from hearth.params import Params
from hearth.training.deciding import Decided, decide, tempered
from hearth.training.fitting import Recipe
from hearth.training.folds import Folds
from hearth.training.table import Table, Vector
from hearth.training.validation import cross_validate, out_of_fold


@dataclass(frozen=True, slots=True)
class Calibrated:
    """The quantile over all repeats of some folds, the ``answers`` of the first, and what makes answers of a classification.

    Answers are as the bundle's model gives them: with its temperature.
    """

    conformal: Conformal
    answers: Vector
    decided: Decided

    @property
    def decision(self) -> Decision:
        """What makes probabilities and labels of margins."""
        return self.decided.decision


def calibrate(table: Table, folds: Folds, recipe: Recipe, settings: Params) -> Calibrated:
    """Answer each row out of fold, in all repeats, and fit to that what the settings ask for.

    The coverage that is stated is ``export.coverage``, or more where the label alone, which every label set has, holds more.
    """
    repeats = out_of_fold(cross_validate(table, folds, settings.prepare, recipe, settings.tuning.seed), len(folds))
    decided = Decided()
    if settings.export.decides and table.contract.target.task == "classification":
        decided = decide(table.y, repeats, folds, settings.export)
        repeats = [tempered(answer, decided.decision.temperature) for answer in repeats]
    fitted = Conformal.fit(np.concatenate([scores(table.y, answer) for answer in repeats]), settings.export.coverage)
    stated = max(fitted.coverage, held_by_the_label(table.y, repeats, decided.decision.threshold))
    return Calibrated(replace(fitted, coverage=stated), repeats[0], decided)


def held_by_the_label(actual: Vector, repeats: Sequence[Vector], threshold: float = EVEN) -> float:
    """The share of rows of which the label is the truth, one more row counted as wrong; 0 for a regression.

    Rounded down to 4 digits, so never 1.
    """
    if repeats[0].ndim == 1:
        return 0.0
    right = float(np.mean([np.mean(labels(answer, threshold) == actual) for answer in repeats]))
    return math.floor(1e4 * right * len(actual) / (len(actual) + 1)) / 1e4


def cross_coverage(
    actual: Vector, repeats: Sequence[Vector], folds: Folds, coverage: float, threshold: float = EVEN
) -> tuple[float, float]:
    """Share of rows that their interval or label set holds, and its mean width or size.

    The quantile for the rows of a fold comes from the other folds of the same repeat (cross-conformal prediction, Vovk 2015).
    """
    held, widths = [], []
    for answer, assigned in zip(repeats, folds, strict=True):
        score = scores(actual, answer)
        for fold in range(int(assigned.max()) + 1):
            rows = assigned == fold
            hits, width = holds(Conformal.fit(score[~rows], coverage), actual[rows], answer[rows], threshold)
            held.append(hits)
            widths.append(width)
    return float(np.concatenate(held).mean()), float(np.concatenate(widths).mean())


def holds(conformal: Conformal, actual: Vector, answer: Vector, threshold: float = EVEN) -> tuple[Vector, Vector]:
    """For each row: 1 where its interval or label set holds the truth, and the width or size."""
    if answer.ndim == 1:
        lower, upper = conformal.interval(answer)
        return ((lower <= actual) & (actual <= upper)).astype(np.float64), upper - lower
    members = conformal.label_sets(answer, threshold)
    return members[np.arange(len(actual)), actual.astype(np.intp)].astype(np.float64), members.sum(axis=1).astype(np.float64)
