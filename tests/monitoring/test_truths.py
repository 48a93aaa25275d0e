"""What the store joins, read by the contract."""

from dataclasses import replace

import numpy as np
import pytest
from tests.bundles import Tiny
from tests.monitoring.made import joined

from hearth.monitoring.truths import coded, read
from hearth.training.metrics import objective


def test_rows_are_coded_as_the_model_saw_them(tiny: Tiny) -> None:
    """The model says of the coded rows what is stored as its answer."""
    rows = joined(tiny, 30)
    found = read(tiny.bundle.contract, rows)
    assert found.x.shape == (30, len(tiny.bundle.contract.names))
    assert np.array_equal(tiny.predictor.scores(found.x), found.scores)
    assert len(found) == 30


def test_errors_add_up_to_the_objective(tiny: Tiny) -> None:
    """Squared and averaged they are the squared RMSE, averaged as they are the log loss."""
    found = read(tiny.bundle.contract, joined(tiny, 50))
    task = tiny.bundle.contract.target.task
    mean = np.sqrt(np.mean(found.errors**2)) if task == "regression" else np.mean(found.errors)
    assert mean == pytest.approx(objective(task, found.actual, found.scores))


@pytest.mark.parametrize("wrong", [True, "3", float("nan"), float("inf"), 1e300])
def test_what_is_no_truth_of_a_regression_is_left_out(regression: Tiny, wrong: float | str | bool) -> None:
    """Labels, booleans, and numbers that no model predicts; the others keep their places."""
    rows = joined(regression, 3)
    found = read(regression.bundle.contract, replace(rows, actual=[rows.actual[0], wrong, rows.actual[2]]))
    assert found.places.tolist() == [0, 2]
    assert found.actual.tolist() == [rows.actual[0], rows.actual[2]]
    assert found.at.tolist() == [rows.at[0], rows.at[2]]


def test_what_is_no_truth_of_a_classification_is_left_out(binary: Tiny) -> None:
    """Classes that the contract does not have, and numbers."""
    rows = replace(joined(binary, 4), actual=["no", "maybe", 1.0, "yes"])
    found = read(binary.bundle.contract, rows)
    assert found.places.tolist() == [0, 3]
    assert found.actual.tolist() == [0, 1]


def test_answers_of_another_kind_of_model_are_left_out(regression: Tiny, binary: Tiny) -> None:
    """Probabilities where a number is predicted, and the reverse, and of another number of classes."""
    numbers, probabilities = joined(regression, 2), joined(binary, 2)
    mixed = replace(numbers, scores=[probabilities.scores[0], numbers.scores[1]])
    assert read(regression.bundle.contract, mixed).places.tolist() == [1]
    three = replace(probabilities, scores=[[0.2, 0.3, 0.5], probabilities.scores[1]])
    assert read(binary.bundle.contract, three).places.tolist() == [1]


def test_values_of_another_contract_are_missing(regression: Tiny) -> None:
    """A column that is not there, a category that is unknown, a value of another type."""
    features: dict[str, list[float | str | bool | None]] = {
        "size": ["big", 2.0, True],
        "colour": ["red", "pink", 3.0],
        "old": [True, 1.0, None],
        "gone": [1, 2, 3],
    }
    rows = replace(joined(regression, 3), features=features)
    x = coded(regression.bundle.contract, rows)
    assert np.array_equal(
        x, [[np.nan, np.nan, 1, 0, np.nan], [2, np.nan, np.nan, np.nan, np.nan], [np.nan] * 5], equal_nan=True
    )


def test_no_rows_are_no_fault(tiny: Tiny) -> None:
    """An empty store gives empty columns of the right shape."""
    found = read(tiny.bundle.contract, joined(tiny, 0))
    assert len(found) == 0
    assert found.scores.shape == ((0, tiny.bundle.contract.target.outputs) if found.scores.ndim > 1 else (0,))
    assert found.x.shape == (0, len(tiny.bundle.contract.names))


def test_some_rows_can_be_taken(regression: Tiny) -> None:
    """Every column goes along."""
    found = read(regression.bundle.contract, joined(regression, 10, keys=("a", "b")))
    some = found.take(found.tellers == "a")
    assert 0 < len(some) < 10
    assert set(some.tellers) == {"a"}
    assert np.array_equal(some.errors, found.errors[some.places])
