"""A temperature and a threshold: fitted out of fold, kept where they pay, harmless where nothing can be learnt."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from sklearn.metrics import balanced_accuracy_score, f1_score, precision_score, recall_score
from tests.tiny import settings

from hearth.bundle.booster import as_scores
from hearth.bundle.decision import Decision
from hearth.params import Aim, ExportParams, ThresholdParams
from hearth.training.deciding import (
    COLDEST,
    HOTTEST,
    cross_fitted,
    decide,
    fit_of,
    fit_temperature,
    fit_threshold,
    tempered,
    worth,
)
from hearth.training.folds import Folds, pairs
from hearth.training.metrics import log_loss

Vector = NDArray[np.float64]


def drawn(classes: int, rows: int, seed: int, sharp: float, spread: float = 1.5) -> tuple[Vector, Vector]:
    """Truths drawn from probabilities, and those probabilities made too sure by a factor ``sharp`` on their margins."""
    rng = np.random.default_rng(seed)
    margins = spread * rng.normal(size=(rows, classes))
    if classes == 2:
        margins = margins[:, 1] - margins[:, 0]
    honest = as_scores(margins, classes)
    actual = (rng.random(rows)[:, None] > honest.cumsum(axis=1)).sum(axis=1).clip(0, classes - 1)
    return actual.astype(np.float64), as_scores(margins * sharp, classes)


def folded(rows: int, folds: int = 5, repeats: int = 1) -> Folds:
    """Folds of about equal size."""
    rng = np.random.default_rng(7)
    return np.stack([rng.permutation(rows) % folds for _ in range(repeats)]).astype(np.int16)


def export(calibration: str = "temperature", aim: Aim = "accuracy", precision: float | None = None) -> ExportParams:
    """The settings of the tiny tables with these."""
    return settings("binary", export={"calibration": calibration, "threshold": {"aim": aim, "precision": precision}}).export


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("sharp", [0.5, 1.0, 3.0])
def test_a_temperature_undoes_what_made_answers_too_sure(classes: int, sharp: float) -> None:
    """Of margins that were multiplied it is about that factor, and it has the lowest log loss of all temperatures."""
    actual, answer = drawn(classes, 6000, 1, sharp)
    found = fit_temperature(actual, answer)
    assert found == pytest.approx(sharp, rel=0.1)
    least = minimize_scalar(lambda heat: log_loss(actual, tempered(answer, heat)), bounds=(0.1, 10), method="bounded").fun
    assert log_loss(actual, tempered(answer, found)) == pytest.approx(least, abs=1e-5)


def test_the_row_against_certainty_costs_little_where_most_answers_are_sure() -> None:
    """Of seven classes and answers that are nearly all right, the temperature found is about the one of the lowest log loss."""
    actual, answer = drawn(7, 2000, 2, 1.4, spread=20.0)
    heats = np.geomspace(0.5, 3, 200)
    losses = [log_loss(actual, tempered(answer, heat)) for heat in heats]
    assert log_loss(actual, tempered(answer, fit_temperature(actual, answer))) == pytest.approx(min(losses), rel=0.01)


@given(st.integers(2, 5), st.integers(0, 99), st.floats(0.2, 5))
def test_tempered_probabilities_are_those_of_divided_margins(classes: int, seed: int, heat: float) -> None:
    """Rows still add up to 1, the order of the classes stays, and 1 changes no bit."""
    _, answer = drawn(classes, 30, seed, 1.0)
    found = tempered(answer, heat)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert np.array_equal(found.argsort(axis=1), answer.argsort(axis=1))
    raw = np.log(answer)
    np.testing.assert_allclose(found, as_scores(raw[:, 1] - raw[:, 0] if classes == 2 else raw, classes, heat), rtol=1e-9)
    assert tempered(answer, 1.0) is answer


@pytest.mark.parametrize(
    "answer",
    [
        np.eye(3)[np.arange(30) % 3],
        np.full((30, 3), 1 / 3),
        np.eye(3)[(np.arange(30) + 1) % 3],
        np.where(np.eye(3)[np.arange(30) % 3] > 0, 0.98, 0.01),
        np.eye(2)[np.arange(30) % 2],
    ],
    ids=["separated", "flat", "all wrong", "nearly separated", "two separated"],
)
def test_answers_that_teach_nothing_give_a_temperature_in_bounds(answer: Vector) -> None:
    """Certain, flat or wholly wrong answers, zeros among them, end at a bound or before, and leave finite probabilities."""
    actual = (np.arange(30) % answer.shape[1]).astype(np.float64)
    found = fit_temperature(actual, answer)
    assert COLDEST <= found <= HOTTEST
    assert np.isfinite(tempered(answer, found)).all()


def test_a_class_that_is_missing_in_a_fold_stops_nothing() -> None:
    """The others' rows decide."""
    actual, answer = drawn(3, 60, 3, 2.0)
    order = np.argsort(actual, kind="stable")
    folds = np.empty((1, 60), dtype=np.int16)
    folds[0, order] = np.arange(60) * 3 // 60
    found = decide(actual, [answer], folds, export())
    assert found.log_loss is not None
    assert np.isfinite(found.log_loss).all()


def test_a_fold_is_judged_with_what_the_others_say() -> None:
    """Other truths in a fold change no answer to its rows, and those of others do."""
    actual, answer = drawn(2, 300, 4, 3.0)
    folds, fit = folded(300), fit_of(export(aim="f1"), scaled=True)
    before = cross_fitted(actual, [answer], folds, fit)
    _, rows = next(pairs(folds))
    changed = actual.copy()
    changed[rows] = 1 - actual[rows]
    after = cross_fitted(changed, [answer], folds, fit)
    assert np.array_equal(before[0].rows, rows)
    assert np.array_equal(before[0].scores, after[0].scores)
    assert before[0].threshold == after[0].threshold
    assert not np.array_equal(before[1].scores, after[1].scores)


@pytest.mark.parametrize(("sharp", "kept"), [(3.0, True), (1.0, False)])
def test_a_temperature_stays_only_where_it_pays(sharp: float, kept: bool) -> None:
    """It is 1 where the others' temperature does not lower the log loss of a fold; both log losses are told either way."""
    actual, answer = drawn(3, 120, 12, sharp)
    found = decide(actual, [answer, answer], folded(120, repeats=2), export())
    assert found.log_loss is not None
    assert (found.log_loss[1] < found.log_loss[0]) == kept == (found.decision.temperature != 1)
    assert found.log_loss[0] == pytest.approx(log_loss(actual, answer))
    assert found.told("accuracy").keys() == {"calibration"}


def test_without_calibration_probabilities_stay_and_nothing_is_told() -> None:
    """``calibration: none`` fits no temperature."""
    actual, answer = drawn(3, 90, 1, 4.0)
    found = decide(actual, [answer], folded(90), export("none"))
    assert (found.decision, found.told("accuracy")) == (Decision(), {})


SCORES = {
    "f1": lambda actual, labels: f1_score(actual, labels, zero_division=0),
    "balanced_accuracy": balanced_accuracy_score,
    "recall": lambda actual, labels: (
        recall_score(actual, labels) if precision_score(actual, labels, zero_division=0) >= 0.8 else -1
    ),
}


@pytest.mark.parametrize("aim", ["f1", "balanced_accuracy", "recall"])
def test_no_other_threshold_serves_the_aim_better(aim: Aim) -> None:
    """Of all ways to cut the rows the chosen one has the best score, by scikit-learn's definition."""
    wanted = ThresholdParams(aim=aim, precision=0.8 if aim == "recall" else None)
    for seed in range(5):
        actual, answer = drawn(2, 60, seed, 1.0)
        actual = np.where(np.arange(60) % 3, 0.0, actual)
        chosen = fit_threshold(actual, answer, wanted)
        cuts = np.unique(answer[:, 1])[:-1]
        best = max(SCORES[aim](actual, answer[:, 1] > cut) for cut in cuts)
        labels = (answer[:, 1] > chosen).astype(np.intp)
        assert SCORES[aim](actual, labels) == pytest.approx(best)
        assert worth(actual, labels, wanted) == pytest.approx(best) or best == -1


def test_a_precision_out_of_reach_gives_the_most_precise_labels() -> None:
    """Where no threshold keeps the floor, the one that comes nearest is taken, and what is missing is told as a negative."""
    actual, answer = np.array([0.0, 1, 0, 1, 0]), np.array([0.9, 0.8, 0.7, 0.6, 0.1])
    wanted = ThresholdParams(aim="recall", precision=0.9)
    chosen = fit_threshold(actual, np.stack([1 - answer, answer], axis=1), wanted)
    assert chosen == pytest.approx(0.35)
    assert worth(actual, (answer > chosen).astype(np.intp), wanted) == pytest.approx(0.5 - 1)


@pytest.mark.parametrize("second", [[0.4] * 6, [0.0, 0, 0, 1, 1, 1], [0.9, 0.9, 0.9, 1.0, 1.0, 1.0]])
def test_a_threshold_is_always_a_probability(second: list[float]) -> None:
    """Equal, certain and extreme answers give one below 1."""
    answer = np.stack([1 - np.array(second), second], axis=1)
    chosen = fit_threshold(np.array([0.0, 0, 1, 0, 1, 1]), answer, ThresholdParams(aim="f1"))
    assert Decision(1.0, chosen).threshold == chosen


def test_what_a_threshold_is_worth_is_measured_out_of_fold() -> None:
    """Rare seconds are found better above their own threshold; the tale has the aim, the value and both figures."""
    actual, answer = drawn(2, 600, 6, 1.0)
    rare = answer.copy()
    rare[:, 1] *= 0.3
    rare[:, 0] = 1 - rare[:, 1]
    found = decide(actual, [rare], folded(600), export(aim="f1"))
    assert found.worth is not None
    assert found.worth[1] > found.worth[0] + 0.05
    assert found.decision.threshold < 0.4
    told = found.told("f1")["threshold"]
    assert isinstance(told, dict)
    assert (told["aim"], told["value"]) == ("f1", found.decision.threshold)
    assert Decision.of(found.told("f1")) == found.decision
