"""Two models on the same rows: the formulas, and how often they are wrong."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from hearth.release.paired import CAUTION, _hall, _undone, paired
from hearth.training.metrics import log_loss, losses, rmse
from hearth.training.table import Vector

Pairs = tuple[Vector, Vector]
unhurried = settings(deadline=None)  # a busy machine is no fault of the code


def drawn(seed: int, count: int = 60, heavy: bool = True) -> Pairs:
    """Losses of two models on the same rows."""
    rng = np.random.default_rng(seed)
    errors = rng.standard_t(3, (2, count)) if heavy else rng.normal(size=(2, count))
    return errors[0] ** 2, (0.8 * errors[0] + 0.6 * errors[1]) ** 2


def test_the_scores_are_the_metrics() -> None:
    """The RMSE of a regression, the mean log loss of a classification, and their difference."""
    rng = np.random.default_rng(0)
    actual, one, two = rng.normal(size=(3, 50))
    found = paired("regression", losses("regression", actual, one), losses("regression", actual, two), 0.05)
    assert found.metric == "rmse"
    assert [found.candidate, found.champion] == pytest.approx([rmse(actual, one), rmse(actual, two)], rel=1e-5)
    assert found.difference == pytest.approx(rmse(actual, one) - rmse(actual, two), rel=1e-4)
    codes, shares = rng.integers(0, 3, 50).astype(float), rng.dirichlet(np.ones(3), (2, 50))
    each = [losses("classification", codes, one) for one in shares]
    found = paired("classification", each[0], each[1], 0.05)
    assert found.metric == "log_loss"
    assert [found.candidate, found.champion] == pytest.approx([log_loss(codes, one) for one in shares], rel=1e-5)
    assert (found.rows, found.confidence) == (50, 0.9)


def test_without_skewness_it_is_students_t_test() -> None:
    """As scipy computes it, of the differences of log losses, with the caution that heavy tails ask for."""
    half = np.random.default_rng(1).normal(size=40)
    difference = np.concatenate([half, -half]) - 0.2
    champion = np.full(80, 5.0)
    found = paired("classification", champion + difference, champion, 0.05)
    theirs = stats.ttest_1samp(difference, 0, alternative="less")
    assert found.p_value == pytest.approx(theirs.pvalue * CAUTION, rel=1e-4)
    interval = stats.ttest_1samp(difference, 0).confidence_interval(1 - 0.1 / CAUTION)
    assert [found.low, found.high] == pytest.approx([interval.low, interval.high], rel=1e-4)


@unhurried
@given(st.integers(0, 10_000), st.sampled_from([0.01, 0.05, 0.2]), st.floats(0.5, 2))
def test_the_interval_ends_below_zero_exactly_where_the_test_is_passed(seed: int, alpha: float, factor: float) -> None:
    """Whatever the losses, the interval and the p-value say the same."""
    mine, theirs = drawn(seed)
    found = paired("regression", mine * factor, theirs, alpha)
    assert found.low <= found.difference <= found.high
    if abs(found.p_value - alpha) > 1e-4:
        assert (found.high < 0) == (found.p_value < alpha)


@unhurried
@given(st.integers(0, 10_000))
def test_the_two_sides_are_treated_alike(seed: int) -> None:
    """Swapped, the scores are swapped, the difference and its interval mirrored, and both are never better."""
    mine, theirs = drawn(seed)
    one, two = paired("regression", mine, theirs, 0.05), paired("regression", theirs, mine, 0.05)
    assert (one.candidate, one.champion) == (two.champion, two.candidate)
    assert (one.low, one.difference, one.high) == pytest.approx((-two.high, -two.difference, -two.low))
    assert one.p_value + two.p_value >= 1 - 1e-6


@unhurried
@given(st.floats(-8, 8), st.floats(-0.5, 0.5), st.integers(10, 1000))
def test_halls_transformation_can_be_undone(skewness: float, value: float, count: int) -> None:
    """The interval goes back by the inverse of what the p-value went forth by."""
    assert _undone(_hall(value, skewness, count), skewness, count) == pytest.approx(value, abs=1e-6)


def test_models_that_answer_alike_cannot_be_told_apart() -> None:
    """Equal losses are no difference; losses that all differ alike are a sure one; none at all is no fault."""
    same = np.arange(1.0, 21)
    found = paired("classification", same, same, 0.05)
    assert (found.difference, found.low, found.high, found.p_value) == (0, 0, 0, 1)
    assert paired("classification", same - 1, same, 0.05).p_value == 0
    assert paired("classification", same + 1, same, 0.05).p_value == 1
    assert paired("regression", np.zeros(20), np.zeros(20), 0.05).p_value == 1
    assert paired("regression", np.zeros(20), same, 0.05).p_value < 0.01


def test_a_model_that_is_rarely_and_badly_wrong_is_not_taken_for_a_good_one() -> None:
    """Better on most rows and far worse on one in thirty, so as good in all: the t-test promotes it far too often."""
    rng, trials, plain, ours = np.random.default_rng(3), 1000, 0, 0
    rare, count = 1 / 30, 200
    for _ in range(trials):
        champion = rng.chisquare(3, count)
        difference = np.where(rng.random(count) < rare, 0.3 * (1 - rare) / rare, -0.3) * rng.exponential(size=count)
        plain += stats.ttest_1samp(difference, 0, alternative="less").pvalue < 0.05
        ours += paired("classification", champion + difference, champion, 0.05).p_value < 0.05
    assert plain / trials > 0.1
    assert ours / trials < 0.075


@pytest.mark.parametrize("heavy", [False, True])
def test_equally_good_models_are_promoted_about_as_often_as_alpha_says(heavy: bool) -> None:
    """In 1000 comparisons on 200 rows of losses with light and with heavy tails."""
    promoted = [paired("regression", *drawn(seed, 200, heavy), 0.05).p_value < 0.05 for seed in range(1000)]
    assert 0.01 <= np.mean(promoted) <= 0.055
