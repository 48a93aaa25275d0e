"""Two models on the same rows: whether the one's loss is lower, and how sure that is."""

import numpy as np
from scipy import stats

from hearth.release.verdict import Outcome
from hearth.schema import Task
from hearth.training.metrics import OBJECTIVE
from hearth.training.table import Vector

# Where losses have heavy tails the two tests, asked for 5 %, promote up to 5.8 % of candidates that are exactly as good.
CAUTION = 1.25


def paired(task: Task, candidate: Vector, champion: Vector, alpha: float) -> Outcome:
    """Test one-sided that the candidate's objective is lower, from both sides' losses of n independent rows, shape (n,).

    What is tested is the mean difference of losses. These have heavy tails, and where one model is rarely and badly wrong
    their difference is skewed, which makes a t-test promote too often. So two tests have to agree: Student's t and the same
    after Hall's transformation, which takes the skewness out (Hall 1992, J. R. Statist. Soc. B 54, 221-228), both with some
    ``CAUTION``; the interval is the hull of theirs. A difference of RMSEs is that of mean squared errors over their sum.
    """
    scores = [float(losses.mean()) for losses in (candidate, champion)]
    unit = 1.0
    if task == "regression":
        scores = [float(np.sqrt(score)) for score in scores]
        unit = sum(scores) or 1.0
    low, high, p_value = _tests((candidate - champion) / unit, alpha)
    return Outcome(
        metric=OBJECTIVE[task],
        rows=len(candidate),
        candidate=scores[0],
        champion=scores[1],
        difference=scores[0] - scores[1],
        low=low,
        high=high,
        confidence=1 - 2 * alpha,
        p_value=p_value,
    )


def _tests(differences: Vector, alpha: float) -> tuple[float, float, float]:
    """The interval of the mean difference, of confidence 1 - 2 alpha, and the one-sided p-value."""
    count, mean, spread = len(differences), float(differences.mean()), float(differences.std())
    if spread == 0:
        return mean, mean, float(mean >= 0)
    size, skewness = np.sqrt(count - 1), float(np.mean((differences - mean) ** 3)) / spread**3
    statistic = mean / spread
    p_values = stats.t.cdf(size * np.array([statistic, _hall(statistic, skewness, count)]), count - 1)
    end = float(stats.t.ppf(1 - alpha / CAUTION, count - 1)) / size
    low = mean - spread * max(end, _undone(end, skewness, count))
    high = mean - spread * min(-end, _undone(-end, skewness, count))
    return float(low), float(high), min(1.0, CAUTION * float(p_values.max()))


def _hall(statistic: float, skewness: float, count: int) -> float:
    """Hall's transformation of a mean over its standard deviation; it rises everywhere, and without skewness is nothing."""
    return statistic + skewness * statistic**2 / 3 + skewness**2 * statistic**3 / 27 + skewness / (6 * count)


def _undone(value: float, skewness: float, count: int) -> float:
    """What Hall's transformation takes to ``value``."""
    inner = value - skewness / (6 * count)
    return inner if abs(skewness) < 1e-6 else float(3 / skewness * (np.cbrt(1 + skewness * inner) - 1))
