"""Conformal quantiles: taken out of fold, and holding what they promise."""

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.tiny import KINDS, Kind, coded, settings

from hearth.bundle.intervals import Conformal
from hearth.training.conformal import calibrate, cross_coverage, held_by_the_label, holds
from hearth.training.deciding import Decided
from hearth.training.fitting import Recipe
from hearth.training.split import repeated_folds
from hearth.training.validation import cross_validate, out_of_fold

Vector = NDArray[np.float64]
RECIPE = Recipe(6, {"max_depth": 3, "learning_rate": 0.3})


def law(rows: int, seed: int) -> tuple[Vector, Vector, NDArray[np.int16]]:
    """Truths with skewed noise around the answers to them, and five folds."""
    rng = np.random.default_rng(seed)
    answer = rng.normal(size=rows)
    return answer + rng.exponential(size=rows) - 1, answer, (rng.permutation(rows) % 5).astype(np.int16)[None]


def classes(rows: int, seed: int) -> tuple[Vector, Vector]:
    """Classes drawn from the probabilities that are the answers."""
    rng = np.random.default_rng(seed)
    answer = rng.dirichlet([0.7] * 3, size=rows)
    return (rng.random(rows)[:, None] > answer.cumsum(axis=1)).sum(axis=1).astype(np.float64), answer


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.95])
def test_intervals_hold_the_share_of_truths_that_they_promise(coverage: float) -> None:
    """On a law the cross-conformal share is within four standard errors of the nominal one."""
    rows = 4000
    actual, answer, folds = law(rows, seed=1)
    share, width = cross_coverage(actual, [answer], folds, coverage)
    error = np.sqrt(coverage * (1 - coverage) / rows)
    assert abs(share - coverage) < 4 * error
    assert width == pytest.approx(2 * np.quantile(np.abs(actual - answer), coverage), rel=0.05)


@pytest.mark.parametrize("coverage", [0.8, 0.95])
def test_label_sets_hold_the_share_of_truths_that_they_promise(coverage: float) -> None:
    """Where probabilities are true the share of label sets with the truth is no less than promised, and sets stay small."""
    rows = 4000
    actual, answer = classes(rows, seed=2)
    folds = (np.arange(rows) % 5).astype(np.int16)[None]
    share, size = cross_coverage(actual, [answer], folds, coverage)
    assert share > coverage - 4 * np.sqrt(coverage * (1 - coverage) / rows)
    assert 1 <= size < 3


def test_the_rows_of_a_fold_have_no_say_in_their_own_quantile() -> None:
    """A fold of great errors is held by none of its intervals, and widens those of the others."""
    actual, folds = np.zeros(50), (np.arange(50) % 5).astype(np.int16)
    answer = np.where(folds == 0, 100.0, 1.0)
    share, width = cross_coverage(actual, [answer], folds[None], 0.85)
    assert share == pytest.approx(0.8)
    assert width == pytest.approx((10 * 2 + 40 * 200) / 50)


def test_coverage_is_the_mean_over_repeats() -> None:
    """Two repeats count alike."""
    actual, answer, folds = law(300, seed=4)
    other = answer + 1
    both = cross_coverage(actual, [answer, other], np.vstack([folds, folds]), 0.8)
    apart = [cross_coverage(actual, [one], folds, 0.8) for one in (answer, other)]
    assert both == pytest.approx(tuple(np.mean(apart, axis=0)))


@pytest.mark.parametrize("kind", KINDS)
def test_the_quantile_is_that_of_answers_to_rows_not_seen(kind: Kind) -> None:
    """Calibration pools the out-of-fold scores of every repeat and returns the answers of the first."""
    table, chosen = coded(kind), settings(kind, export={"coverage": 0.8, "calibration": "none"})
    folds = repeated_folds(table, 3, 2, 5)
    repeats = out_of_fold(cross_validate(table, folds, chosen.prepare, RECIPE, chosen.tuning.seed), 2)
    codes = table.y.astype(int)
    scores = [abs(table.y - one) if kind == "regression" else 1 - one[np.arange(len(one)), codes] for one in repeats]
    found = calibrate(table, folds, RECIPE, chosen)
    assert found.decided == Decided()
    assert np.array_equal(found.answers, repeats[0])
    rank = int(np.ceil((2 * len(table) + 1) * 0.8))
    stated = max(0.8, held_by_the_label(table.y, repeats))
    assert found.conformal == Conformal(stated, np.sort(np.concatenate(scores))[rank - 1], 2 * len(table))


def test_label_sets_state_what_they_hold_where_the_label_alone_holds_more_than_was_asked_for() -> None:
    """Of sure and right answers 9 of 10: a row more that is wrong, rounded down; nothing of a regression."""
    actual, answer = np.zeros(100), np.tile([0.9, 0.1], (100, 1))
    answer[:10] = [0.2, 0.8]
    assert held_by_the_label(actual, [answer, answer]) == 0.8910
    assert held_by_the_label(actual, [answer, answer], 0.05) == 0
    assert held_by_the_label(actual, [np.zeros(100)]) == 0
    assert held_by_the_label(np.zeros(10**6), [np.tile([0.9, 0.1], (10**6, 1))]) < 1


def test_an_interval_holds_its_bounds() -> None:
    """A truth on the bound counts as held, one beyond it does not."""
    hits, width = holds(Conformal(0.9, 2.0, 10), np.array([2.0, -2.0, 2.1]), np.zeros(3))
    assert hits.tolist() == [1, 1, 0]
    assert width.tolist() == [4, 4, 4]


def test_a_label_set_holds_every_class_that_is_probable_enough() -> None:
    """Sets hold the classes at or above one minus the quantile, and the most probable one."""
    answer = np.array([[0.5, 0.25, 0.25], [0.125, 0.75, 0.125]])
    hits, size = holds(Conformal(0.9, 0.75, 10), np.array([1.0, 0.0]), answer)
    assert hits.tolist() == [1, 0]
    assert size.tolist() == [3, 1]
