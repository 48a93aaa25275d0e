"""The evaluation: a winner fixed by the training rows, everything else only reported."""

import warnings
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from tests.tiny import Kind, arrow, cells, coded, settings

from hearth.params import Params
from hearth.reporting.summary import metrics_json
from hearth.stages.evaluate import using
from hearth.stages.prepare import plan
from hearth.stages.select import select
from hearth.training import table
from hearth.training.baselines import BASELINES as RIVALS
from hearth.training.baselines import answer
from hearth.training.comparison import bootstrap
from hearth.training.conformal import calibrate, holds
from hearth.training.deciding import cross_fitted, fit_of
from hearth.training.evaluate import Material, evaluate
from hearth.training.evaluation import Evaluation, Sample
from hearth.training.experiment import EXPERIMENTS, Experiment, run_search, winner
from hearth.training.fitting import fit
from hearth.training.folds import Folds, pairs
from hearth.training.learning import SHARES
from hearth.training.metrics import OBJECTIVE, metrics, summary
from hearth.training.split import repeated_folds, sampled
from hearth.training.table import Rows, Table
from hearth.training.validation import cross_validate, labels_out_of_fold, measured, out_of_fold

EACH = ("regression", pytest.param("binary", marks=pytest.mark.journey), "multiclass")
BASELINES = ("mean", "ridge", "random_forest", "gradient_boosting")


def divided(kind: Kind, chosen: Params, data: Table | None = None) -> tuple[Material, Rows]:
    """A table as ``prepare`` divides it, and the rows of its test."""
    everything = data or coded(kind)
    train, test, folds, transform = plan(everything, chosen)
    with_it = table.code(arrow(chosen.contract, cells(kind)), using(chosen.contract, "w"))
    material = Material(everything, everything.take(train), everything.take(test), folds, transform, {"w": with_it})
    return material, test


def experiments(train: Table, folds: Folds, chosen: Params) -> list[Experiment]:
    """The three experiments on some training rows."""
    prepare, tuning = chosen.prepare, chosen.tuning
    return [
        run_search("tune_full", train, folds, prepare, tuning, None, progress=False),
        select(train, folds, chosen)[0],
        run_search("tune_selected", train, folds, prepare, tuning, chosen.selection.percentile, progress=False),
    ]


@cache
def case(kind: Kind) -> tuple[Material, list[Experiment], Params, Evaluation]:
    """An evaluation of a kind of table, its probabilities as they are, and what it was made of."""
    chosen = settings(kind, export={"calibration": "none"})
    material, _ = divided(kind, chosen)
    tried = experiments(material.train, material.folds, chosen)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return material, tried, chosen, evaluate(material, tried, chosen)


@cache
def bounded(kind: Kind) -> Evaluation:
    """The same evaluation where 60 rows may be cross-validated of 90, of which 72 are training rows."""
    material, tried, _, _ = case(kind)
    return evaluate(material, tried, settings(kind, export={"calibration": "none"}, evaluate={"rows": 60}))


@pytest.mark.parametrize("kind", EACH)
def test_the_winner_has_the_lowest_score_on_the_training_rows(kind: Kind) -> None:
    """The winner and its recipe are those of the experiment with the best cross-validation on the training rows."""
    material, tried, _, found = case(kind)
    measure = OBJECTIVE[material.train.contract.target.task]
    means = {one.name: float(np.mean([fold[measure] for fold in one.folds])) for one in tried}
    best = next(one for one in tried if one.name == min(means, key=lambda name: means[name]))
    assert len(set(means.values())) > 1
    assert (found.winner, found.recipe, found.features, found.objective) == (best.name, best.recipe, best.features, measure)
    assert found.training_cv == {one.name: summary(one.folds) for one in tried}


@pytest.mark.parametrize("kind", EACH)
def test_the_test_rows_have_no_say_in_what_is_built(kind: Kind) -> None:
    """With other targets in the test rows the experiments, the winner and its model are the same, and only figures change."""
    material, tried, chosen, found = case(kind)
    data = material.everything
    _, test = divided(kind, chosen)
    y = data.y.copy()
    y[test] = data.y[test[::-1]]
    assert not np.array_equal(y, data.y)
    changed = Material(
        replace(data, y=y), *(material.train, replace(material.test, y=y[test])), material.folds, material.transform, {}
    )
    again = experiments(changed.train, changed.folds, chosen)
    assert again == tried
    other = evaluate(changed, again, chosen)
    assert (other.winner, other.recipe, other.features) == (found.winner, found.recipe, found.features)
    assert np.array_equal(other.best.test_scores, found.best.test_scores)
    assert other.best.test != found.best.test


def test_a_split_never_sees_the_targets_of_the_test_rows() -> None:
    """Other targets in the test rows of a regression leave the split, the folds and the transform as they are."""
    chosen = settings()
    data = coded()
    train, test, folds, transform = plan(data, chosen)
    y = data.y.copy()
    y[test] += 1000
    again = plan(replace(data, y=y), chosen)
    assert np.array_equal(train, again[0])
    assert np.array_equal(test, again[1])
    assert np.array_equal(folds, again[2])
    assert repr(transform) == repr(again[3])


@pytest.mark.parametrize("kind", EACH)
def test_every_contender_is_measured_on_the_same_folds_and_the_same_test_rows(kind: Kind) -> None:
    """Experiments come first, then the baselines, each with as many folds and the same metrics."""
    material, tried, chosen, found = case(kind)
    assert tuple(one.name for one in found.contenders) == (*EXPERIMENTS, *BASELINES)
    assert [one.kind for one in found.contenders] == ["experiment"] * 3 + ["baseline"] * 4
    report, everything = chosen.evaluate, material.everything
    folds = repeated_folds(everything, report.folds, report.repeats, report.seed)
    for one in tried:
        validated = cross_validate(everything, folds, chosen.prepare, one.recipe, chosen.tuning.seed)
        assert found.contender(one.name).folds == measured(everything, validated)
    names = set(found.best.test)
    for contender in found.contenders:
        assert len(contender.folds) == report.folds * report.repeats
        assert set(contender.test) == names
        assert all(set(fold) == names for fold in contender.folds)


@pytest.mark.parametrize("kind", EACH)
def test_the_reading_of_the_test_rows_is_that_of_a_model_of_all_training_rows(kind: Kind) -> None:
    """Each experiment's test figures are those of its recipe and features fitted to the training rows."""
    material, tried, chosen, found = case(kind)
    report, task = chosen.evaluate, chosen.data.task
    for one in tried:
        model = fit(material.train, one.recipe, material.transform.subset(one.features), chosen.prepare, chosen.tuning.seed)
        scores = model.scores(material.test.x, material.test.contract)
        contender = found.contender(one.name)
        assert np.array_equal(contender.test_scores, scores)
        assert {name: value.value for name, value in contender.test.items()} == metrics(task, material.test.y, scores)
        assert contender.test == bootstrap(task, material.test.y, scores, report.bootstrap, report.confidence, report.seed)


@pytest.mark.parametrize("kind", EACH)
def test_the_winner_is_compared_with_every_other_contender(kind: Kind) -> None:
    """A comparison names another contender; its difference is that of the means."""
    found = case(kind)[3]

    def mean(name: str) -> float:
        return float(np.mean([fold[found.objective] for fold in found.contender(name).folds]))

    others = [one.name for one in found.contenders if one.name != found.winner]
    assert [one.other for one in found.comparisons] == others
    for one in found.comparisons:
        assert one.difference.value == pytest.approx(mean(found.winner) - mean(one.other))
        assert 0 <= one.p_value <= 1


@pytest.mark.parametrize("kind", EACH)
def test_coverage_is_of_answers_to_rows_not_seen(kind: Kind) -> None:
    """Out-of-fold answers are those of the first repeat; coverage on the test rows is that of a quantile without them."""
    material, tried, chosen, found = case(kind)
    report, everything = chosen.evaluate, material.everything
    folds = repeated_folds(everything, report.folds, report.repeats, report.seed)
    best = winner(tried, found.objective)
    validated = cross_validate(everything, folds, chosen.prepare, best.recipe, chosen.tuning.seed)
    assert np.array_equal(found.out_of_fold, out_of_fold(validated, report.repeats)[0])
    assert np.array_equal(found.actual, everything.y)
    assert found.coverage.nominal == chosen.export.coverage
    assert 0 < found.coverage.coverage <= 1
    assert found.coverage.mean_width > 0
    hits = found.coverage.test_coverage * len(material.test)
    assert hits == pytest.approx(round(hits))


@pytest.mark.parametrize("kind", EACH)
def test_the_learning_curve_goes_from_few_rows_to_all_of_a_fold(kind: Kind) -> None:
    """Each point has more rows than the one before, the last those of a fold; what was learnt from is answered better."""
    material, _, chosen, found = case(kind)
    rows = [point.rows for point in found.learning]
    assert len(rows) == len(SHARES)
    assert rows == sorted(rows)
    assert abs(rows[-1] - len(material.train) * (1 - 1 / chosen.tuning.folds)) <= 1
    assert found.learning[-1].train < found.learning[-1].valid
    assert found.learning[-1].valid < found.learning[0].valid


@pytest.mark.parametrize("kind", EACH)
def test_an_ignored_column_is_shown_without_and_with(kind: Kind) -> None:
    """The pair is measured on the same folds; the first is the winner's own figure."""
    material, _, _, found = case(kind)
    (one,) = found.left_out
    assert (one.name, one.reason) == ("w", "known too late")
    assert one.without == pytest.approx(np.mean([fold[found.objective] for fold in found.best.folds]))
    assert one.with_it != one.without
    assert "w" not in found.attribution.features
    assert found.attribution.features == found.features
    assert len(found.attribution.x) == len(material.train)


def test_the_evaluation_of_the_same_material_is_the_same() -> None:
    """Threads and order of work change no figure."""
    material, tried, chosen, found = case("regression")
    again = evaluate(material, tried, chosen)
    assert (again.contenders[0].folds, again.comparisons, again.coverage, again.learning) == (
        found.contenders[0].folds, found.comparisons, found.coverage, found.learning,
    )  # fmt: skip
    assert [one.test for one in again.contenders] == [one.test for one in found.contenders]


def test_coverage_on_the_test_rows_counts_hits() -> None:
    """The share is that of ``holds`` with the quantile of the training folds."""
    material, tried, chosen, found = case("regression")
    best = winner(tried, found.objective)
    conformal = calibrate(material.train, material.folds[1:], best.recipe, chosen).conformal
    hits, widths = holds(conformal, material.test.y, found.best.test_scores)
    assert (found.coverage.test_coverage, found.coverage.test_mean_width) == (hits.mean(), widths.mean())


@pytest.mark.parametrize("kind", EACH)
def test_of_a_large_table_a_sample_is_cross_validated(kind: Kind) -> None:
    """Every contender, and the table with one column more, on folds of the sample."""
    material, tried, chosen, whole = case(kind)
    found, report, everything = bounded(kind), chosen.evaluate, material.everything
    rows = sampled(everything, 60, report.folds, report.seed)
    data = everything.take(rows)
    folds = repeated_folds(data, report.folds, report.repeats, report.seed)
    assert whole.sample is None
    assert found.sample == Sample(rows=len(rows), of=90, fold=len(rows) - len(rows) // 2, learnt=found.sample.learnt)  # type: ignore[union-attr]
    assert np.array_equal(found.actual, data.y)
    for one in tried:
        validated = cross_validate(data, folds, chosen.prepare, one.recipe, chosen.tuning.seed)
        assert found.contender(one.name).folds == measured(data, validated)
    for name, build in RIVALS[data.contract.target.task].items():
        train, valid = next(iter(pairs(folds)))
        answers = answer(build, data.take(train), data.x[valid], chosen.prepare, chosen.tuning.seed)
        assert found.contender(name).folds[0] == metrics(chosen.data.task, data.y[valid], answers)
    assert len(found.out_of_fold) == len(found.actual) == len(rows)
    validated = cross_validate(material.ignored["w"].take(rows), folds, chosen.prepare, found.recipe, chosen.tuning.seed)
    with_it = [fold[found.objective] for fold in measured(material.ignored["w"].take(rows), validated)]
    assert found.left_out[0].with_it == pytest.approx(np.mean(with_it))


@pytest.mark.parametrize("kind", EACH)
def test_a_sample_changes_nothing_of_the_model(kind: Kind) -> None:
    """Winner, its reading of the test rows, quantile, learning curve and SHAP values are those of all training rows."""
    (material, tried, chosen, whole), found = case(kind), bounded(kind)
    assert (found.winner, found.features, found.training_cv) == (whole.winner, whole.features, whole.training_cv)
    for one in tried:
        assert found.contender(one.name).test == whole.contender(one.name).test
    told = [(one.nominal, one.test_coverage, one.test_mean_width) for one in (found.coverage, whole.coverage)]
    assert told[0] == told[1]
    assert (found.learning, found.train_rows) == (whole.learning, whole.train_rows) != ((), 0)
    assert np.array_equal(found.attribution.values, whole.attribution.values)
    report = chosen.evaluate
    learnt = material.train.take(sampled(material.train, 60, report.folds, report.seed))
    assert found.sample is not None
    assert found.sample.learnt == len(learnt) < len(material.train)
    for name, build in RIVALS[chosen.data.task].items():
        expected = answer(build, learnt, material.test.x, chosen.prepare, chosen.tuning.seed)
        assert np.array_equal(found.contender(name).test_scores, expected)


def test_a_bound_that_is_not_reached_changes_nothing() -> None:
    """A table of as many rows as the bound is taken whole, by every contender."""
    material, tried, _, whole = case("regression")
    found = evaluate(material, tried, settings(export={"calibration": "none"}, evaluate={"rows": 90}))
    assert found.sample is None
    assert [(one.folds, one.test) for one in found.contenders] == [(one.folds, one.test) for one in whole.contenders]


def test_what_is_decided_of_answers_is_reported_as_it_is_served() -> None:
    """Experiments have temperature and threshold: in the folds those of the other folds, in the test those of the bundle."""
    chosen = settings("binary", export={"threshold": {"aim": "f1"}}, tuning={"class_weight": "balanced"})
    material, _ = divided("binary", chosen)
    tried = experiments(material.train, material.folds, chosen)
    found = evaluate(material, tried, chosen)
    best, everything, report = winner(tried, found.objective), material.everything, chosen.evaluate
    decision = calibrate(material.train, material.folds[1:], best.recipe, chosen).decision
    assert found.decided.decision == decision
    assert decision.temperature != 1
    assert decision.threshold != 0.5
    folds = repeated_folds(everything, report.folds, report.repeats, report.seed)
    plain = cross_validate(everything, folds, chosen.prepare, best.recipe, chosen.tuning.seed)
    fit_one = fit_of(chosen.export, scaled=True)
    served = cross_fitted(everything.y, out_of_fold(plain, report.repeats), folds, fit_one)
    assert found.best.folds == measured(everything, served) != measured(everything, plain)
    assert np.array_equal(found.out_of_fold, out_of_fold(served, report.repeats)[0])
    assert np.array_equal(found.labels, labels_out_of_fold(served, report.repeats)[0])
    model = fit(material.train, best.recipe, material.transform.subset(best.features), chosen.prepare, chosen.tuning.seed)
    scores = replace(model, temperature=decision.temperature).scores(material.test.x, material.test.contract)
    assert np.array_equal(found.best.test_scores, scores)
    expected = metrics("classification", material.test.y, scores, decision.threshold)
    assert {name: one.value for name, one in found.best.test.items()} == expected
    told = metrics_json(found)
    assert told["calibration"] == found.decided.told("f1")["calibration"]
    assert told["threshold"] == found.decided.told("f1")["threshold"]
