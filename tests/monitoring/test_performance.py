"""The model's error against what its bundle promises."""

import json
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from tests.bundles import Tiny
from tests.monitoring.made import joined, scored_bundle

from hearth.artifacts import rounded
from hearth.errors import BundleError
from hearth.monitoring.performance import Baseline, Performance, Rule, against, judged, measure
from hearth.monitoring.truths import read
from hearth.training.evaluation import Estimate
from hearth.training.metrics import metrics


def measured(tiny: Tiny, mean: float, rows: int = 300, noise: float = 1.0, sd: float = 0.0) -> Performance:
    """Honest truths with this noise against a bundle of this objective."""
    bundle = scored_bundle(tiny, mean, sd)
    return measure(read(bundle.contract, joined(tiny, rows, noise=noise)), bundle.conformal, bundle.metadata)


def test_the_metrics_are_those_of_training(tiny: Tiny) -> None:
    """All of the task, each inside its interval, and the objective over the bundle's."""
    found = measured(tiny, 0.5)
    truths = read(tiny.bundle.contract, joined(tiny, 300, noise=1.0))
    expected = metrics(tiny.bundle.contract.target.task, truths.actual, truths.scores)
    assert {name: one.value for name, one in found.metrics.items()} == pytest.approx(expected)
    assert all(one.low <= one.value <= one.high for one in found.metrics.values())
    assert found.ratio.value == pytest.approx(expected[found.objective] / 0.5)
    assert found.rows == 300


def test_a_model_as_good_as_its_bundle_says_is_fine(regression: Tiny) -> None:
    """And one that is better."""
    assert measured(regression, 1.0, sd=0.1).verdict == "fine"
    assert measured(regression, 5.0).verdict == "fine"


def test_a_worse_model_is_degraded(regression: Tiny) -> None:
    """By more than the rule allows, and surely."""
    found = measured(regression, 0.7, sd=0.07)
    assert found.verdict == "degraded"
    assert found.ratio.low > 1


def test_a_classification_is_judged_by_its_log_loss(multiclass: Tiny) -> None:
    """Classes that are drawn from the probabilities cost the probabilities' entropy."""
    truths = read(multiclass.bundle.contract, joined(multiclass, 300))
    entropy = float(-np.mean(np.sum(truths.scores * np.log(truths.scores), axis=1)))
    assert measured(multiclass, entropy, sd=0.1 * entropy).verdict == "fine"
    assert measured(multiclass, entropy / 2, sd=0.05 * entropy).verdict == "degraded"


def test_few_truths_are_too_few(regression: Tiny) -> None:
    """However wrong they are."""
    assert measured(regression, 0.01, rows=49).verdict == "insufficient_data"
    assert measured(regression, 0.01, rows=50).verdict == "degraded"


@pytest.mark.parametrize(
    ("ratio", "verdict"),
    [
        (Estimate(1.09, 1.05, 1.2), "fine"),  # surely worse, and by less than is allowed
        (Estimate(1.5, 0.99, 2.0), "fine"),  # much worse, and it may be chance
        (Estimate(1.11, 1.01, 1.2), "degraded"),
        (Estimate(float("inf"), float("nan"), float("nan")), "fine"),
    ],
)
def test_degraded_is_what_is_worse_enough_and_surely(ratio: Estimate, verdict: str) -> None:
    """Both, not one of them."""
    assert judged(100, ratio, Rule()) == verdict


def test_the_uncertainty_of_the_bundle_widens_the_interval() -> None:
    """Half-widths of the logarithms add in squares; with a sure bundle the interval is that of the error alone."""
    error = Estimate(2.0, 1.6, 2.5)
    sure = against(error, Baseline({}, 1.0, 0.0))
    assert (sure.low, sure.high) == pytest.approx((1.6, 2.5))
    unsure = against(error, Baseline({}, 1.0, 0.1))
    assert np.log(2 / unsure.low) == pytest.approx(np.hypot(np.log(2 / 1.6), 1.959964 * 0.1), rel=1e-5)
    assert np.log(unsure.high / 2) == pytest.approx(np.hypot(np.log(2.5 / 2), 1.959964 * 0.1), rel=1e-5)


def test_the_baseline_is_the_error_of_many_rows() -> None:
    """The root mean square over the folds, with the standard error of five of them."""
    found = Baseline.of("regression", {"metrics": {"cv": {"rmse": {"mean": 3.0, "sd": 0.4}}}})
    assert found.value == pytest.approx(np.sqrt(np.mean(np.array([2.6, 3.4]) ** 2)))
    assert found.error == pytest.approx(0.4 / found.value / 5**0.5)
    assert Baseline.of("classification", {"metrics": {"cv": {"log_loss": {"mean": 0.5, "sd": 0.1}}}}).value == 0.5


@pytest.mark.parametrize(
    "metadata", [{}, {"metrics": None}, {"metrics": {"cv": {}}}, {"metrics": {"cv": {"rmse": {"mean": "x"}}}}]
)
def test_a_bundle_that_says_nothing_of_its_scores_is_no_measure(metadata: Mapping[str, object]) -> None:
    """The message says what to do."""
    with pytest.raises(BundleError, match="does not say what the model scored"):
        Baseline.of("regression", metadata)


def test_the_rule_comes_with_the_bundle() -> None:
    """What it does not say is the default; thresholds of others are left to others."""
    assert Rule.of({}) == Rule(0.1, 50)
    assert Rule.of({"monitoring": {"max_degradation": 0.25, "window": 9}}) == Rule(0.25, 50)
    assert Rule.of({"monitoring": {"min_feedback": 7}}).min_feedback == 7
    for wrong in (3, {"min_feedback": "many"}, {"max_degradation": None}):
        with pytest.raises(BundleError, match="monitoring is no rule"):
            Rule.of({"monitoring": wrong})


def test_the_coverage_is_counted_with_an_exact_interval(regression: Tiny) -> None:
    """Truths that are the answers are all inside; those beyond the quantile are not."""
    bundle = scored_bundle(regression, 1.0)
    truths = read(bundle.contract, joined(regression, 100))
    shift = np.where(np.arange(100) < 80, 0.0, 2 * bundle.conformal.quantile)
    found = measure(replace(truths, actual=truths.scores + shift), bundle.conformal, bundle.metadata)
    assert found.coverage.value == 0.8
    assert (found.coverage.low, found.coverage.high) == pytest.approx((0.7082, 0.8733), abs=1e-4)
    assert found.nominal == 0.9


def test_truths_that_are_all_one_number_have_no_r2(regression: Tiny) -> None:
    """Which is null in JSON, and no warning."""
    bundle = scored_bundle(regression, 1.0)
    rows = replace(joined(regression, 60), actual=[5.0] * 60)
    found = measure(read(bundle.contract, rows), bundle.conformal, bundle.metadata)
    assert np.isnan(found.metrics["r2"].value)
    assert json.loads(json.dumps(rounded(found.metrics["r2"].value))) is None


def test_false_alarms_are_rare_and_a_loss_is_seen() -> None:
    """Heavy-tailed errors, a baseline from 500 rows, 60 truths: at most 5 % alarms, and over 80 % at twice the error.

    The rule "more than 10 % above" alone alarms on more than 15 %.
    """
    rng = np.random.default_rng(0)
    alarms = {1.0: 0, 2.0: 0}
    naive = 0
    for _ in range(150):
        table = rng.standard_t(4, 500)
        folds = np.array([np.sqrt(np.mean(part**2)) for part in np.split(table, 5)])
        cv = {"rmse": {"mean": folds.mean(), "sd": folds.std(ddof=1)}}
        baseline = Baseline.of("regression", {"metrics": {"cv": cv}})
        errors = rng.standard_t(4, 60)
        drawn = np.sqrt(np.mean(errors[rng.integers(60, size=(200, 60))] ** 2, axis=1))
        plain = Estimate(float(np.sqrt(np.mean(errors**2))), *np.percentile(drawn, [2.5, 97.5]).tolist())
        naive += plain.value > 1.1 * baseline.value
        for scale in alarms:
            scaled = Estimate(scale * plain.value, scale * plain.low, scale * plain.high)
            alarms[scale] += judged(60, against(scaled, baseline), Rule()) == "degraded"
    assert alarms[1.0] <= 0.05 * 150 < 0.15 * 150 < naive
    assert alarms[2.0] >= 0.8 * 150


def test_labels_are_those_that_were_served(binary: Tiny) -> None:
    """Accuracy and F1 are of labels at the bundle's threshold; the log loss and the verdict do not depend on it."""
    bundle = scored_bundle(binary, 0.5)
    truths, metadata = read(bundle.contract, joined(binary, 300)), bundle.metadata
    even = measure(truths, bundle.conformal, metadata)
    low = measure(truths, bundle.conformal, {**metadata, "threshold": {"aim": "f1", "value": 0.1}})
    expected = metrics("classification", truths.actual, truths.scores, 0.1)
    assert {name: one.value for name, one in low.metrics.items()} == expected
    assert low.metrics["accuracy"] != even.metrics["accuracy"]
    assert low.metrics["log_loss"] == even.metrics["log_loss"]
    assert low.coverage.value >= even.coverage.value
