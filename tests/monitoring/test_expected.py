"""The error to expect without truths: right where its assumptions hold."""

import numpy as np
import pytest

from hearth.bundle import Conformal
from hearth.monitoring import expected
from hearth.training.metrics import classification


def test_calibrated_probabilities_foretell_accuracy_and_log_loss() -> None:
    """Of labels drawn from the probabilities themselves."""
    rng = np.random.default_rng(0)
    sure = rng.beta(0.6, 0.4, size=20_000)
    probabilities = np.column_stack([1 - sure, sure])
    actual = (rng.random(len(sure)) < sure).astype(np.float64)
    truth = classification(actual, probabilities)
    accuracy, loss = expected.of_probabilities(probabilities[:100], probabilities)
    assert accuracy.window == pytest.approx(truth["accuracy"], abs=0.01)
    assert loss.window == pytest.approx(truth["log_loss"], abs=0.01)
    assert accuracy.reference == pytest.approx(probabilities[:100].max(axis=1).mean())
    assert "calibrated" in accuracy.assumes


def test_a_certain_prediction_has_no_entropy() -> None:
    """Nor an infinite one."""
    certain = np.array([[0.0, 1.0], [1.0, 0.0]])
    assert [one.window for one in expected.of_probabilities(certain, certain)] == [1.0, 0.0]


def test_residuals_count_where_the_window_is() -> None:
    """Rows that the window is not like do not count; the reference's error is that of all."""
    residuals = np.array([1.0] * 60 + [5.0] * 60)
    odds = np.array([0.0] * 60 + [2.0] * 60)
    rmse, mae = expected.of_residuals(residuals, odds)
    assert (rmse.metric, rmse.window) == ("rmse", 5.0)
    assert rmse.reference == pytest.approx(13**0.5)
    assert (mae.metric, mae.reference, mae.window) == ("mae", 3.0, 5.0)
    assert "60 of 120 reference rows here)" in rmse.assumes


def test_a_window_like_hardly_any_reference_row_is_told() -> None:
    """What three rows say is nothing to rely on."""
    odds = np.array([1e-6] * 97 + [1.0] * 3)
    assert "too few to rely on" in expected.of_residuals(np.ones(100), odds)[0].assumes


def test_intervals_alone_know_of_no_drift() -> None:
    """The bound is the bundle's, on both sides, and what would be better is said."""
    (bound,) = expected.of_interval(Conformal(0.9, 2.5, 100))
    assert (bound.metric, bound.reference, bound.window) == ("error of 90 %", 2.5, 2.5)
    assert "--prepared" in bound.assumes
