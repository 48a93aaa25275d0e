"""What predictions are worth, held against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as sk

from hearth.bundle.transform import Matrix
from hearth.training.metrics import (
    HIGHER_IS_BETTER,
    OBJECTIVE,
    auc,
    calibration_error,
    confusion,
    metrics,
    objective,
    of_classes,
    summary,
)
from hearth.training.table import Vector

VALUES = st.floats(-1e6, 1e6, allow_subnormal=False)
PAIRS = hnp.arrays(np.float64, st.tuples(st.just(2), st.integers(2, 30)), elements=VALUES)


@st.composite
def answers(draw: st.DrawFn) -> tuple[Vector, Matrix]:
    """Class codes and probabilities, some of them 0, of two to four classes."""
    k, n = draw(st.integers(2, 4)), draw(st.integers(1, 25))
    actual = draw(hnp.arrays(np.int64, n, elements=st.integers(0, k - 1)))
    weights = draw(hnp.arrays(np.float64, (n, k), elements=st.floats(0, 1).map(lambda value: round(value, 2))))
    weights[weights.sum(axis=1) == 0] = 1
    return actual.astype(np.float64), weights / weights.sum(axis=1, keepdims=True)


@given(PAIRS)
def test_a_regression_is_measured_as_scikit_learn_does(pair: Matrix) -> None:
    """RMSE, MAE, R2 and MAPE equal scikit-learn's."""
    actual, predicted = pair
    if np.ptp(actual) < 1e-3:
        return
    expected = {
        "rmse": sk.root_mean_squared_error(actual, predicted),
        "mae": sk.mean_absolute_error(actual, predicted),
        "r2": sk.r2_score(actual, predicted),
        "mape": sk.mean_absolute_percentage_error(actual, predicted),
    }
    assert metrics("regression", actual, predicted) == pytest.approx(expected, rel=1e-9)


@given(answers())
def test_a_classification_is_measured_as_scikit_learn_does(answer: tuple[Vector, Matrix]) -> None:
    """Accuracy, macro F1 and log loss equal scikit-learn's, probabilities of 0 included."""
    actual, probabilities = answer
    predicted, classes = probabilities.argmax(axis=1), list(range(probabilities.shape[1]))
    expected = {
        "accuracy": sk.accuracy_score(actual, predicted),
        "balanced_accuracy": sk.recall_score(actual, predicted, labels=np.unique(actual), average="macro", zero_division=0),
        "macro_f1": sk.f1_score(actual, predicted, average="macro", zero_division=0),
        "weighted_f1": sk.f1_score(actual, predicted, average="weighted", zero_division=0),
        "log_loss": sk.log_loss(actual, probabilities, labels=classes),
    }
    found = metrics("classification", actual, probabilities)
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert set(found) - set(expected) == {"auc"}


@given(answers())
def test_the_area_under_the_curve_is_that_of_scikit_learn(answer: tuple[Vector, Matrix]) -> None:
    """Of two classes that of the second, of more the mean over those that some rows are of and some are not."""
    actual, probabilities = answer
    columns = [1] if probabilities.shape[1] == 2 else range(probabilities.shape[1])
    told = [code for code in columns if 0 < (actual == code).sum() < len(actual)]
    if told:
        expected = np.mean([sk.roc_auc_score(actual == code, probabilities[:, code]) for code in told])
        assert auc(actual, probabilities) == pytest.approx(expected, rel=1e-9)
    else:
        assert np.isnan(auc(actual, probabilities))


@given(answers())
def test_the_table_of_the_classes_is_that_of_scikit_learn(answer: tuple[Vector, Matrix]) -> None:
    """Precision, recall, F1 and rows of each class; 0 where there is nothing to divide by."""
    actual, probabilities = answer
    k = probabilities.shape[1]
    predicted = probabilities.argmax(axis=1)
    each = of_classes(confusion(actual, predicted, k))
    expected = sk.precision_recall_fscore_support(actual, predicted, labels=list(range(k)), zero_division=0)
    np.testing.assert_allclose([each.precision, each.recall, each.f1, each.rows], np.array(expected), rtol=1e-12)


def test_what_is_sure_and_wrong_is_out_of_calibration() -> None:
    """By the distance of the stated from the observed share, weighted by rows; certainty that is right costs nothing."""
    sure = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
    assert calibration_error(np.array([0.0, 1, 0, 0]), sure) == 0
    assert calibration_error(np.array([0.0, 1, 1, 1]), sure) == 0.5
    split = np.array([[0.9, 0.1], [0.6, 0.4]])
    assert calibration_error(np.zeros(2), split) == pytest.approx((0.1 + 0.4) / 2)


@given(answers())
def test_the_confusion_matrix_is_that_of_scikit_learn(answer: tuple[Vector, Matrix]) -> None:
    """Rows are actual classes, columns predicted ones, classes that nobody has included."""
    actual, probabilities = answer
    predicted, k = probabilities.argmax(axis=1), probabilities.shape[1]
    np.testing.assert_array_equal(
        confusion(actual, predicted, k), sk.confusion_matrix(actual.astype(int), predicted, labels=list(range(k)))
    )


@given(answers(), PAIRS)
def test_the_objective_is_the_metric_of_its_name(answer: tuple[Vector, Matrix], pair: Matrix) -> None:
    """What a search minimises is among the metrics that are reported, and is one of which less is better."""
    assert objective("classification", *answer) == metrics("classification", *answer)[OBJECTIVE["classification"]]
    assert objective("regression", *pair) == metrics("regression", *pair)[OBJECTIVE["regression"]]
    assert not HIGHER_IS_BETTER & set(OBJECTIVE.values())


def test_r2_of_a_constant_target_is_not_a_number() -> None:
    """Where there is no variance there is none to explain."""
    assert np.isnan(metrics("regression", np.ones(3), np.arange(3.0))["r2"])


def test_a_summary_has_mean_and_sample_sd() -> None:
    """The standard deviation divides by n - 1; of one fold it is 0."""
    folds = [{"rmse": 1.0, "mae": 2.0}, {"rmse": 4.0, "mae": 2.0}]
    assert summary(folds) == {"rmse": {"mean": 2.5, "sd": pytest.approx(4.5**0.5)}, "mae": {"mean": 2.0, "sd": 0.0}}
    assert summary(folds[:1]) == {"rmse": {"mean": 1.0, "sd": 0.0}, "mae": {"mean": 2.0, "sd": 0.0}}
