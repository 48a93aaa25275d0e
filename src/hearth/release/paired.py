"""Two models on the same rows: whether the one's loss is lower, and how sure that is."""

import numpy as np
from scipy import stats

from hearth.release.verdict import Outcome
from hearth.schema import Task
from hearth.training.metrics import OBJECTIVE
from hearth.training.table import Vector


def paired(task: Task, candidate: Vector, champion: Vector, alpha: float) -> Outcome:
    """Test one-sided that the candidate's objective is lower, from both sides' losses of n independent rows, shape (n,).

    Losses have heavy tails, and where one model is rarely and badly wrong their difference is skewed, which makes a t-test
    of it promote too often. So two tests have to agree: Student's t and the same after Hall's transformation, which takes
    the skewness out (Hall 1992, J. R. Statist. Soc. B 54, 221-228); the interval is the hull of theirs. A difference of
    roots (RMSE) is linearised (delta method).
    """
    root = task == "regression"
    (mine, my_part), (theirs, their_part) = (_score(losses, root) for losses in (candidate, champion))
    difference, part = mine - theirs, my_part - their_part
    low, high, p_value = _tests(difference, part, alpha)
    return Outcome(
        metric=OBJECTIVE[task],
        rows=len(part),
        candidate=mine,
        champion=theirs,
        difference=difference,
        low=low,
        high=high,
        confidence=1 - 2 * alpha,
        p_value=p_value,
    )


def _score(losses: Vector, root: bool) -> tuple[float, Vector]:
    """The mean loss, or its root, and each row's part in what it strays from its expectation, mean 0."""
    mean = float(losses.mean())
    if not root:
        return mean, losses - mean
    score = float(np.sqrt(mean))
    return score, (losses - mean) / (2 * score or 1)


def _tests(difference: float, part: Vector, alpha: float) -> tuple[float, float, float]:
    """The interval of confidence 1 - 2 alpha, and the one-sided p-value."""
    count, spread = len(part), float(part.std())
    if spread == 0:
        return difference, difference, 0.5 if difference == 0 else float(difference > 0)
    size, skewness = np.sqrt(count - 1), float(np.mean(part**3)) / spread**3
    statistic = difference / spread
    p_values = stats.t.cdf(size * np.array([statistic, _hall(statistic, skewness, count)]), count - 1)
    end = float(stats.t.ppf(1 - alpha, count - 1)) / size
    low = difference - spread * max(end, _undone(end, skewness, count))
    high = difference - spread * min(-end, _undone(-end, skewness, count))
    return float(low), float(high), float(p_values.max())


def _hall(statistic: float, skewness: float, count: int) -> float:
    """Hall's transformation of a mean over its standard deviation; it rises everywhere, and without skewness is nothing."""
    return statistic + skewness * statistic**2 / 3 + skewness**2 * statistic**3 / 27 + skewness / (6 * count)


def _undone(value: float, skewness: float, count: int) -> float:
    """What Hall's transformation takes to ``value``."""
    inner = value - skewness / (6 * count)
    return inner if abs(skewness) < 1e-6 else float(3 / skewness * (np.cbrt(1 + skewness * inner) - 1))
