"""Measures the experiments and the baselines: cross-validation over all rows or a sample, the one reading of the test rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hearth.bundle.decision import EVEN, Decision
from hearth.bundle.transform import Transform
from hearth.params import EvaluateParams, Params
from hearth.schema import Task
from hearth.training.baselines import BASELINES, Build, answer
from hearth.training.comparison import bootstrap, compare
from hearth.training.conformal import Calibrated, calibrate, cross_coverage, holds
from hearth.training.deciding import cross_fitted, fit_of
from hearth.training.evaluation import Comparison, Contender, Coverage, Estimate, Evaluation, LeftOut, Sample
from hearth.training.experiment import Experiment, winner
from hearth.training.fitting import Model, fit, side_by_side
from hearth.training.folds import Folds, pairs
from hearth.training.groups import grouped
from hearth.training.learning import learning_curve
from hearth.training.metrics import OBJECTIVE, metrics, summary
from hearth.training.selection import Attribution, attribute
from hearth.training.split import repeated_folds, sampled
from hearth.training.table import Rows, Table, Vector
from hearth.training.validation import Validated, cross_validate, labels_out_of_fold, measured, out_of_fold

Summaries = Mapping[str, Mapping[str, Mapping[str, float]]]


@dataclass(frozen=True, slots=True)
class Material:
    """What an evaluation works on: all rows in the table's order, the split, its folds, and the transform fitted on it.

    ``ignored`` are tables of all rows that use one column more, by the name of that column. ``learnt`` are the training rows
    that the baselines learn from for the reading of the test rows, and ``sample`` says so where these and ``everything`` are
    no longer all.
    """

    everything: Table
    train: Table
    test: Table
    folds: Folds
    transform: Transform
    ignored: dict[str, Table]
    learnt: Table | None = None
    sample: Sample | None = None

    def bounded(self, report: EvaluateParams) -> "Material":
        """The same with a sample in place of all rows where there are more than ``evaluate.rows``.

        The training rows and their folds stay whole: the model, its temperature, threshold and conformal quantile, and the
        learning curve come from all of them.
        """
        rows = sampled(self.everything, report.rows, report.folds, report.seed)
        if len(rows) == len(self.everything):
            return self
        learnt = self.train.take(sampled(self.train, report.rows, report.folds, report.seed))
        return replace(
            self,
            everything=self.everything.take(rows),
            ignored={name: table.take(rows) for name, table in self.ignored.items()},
            learnt=learnt,
            sample=Sample(len(rows), len(self.everything), len(rows) - len(rows) // report.folds, len(learnt)),
        )


@dataclass(frozen=True, slots=True)
class Trial:
    """What every measure is taken with: ``folds`` are those of the material's ``everything``, ``calibrated`` the winner's.

    ``decisions`` are what makes answers of each experiment's scores.
    """

    material: Material
    settings: Params
    chosen: Experiment
    folds: Folds
    calibrated: Calibrated
    decisions: Mapping[str, Decision]

    @property
    def task(self) -> Task:
        """What is predicted."""
        return self.material.train.contract.target.task

    @property
    def threshold(self) -> float:
        """Above which the winner says the second of two classes."""
        return self.calibrated.decision.threshold


def evaluate(material: Material, experiments: Sequence[Experiment], settings: Params) -> Evaluation:
    """Fix the winner by its score on the training rows, then report on all rows, or on a sample of a large table."""
    trial = _trial(material.bounded(settings.evaluate), experiments, settings)
    answers = {one.name: _validated(trial, trial.material.everything, one) for one in experiments}
    models = {one.name: _fit(trial, one) for one in experiments}
    contenders = (
        *(_experiment(trial, name, model, answers[name]) for name, model in models.items()),
        *side_by_side(lambda named: _baseline(trial, *named), BASELINES[trial.task].items()),
    )
    chosen = trial.chosen.name
    training_cv = {one.name: summary(one.folds) for one in experiments}
    return _told(trial, contenders, answers[chosen], attribute(models[chosen], material.train), training_cv)


def _trial(material: Material, experiments: Sequence[Experiment], settings: Params) -> Trial:
    """The winner, its calibration, and of a classification that of the others too: each is measured as it would be served."""
    report, task = settings.evaluate, material.train.contract.target.task
    chosen = winner(experiments, OBJECTIVE[task])
    needed = experiments if settings.export.decides and task == "classification" else [chosen]
    calibrated = {one.name: calibrate(material.train, material.folds[1:], one.recipe, settings) for one in needed}
    return Trial(
        material=material,
        settings=settings,
        chosen=chosen,
        folds=repeated_folds(material.everything, report.folds, report.repeats, report.seed),
        calibrated=calibrated[chosen.name],
        decisions={one.name: calibrated[one.name].decision if one.name in calibrated else Decision() for one in experiments},
    )


def _told(
    trial: Trial, contenders: tuple[Contender, ...], validated: tuple[Validated, ...], attribution: Attribution, cv: Summaries
) -> Evaluation:
    """Everything that is reported; of ``validated``, the winner's answers out of fold, what is told of single rows."""
    material, chosen, settings = trial.material, trial.chosen, trial.settings
    report, measure = settings.evaluate, OBJECTIVE[trial.task]
    best = next(one for one in contenders if one.name == chosen.name)
    repeats = out_of_fold(validated, report.repeats)
    return Evaluation(
        contract=material.train.contract,
        winner=chosen.name,
        recipe=chosen.recipe,
        features=chosen.features,
        objective=measure,
        contenders=contenders,
        comparisons=_comparisons(best, contenders, measure, report),
        training_cv=cv,
        coverage=_coverage(trial, best, repeats),
        learning=learning_curve(material.train, material.folds[1:2], chosen.recipe, settings),
        left_out=tuple(_left_out(trial, name, best) for name in material.ignored),
        groups=tuple(grouped(material.everything, repeats, settings.card.groups, trial.threshold)),
        attribution=attribution,
        actual=material.everything.y,
        out_of_fold=repeats[0],
        labels=_labels(validated, report.repeats, trial.task),
        decided=trial.calibrated.decided,
        aim=settings.export.threshold.aim,
        test_actual=material.test.y,
        train_rows=len(material.train),
        confidence=report.confidence,
        sample=material.sample,
    )


def _validated(trial: Trial, data: Table, one: Experiment) -> tuple[Validated, ...]:
    """The answers to the rows of each fold; what is decided of answers is decided anew by the other folds."""
    settings, decision = trial.settings, trial.decisions[one.name]
    found = cross_validate(data, trial.folds, settings.prepare, one.recipe, settings.tuning.seed)
    if decision == Decision():
        return found
    scaled = decision.temperature != 1
    return cross_fitted(data.y, out_of_fold(found, len(trial.folds)), trial.folds, fit_of(settings.export, scaled=scaled))


def _labels(validated: Sequence[Validated], repeats: int, task: Task) -> NDArray[np.intp]:
    return np.empty(0, np.intp) if task == "regression" else labels_out_of_fold(validated, repeats)[0]


def _fit(trial: Trial, one: Experiment) -> Model:
    material, settings = trial.material, trial.settings
    transform = material.transform.subset(one.features)
    model = fit(material.train, one.recipe, transform, settings.prepare, settings.tuning.seed)
    return replace(model, temperature=trial.decisions[one.name].temperature)


def _experiment(trial: Trial, name: str, model: Model, validated: Sequence[Validated]) -> Contender:
    test, threshold = trial.material.test, trial.decisions[name].threshold
    scores = model.scores(test.x, test.contract)
    read = _test(test, scores, trial.settings.evaluate, threshold)
    return Contender(name, "experiment", measured(trial.material.everything, validated), read, scores, threshold)


def _baseline(trial: Trial, name: str, build: Build) -> Contender:
    material, settings = trial.material, trial.settings
    table, prepare, seed = material.everything, settings.prepare, settings.tuning.seed

    def one(train: Rows, valid: Rows) -> dict[str, float]:
        asked = table.take(valid)
        return metrics(trial.task, asked.y, answer(build, table.take(train), asked.x, prepare, seed))

    scores = answer(build, material.learnt or material.train, material.test.x, prepare, seed)
    # One fold after the other: scikit-learn's forests beside one another take each other's filters of warnings away.
    measured_folds = tuple(one(train, valid) for train, valid in pairs(trial.folds))
    return Contender(name, "baseline", measured_folds, _test(material.test, scores, settings.evaluate), scores)


def _test(test: Table, scores: Vector, report: EvaluateParams, threshold: float = EVEN) -> dict[str, Estimate]:
    return bootstrap(test.contract.target.task, test.y, scores, report.bootstrap, report.confidence, report.seed, threshold)


def _comparisons(
    best: Contender, contenders: Sequence[Contender], measure: str, report: EvaluateParams
) -> tuple[Comparison, ...]:
    share = 1 / (report.folds - 1)
    others = (one for one in contenders if one is not best)
    return tuple(compare(one.name, best.folds, one.folds, measure, share, report.confidence) for one in others)


def _coverage(trial: Trial, best: Contender, repeats: Sequence[Vector]) -> Coverage:
    everything, test, conformal = trial.material.everything, trial.material.test, trial.calibrated.conformal
    held, width = cross_coverage(everything.y, repeats, trial.folds, trial.settings.export.coverage, trial.threshold)
    hits, widths = holds(conformal, test.y, best.test_scores, trial.threshold)
    return Coverage(conformal.coverage, held, width, float(hits.mean()), float(widths.mean()))


def _left_out(trial: Trial, name: str, best: Contender) -> LeftOut:
    measure, table = OBJECTIVE[trial.task], trial.material.ignored[name]
    with_it = measured(table, _validated(trial, table, trial.chosen))
    reason = next(feature.reason for feature in trial.material.train.contract.features if feature.name == name)
    means = [float(np.mean([fold[measure] for fold in one])) for one in (best.folds, with_it)]
    return LeftOut(name, reason, *means)
