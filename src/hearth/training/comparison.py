"""Uncertainty of a score, and of the difference between two."""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

from hearth.bundle.decision import EVEN
from hearth.schema import Task
from hearth.training.evaluation import Comparison, Estimate
from hearth.training.metrics import metrics
from hearth.training.table import Vector

# Rows at most of a resample: a classification of 200 000 rows and 5 classes took half an hour.
MOST_ROWS = 20_000


def bootstrap(
    task: Task, actual: Vector, scores: Vector, resamples: int, confidence: float, seed: int, threshold: float = EVEN
) -> dict[str, Estimate]:
    """Every metric with its percentile interval over resampled rows (Efron and Tibshirani, 1993).

    The same seed and number of rows draw the same resamples, so that contenders are compared on equal terms. One resample at a
    time is in memory. Of more than ``MOST_ROWS`` rows it has so many, and how far it deviates counts times the root of their
    share (Bickel, Goetze and van Zwet, 1997): by so much an interval of all rows is narrower.
    """
    rng, size = np.random.default_rng(seed), min(len(actual), MOST_ROWS)
    draws = (rng.integers(len(actual), size=size) for _ in range(resamples))
    drawn = [metrics(task, actual[rows], scores[rows], threshold) for rows in draws]
    return {
        name: _estimate(value, [one[name] for one in drawn], confidence, size / len(actual))
        for name, value in metrics(task, actual, scores, threshold).items()
    }


def _estimate(value: float, drawn: Sequence[float], confidence: float, share: float) -> Estimate:
    low, high = np.nanpercentile(drawn, [50 * (1 - confidence), 50 * (1 + confidence)]).tolist()
    if share == 1:
        return Estimate(value, low, high)
    return Estimate(value, *(value + share**0.5 * (end - value) for end in (low, high)))


def compare(
    name: str,
    winner: Sequence[Mapping[str, float]],
    other: Sequence[Mapping[str, float]],
    objective: str,
    test_share: float,
    confidence: float,
) -> Comparison:
    """The corrected resampled t-test of Nadeau and Bengio (2003) on the same folds.

    ``test_share`` is validation rows over training rows of a fold; it widens the variance for the overlap of training sets.
    """
    difference = np.array([mine[objective] - theirs[objective] for mine, theirs in zip(winner, other, strict=True)])
    mean, count = float(difference.mean()), len(difference)
    error = float(np.sqrt((1 / count + test_share) * difference.var(ddof=1)))
    if error == 0:
        return Comparison(name, Estimate(mean, mean, mean), 1.0 if mean == 0 else 0.0)
    half = float(stats.t.ppf((1 + confidence) / 2, count - 1)) * error
    p_value = 2 * float(stats.t.sf(abs(mean) / error, count - 1))
    return Comparison(name, Estimate(mean, mean - half, mean + half), p_value)
