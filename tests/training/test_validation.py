"""Cross-validation of one recipe: each row answered by a model that did not see it, nothing fitted outside the fold."""

from dataclasses import replace

import numpy as np
import pytest
from tests.tiny import KINDS, Kind, coded, settings

from hearth.training.fitting import Recipe, fit, fit_transform
from hearth.training.folds import pairs
from hearth.training.metrics import metrics
from hearth.training.selection import default_attribution
from hearth.training.split import repeated_folds
from hearth.training.validation import cross_validate, measured, out_of_fold

SEED = 3
RECIPE = Recipe(6, {"max_depth": 3, "learning_rate": 0.3, "subsample": 0.7})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("percentile", [None, 40])
def test_a_fold_is_answered_by_a_model_of_its_training_rows_alone(kind: Kind, percentile: float | None) -> None:
    """Each fold's answers equal those of a transform, a choice of features and a fit made by hand on its training rows."""
    table, prepare = coded(kind), settings(kind).prepare
    folds, recipe = repeated_folds(table, 3, 2, SEED), replace(RECIPE, percentile=percentile)
    validated = cross_validate(table, folds, prepare, recipe, SEED)
    assert len(validated) == 6
    for (train, valid), one in zip(pairs(folds), validated, strict=True):
        part = table.take(train)
        names = default_attribution(part, prepare, SEED).kept(percentile) if percentile else table.contract.names
        transform = fit_transform(table.contract, part.x, prepare).subset(names)
        model = fit(part, recipe, transform, prepare, SEED)
        assert np.array_equal(one.rows, valid)
        assert np.array_equal(one.scores, model.scores(table.x[valid], table.contract))


def test_a_validation_row_has_no_say_in_the_model_that_answers_it() -> None:
    """Another target and another gap in the rows of a fold change no answer to the other rows of that fold."""
    table, prepare = coded(), settings().prepare
    folds = repeated_folds(table, 3, 1, SEED)
    recipe = replace(RECIPE, percentile=40)
    valid = np.flatnonzero(folds[0] == 1)
    x, y = table.x.copy(), table.y.copy()
    y[valid] += 100
    x[valid[0]] = np.nan
    before, after = (cross_validate(one, folds, prepare, recipe, SEED)[1] for one in (table, replace(table, x=x, y=y)))
    assert np.array_equal(before.scores[1:], after.scores[1:])
    assert before.scores[0] != after.scores[0]


@pytest.mark.parametrize("kind", KINDS)
def test_each_repeat_answers_every_row_of_the_table_once_in_its_order(kind: Kind) -> None:
    """Out-of-fold answers stand at the rows of the table that they answer, one array a repeat."""
    table = coded(kind)
    folds = repeated_folds(table, 3, 2, SEED)
    validated = cross_validate(table, folds, settings(kind).prepare, RECIPE, SEED)
    repeats = out_of_fold(validated, 2)
    assert [len(answers) for answers in repeats] == [len(table)] * 2
    for at, one in enumerate(validated):
        assert np.array_equal(repeats[at // 3][one.rows], one.scores)


@pytest.mark.parametrize("kind", KINDS)
def test_a_fold_is_measured_against_its_own_rows(kind: Kind) -> None:
    """Every metric of the task is taken of each fold's answers and the truths of the same rows."""
    table, chosen = coded(kind), settings(kind)
    validated = cross_validate(table, repeated_folds(table, 3, 1, SEED), chosen.prepare, RECIPE, SEED)
    expected = [metrics(chosen.data.task, table.y[one.rows], one.scores) for one in validated]
    assert list(measured(table, validated)) == expected
    assert len({tuple(one.values()) for one in expected}) == 3


def test_rows_with_gaps_are_answered_where_fits_leave_them_out() -> None:
    """With ``imputation: drop`` no row with a gap is learnt from, and each is answered all the same."""
    table, prepare = coded(), settings(prepare={"imputation": "drop"}).prepare
    gaps = np.isnan(table.x).any(axis=1)
    folds = repeated_folds(table, 3, 1, SEED)
    changed = replace(table, y=np.where(gaps, 1000.0, table.y))
    first, second = (out_of_fold(cross_validate(one, folds, prepare, RECIPE, SEED), 1)[0] for one in (table, changed))
    assert 0 < gaps.sum() < len(table)
    assert np.isfinite(first).all()
    assert np.array_equal(first, second)
