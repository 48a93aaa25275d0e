import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hearth.bundle.intervals import Conformal, Vector, scores

SCORES = hnp.arrays(np.float64, st.integers(1, 60), elements=st.floats(0, 1e6))
COVERAGES = st.floats(0.01, 0.99)


@given(SCORES, COVERAGES)
def test_the_quantile_covers_its_share_of_the_scores(values: Vector, coverage: float) -> None:
    """At least ceil((n + 1) coverage) of n scores are within it, or all; it is one of them."""
    fitted, n = Conformal.fit(values, coverage), len(values)
    assert fitted.quantile in values
    assert (values <= fitted.quantile).sum() >= min(np.ceil((n + 1) * coverage), n)
    assert (values < fitted.quantile).sum() < np.ceil((n + 1) * coverage)


@pytest.mark.parametrize("coverage", [0.5, 0.9])
def test_coverage_of_new_rows_is_nominal(coverage: float) -> None:
    """Over many draws of exchangeable scores it is between nominal and nominal + 1 / (n + 1)."""
    rng, n, draws = np.random.default_rng(0), 39, 20000
    values = rng.exponential(size=(draws, n + 1))
    hits = np.mean([row[n] <= Conformal.fit(row[:n], coverage).quantile for row in values])
    slack = 4 * np.sqrt(coverage * (1 - coverage) / draws)
    assert coverage - slack <= hits <= coverage + 1 / (n + 1) + slack


def test_too_few_scores_give_the_greatest() -> None:
    """Nine tenths of three is more than three can say."""
    assert Conformal.fit(np.array([1.0, 3.0, 2.0]), 0.9) == Conformal(coverage=0.9, quantile=3.0, rows=3)


def test_an_interval_lies_around_the_prediction() -> None:
    """As wide on both sides as the quantile."""
    lower, upper = Conformal(0.9, 1.5, 10).interval(np.array([1.0, -2.0]))
    assert (lower.tolist(), upper.tolist()) == ([-0.5, -3.5], [2.5, -0.5])


@given(hnp.arrays(np.float64, (5, 3), elements=st.floats(0.01, 1)), st.floats(0, 1))
def test_a_label_set_holds_the_likely_classes_and_always_the_likeliest(raw: Vector, quantile: float) -> None:
    """No set is empty; a class belongs to it where its score is within the quantile."""
    p = raw / raw.sum(axis=1, keepdims=True)
    members = Conformal(0.9, quantile, 10).label_sets(p)
    assert members[np.arange(5), p.argmax(axis=1)].all()
    others = np.arange(3) != p.argmax(axis=1)[:, None]
    np.testing.assert_array_equal(members[others], (p >= 1 - quantile)[others])


def test_scores_are_distances_or_what_is_missing_to_certainty() -> None:
    """|actual - predicted|, or 1 - p(actual)."""
    assert scores(np.array([1.0, 2.0]), np.array([3.0, 1.5])).tolist() == [2.0, 0.5]
    assert scores(np.array([1.0, 0.0]), np.array([[0.25, 0.75], [0.5, 0.5]])).tolist() == [0.25, 0.5]


@given(COVERAGES, st.floats(0, 1e300), st.integers(1, 10**9))
def test_conformal_survives_json(coverage: float, quantile: float, rows: int) -> None:
    """To the last bit."""
    ours = Conformal(coverage, quantile, rows)
    assert Conformal.from_dict(json.loads(json.dumps(ours.to_dict()))) == ours


@pytest.mark.parametrize(
    ("coverage", "quantile", "rows"),
    [(0, 1, 1), (1, 1, 1), (0.9, -1, 1), (0.9, float("nan"), 1), (0.9, float("inf"), 1), (0.9, 1, 0), (float("nan"), 1, 1)],
)
def test_what_no_calibration_gives_is_refused(coverage: float, quantile: float, rows: int) -> None:
    """An altered file does not become an interval."""
    with pytest.raises(ValueError, match="conformal quantile"):
        Conformal(coverage, quantile, rows)


@pytest.mark.parametrize("values", [[], [1.0, float("nan")], [float("inf")]])
def test_no_scores_and_scores_that_are_not_finite_give_no_quantile(values: list[float]) -> None:
    """NaN would sort last, and be the quantile of nothing."""
    with pytest.raises(ValueError, match="needs scores"):
        Conformal.fit(np.array(values), 0.9)
