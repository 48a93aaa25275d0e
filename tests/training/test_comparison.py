"""Uncertainty of a score and of a difference: the formulas, and how often they are wrong."""

import math

import numpy as np
import pytest
from scipy import integrate
from tests.tiny import KINDS, Kind

from hearth.schema import Task
from hearth.training import comparison
from hearth.training.comparison import bootstrap, compare
from hearth.training.evaluation import Comparison
from hearth.training.metrics import metrics
from hearth.training.table import Vector


def compared(difference: list[float], test_share: float = 0.25, confidence: float = 0.95) -> Comparison:
    """The comparison of folds that differ by this much."""
    mine = [{"rmse": 10 + one, "other": 0.0} for one in difference]
    return compare("other", mine, [{"rmse": 10.0, "other": 9.0}] * len(difference), "rmse", test_share, confidence)


def density(t: float, freedom: int) -> float:
    """Student's t density, written out."""
    scale = math.gamma((freedom + 1) / 2) / (math.sqrt(freedom * math.pi) * math.gamma(freedom / 2))
    return float(scale * (1 + t * t / freedom) ** (-(freedom + 1) / 2))


def test_the_p_value_is_the_formula_of_nadeau_and_bengio() -> None:
    """The statistic is the mean over sqrt((1/J + n2/n1) s2) with J - 1 degrees of freedom, by the definition."""
    difference = [-0.3, -0.1, -0.5, 0.2, -0.4, -0.2, -0.6, 0.1, -0.3, -0.2]
    count, mean = len(difference), sum(difference) / len(difference)
    variance = sum((one - mean) ** 2 for one in difference) / (count - 1)
    error = math.sqrt((1 / count + 0.25) * variance)
    tail, _ = integrate.quad(density, abs(mean / error), math.inf, args=(count - 1,))
    found = compared(difference)
    assert found.difference.value == pytest.approx(mean)
    assert found.p_value == pytest.approx(2 * tail, rel=1e-6)


def test_the_interval_is_where_the_test_would_just_reject() -> None:
    """Differences moved by a bound of the interval have a p-value of one minus the confidence."""
    difference = np.array([-0.3, -0.1, -0.5, 0.2, -0.4])
    found = compared(difference.tolist(), confidence=0.9).difference
    assert found.low < found.value < found.high
    for bound in (found.low, found.high):
        assert compared((difference - bound).tolist()).p_value == pytest.approx(0.1)


def test_overlapping_training_rows_widen_the_interval() -> None:
    """The share of validation rows over training rows adds to the variance; without it the test is the plain one."""
    difference = [-0.3, -0.1, -0.5, 0.2, -0.4]
    plain, corrected = compared(difference, test_share=0), compared(difference, test_share=0.25)
    widths = [one.difference.high - one.difference.low for one in (plain, corrected)]
    assert widths[1] / widths[0] == pytest.approx(math.sqrt((1 / 5 + 0.25) / (1 / 5)))
    assert corrected.p_value > plain.p_value


def test_folds_without_spread_are_certain() -> None:
    """Equal folds cannot be told apart; folds that all differ by the same amount can."""
    assert compared([0.0, 0.0, 0.0]).p_value == 1
    sure = compared([0.5, 0.5, 0.5])
    assert (sure.difference.low, sure.difference.value, sure.difference.high) == (0.5, 0.5, 0.5)
    assert sure.p_value == 0


def test_under_a_null_the_corrected_test_rejects_about_as_often_as_it_says() -> None:
    """On 5 x 5 folds of two equally good predictors the plain test rejects far more than 5 % of the time, this one does not."""
    rng, trials, rows = np.random.default_rng(11), 400, 50
    rejected = {"plain": 0, "corrected": 0}
    for _ in range(trials):
        first, second = _means(rng, rows)
        for name, share in (("plain", 0.0), ("corrected", 0.25)):
            rejected[name] += compare("b", first, second, "rmse", share, 0.95).p_value < 0.05
    error = math.sqrt(0.05 * 0.95 / trials)
    assert rejected["corrected"] / trials < 0.05 + 4 * error
    assert rejected["corrected"] > 0
    assert rejected["plain"] / trials > 0.05 + 4 * error


def _means(rng: np.random.Generator, rows: int) -> tuple[list[dict[str, float]], list[dict[str, float]]]:
    """Squared errors over 5 x 5 folds of two predictors of y: the training means of two columns that equal it but for noise."""
    y = rng.normal(size=rows)
    columns = [y + rng.normal(scale=2, size=rows) for _ in range(2)]
    found: tuple[list[dict[str, float]], list[dict[str, float]]] = ([], [])
    for _ in range(5):
        fold = rng.permutation(rows) % 5
        for at in range(5):
            valid = fold == at
            for scores, column in zip(found, columns, strict=True):
                slope = np.polyfit(column[~valid], y[~valid], 1)
                scores.append({"rmse": float(np.mean((y[valid] - np.polyval(slope, column[valid])) ** 2))})
    return found


def answers(kind: Kind, rows: int, seed: int = 0) -> tuple[Vector, Vector]:
    """Truths, and answers that are mostly right."""
    rng = np.random.default_rng(seed)
    if kind == "regression":
        actual = rng.normal(10, 2, rows)
        return actual, actual + rng.normal(size=rows)
    count = 2 if kind == "binary" else 3
    actual = rng.integers(0, count, rows).astype(np.float64)
    scores = rng.dirichlet([1.0] * count, rows) + 0.3 * np.eye(count)[actual.astype(int)]
    return actual, scores / scores.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("kind", KINDS)
def test_every_metric_has_its_value_on_all_rows_and_an_interval_around_it(kind: Kind) -> None:
    """The value is the metric itself, and bounds are the percentiles of resampled rows drawn with the seed."""
    task: Task = "regression" if kind == "regression" else "classification"
    actual, scores = answers(kind, 40)
    found = bootstrap(task, actual, scores, 200, 0.9, seed=5)
    draws = np.random.default_rng(5).integers(40, size=(200, 40))
    resampled = [metrics(task, actual[rows], scores[rows]) for rows in draws]
    assert {name: one.value for name, one in found.items()} == metrics(task, actual, scores)
    for name, one in found.items():
        values = np.sort([each[name] for each in resampled])
        assert (one.low, one.high) == pytest.approx((np.percentile(values, 5), np.percentile(values, 95)))
        assert one.low < one.value < one.high


def test_an_interval_of_the_bootstrap_holds_the_truth_about_as_often_as_it_says() -> None:
    """Of 90 % intervals for a mean absolute error about nine in ten hold it."""
    truth, trials = math.sqrt(2 / math.pi), 200
    held = 0
    for seed in range(trials):
        actual = np.random.default_rng(seed).normal(size=80)
        one = bootstrap("regression", actual, np.zeros(80), 200, 0.9, seed=seed)["mae"]
        held += one.low <= truth <= one.high
    assert abs(held / trials - 0.9) < 4 * math.sqrt(0.9 * 0.1 / trials)


@pytest.mark.parametrize("kind", KINDS)
def test_smaller_resamples_of_many_rows_give_the_intervals_of_whole_ones(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of the rows each, and every metric's interval is as wide as before, around the same value."""
    task: Task = "regression" if kind == "regression" else "classification"
    actual, scores = answers(kind, 3000)
    whole = bootstrap(task, actual, scores, 600, 0.9, seed=5)
    monkeypatch.setattr(comparison, "MOST_ROWS", 300)
    small = bootstrap(task, actual, scores, 600, 0.9, seed=5)
    for name, one in whole.items():
        assert small[name].value == one.value
        assert small[name].low < one.value < small[name].high
        assert (small[name].high - small[name].low) / (one.high - one.low) == pytest.approx(1, abs=0.2)


def test_contenders_are_resampled_alike() -> None:
    """A contender that is worse by a constant factor on every row has the bounds of the other times that factor."""
    actual, scores = answers("regression", 40)
    one, other = (bootstrap("regression", actual, actual + k * (scores - actual), 100, 0.9, seed=1)["mae"] for k in (1, 3))
    assert (other.low, other.high) == pytest.approx((3 * one.low, 3 * one.high))
