"""What a model must beat: estimators that see the same rows, prepared for them."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import RidgeCV
from tests.tiny import KINDS, Kind, coded, settings

from hearth.schema import Task
from hearth.training.baselines import BASELINES, ROWS_FOR_HISTOGRAMS, answer
from hearth.training.metrics import metrics
from hearth.training.table import Table

TASKS: dict[Kind, Task] = {"regression": "regression", "binary": "classification", "multiclass": "classification"}
NAMES = ("mean", "ridge", "random_forest", "gradient_boosting")


def halves(table: Table) -> tuple[Table, Table]:
    """Two thirds to learn from, one third to answer."""
    rows = np.arange(len(table))
    return table.take(rows[rows % 3 > 0]), table.take(rows[rows % 3 == 0])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_a_baseline_answers_every_row_also_with_gaps(kind: Kind, name: str) -> None:
    """Answers have the shape of the task and are finite; probabilities add up to 1; the same seed gives the same ones."""
    train, valid = halves(coded(kind))
    assert tuple(BASELINES[TASKS[kind]]) == NAMES
    build, prepare = BASELINES[TASKS[kind]][name], settings(kind).prepare
    found = answer(build, train, valid.x, prepare, seed=3)
    assert found.shape == ((len(valid),) if kind == "regression" else (len(valid), train.contract.target.outputs))
    assert np.isfinite(found).all()
    assert np.array_equal(found, answer(build, train, valid.x, prepare, seed=3))
    if kind != "regression":
        assert np.allclose(found.sum(axis=1), 1)


@pytest.mark.parametrize("name", NAMES)
def test_a_class_that_no_training_row_has_is_given_no_probability(name: str) -> None:
    """Columns stay those of the contract's classes."""
    train, valid = halves(coded("multiclass"))
    found = answer(
        BASELINES["classification"][name], train.take(np.flatnonzero(train.y != 1)), valid.x, settings("multiclass").prepare, 0
    )
    assert found.shape == (len(valid), 3)
    assert (found[:, 1] == 0).all()
    assert (found[:, [0, 2]] > 0).any(axis=0).all()


def test_the_mean_is_the_mean_of_the_rows_learnt_from() -> None:
    """The simplest baseline answers the training mean, or the training shares of the classes."""
    train, valid = halves(coded())
    found = answer(BASELINES["regression"]["mean"], train, valid.x, settings().prepare, 0)
    assert found == pytest.approx(np.full(len(valid), train.y.mean()))
    train, valid = halves(coded("multiclass"))
    shares = np.bincount(train.y.astype(int)) / len(train)
    found = answer(BASELINES["classification"]["mean"], train, valid.x, settings("multiclass").prepare, 0)
    assert found == pytest.approx(np.tile(shares, (len(valid), 1)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_baseline_that_learns_beats_the_mean(kind: Kind) -> None:
    """On a table with a law, each of the others has smaller errors."""
    train, valid = halves(coded(kind, rows=240))
    answers = {name: answer(build, train, valid.x, settings(kind).prepare, 0) for name, build in BASELINES[TASKS[kind]].items()}
    measured = {name: metrics(TASKS[kind], valid.y, found) for name, found in answers.items()}
    errors = {name: one["rmse"] if kind == "regression" else 1 - one["accuracy"] for name, one in measured.items()}
    assert all(error < 0.8 * errors["mean"] for name, error in errors.items() if name != "mean")


def test_gaps_are_filled_with_the_median_and_numbers_scaled_by_the_training_rows_whatever_the_settings() -> None:
    """Ridge equals a ridge on columns prepared by hand."""
    train, valid = halves(coded())
    sides = []
    for side in (train, valid):
        columns = []
        for i, feature in enumerate(train.contract.used):
            column = side.x[:, i]
            if feature.type == "category":
                columns += [column == code for code in range(len(feature.values))]
                continue
            median = np.nanmedian(train.x[:, i])
            known = np.where(np.isnan(train.x[:, i]), median, train.x[:, i])
            columns.append((np.where(np.isnan(column), median, column) - known.mean()) / known.std())
        sides.append(np.column_stack(columns).astype(float))
    expected = RidgeCV(alphas=np.logspace(-3, 3, 13)).fit(sides[0], train.y).predict(sides[1])
    for changed in ({}, {"imputation": "drop", "scaling": "none", "encoding": "ordinal"}):
        found = answer(BASELINES["regression"]["ridge"], train, valid.x, settings(prepare=changed).prepare, 0)
        assert found == pytest.approx(expected)


def test_the_rows_to_answer_have_no_say_in_the_preparation() -> None:
    """A row is answered alike alone and among rows with great values."""
    train, valid = halves(coded())
    build, prepare = BASELINES["regression"]["ridge"], settings().prepare
    among = np.vstack([valid.x, np.full((50, valid.x.shape[1]), 2.0)])
    assert np.allclose(
        answer(build, train, among, prepare, 0)[: len(valid)], answer(build, train, valid.x, prepare, 0), rtol=1e-12
    )


def test_a_feature_without_a_single_value_is_no_obstacle() -> None:
    """A column of gaps counts for nothing."""
    train, valid = halves(coded())
    x = train.x.copy()
    x[:, 0] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = answer(BASELINES["regression"]["ridge"], replace(train, x=x), valid.x, settings().prepare, 0)
    assert np.isfinite(found).all()


def test_gradient_boosting_works_on_histograms_where_rows_are_many() -> None:
    """Above the limit another estimator is built; below it not."""
    build = BASELINES["regression"]["gradient_boosting"]
    kinds: list[type[BaseEstimator]] = [type(build(rows, 0)) for rows in (ROWS_FOR_HISTOGRAMS, ROWS_FOR_HISTOGRAMS + 1)]
    assert kinds[0] is not HistGradientBoostingRegressor
    assert kinds[1] is HistGradientBoostingRegressor
