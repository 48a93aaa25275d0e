"""Measures the experiments and the baselines: cross-validation over all rows, the one reading of the test rows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hearth.bundle.decision import EVEN, Decision
from hearth.bundle.transform import Transform
from hearth.params import Params
from hearth.schema import Task
from hearth.training.baselines import BASELINES, Build, answer
from hearth.training.comparison import bootstrap, compare
from hearth.training.conformal import Calibrated, calibrate, cross_coverage, holds
from hearth.training.deciding import cross_fitted, fit_of
from hearth.training.evaluation import Contender, Coverage, Estimate, Evaluation, LearningPoint, LeftOut
from hearth.training.experiment import Experiment, winner
from hearth.training.fitting import Model, fit, fit_transform, fittable, side_by_side
from hearth.training.folds import Folds, pairs
from hearth.training.groups import grouped
from hearth.training.metrics import OBJECTIVE, metrics, objective, summary
from hearth.training.selection import attribute, selector
from hearth.training.split import repeated_folds
from hearth.training.table import Rows, Table, Vector
from hearth.training.validation import Validated, cross_validate, labels_out_of_fold, measured, out_of_fold

Folded = tuple[dict[str, float], ...]

# Shares of a fold's training rows on the learning curve.
SHARES = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0)


@dataclass(frozen=True, slots=True)
class Material:
    """What an evaluation works on: all rows in the table's order, the split, its folds, and the transform fitted on it.

    ``ignored`` are tables of all rows that use one column more, by the name of that column.
    """

    everything: Table
    train: Table
    test: Table
    folds: Folds
    transform: Transform
    ignored: dict[str, Table]


def evaluate(material: Material, experiments: Sequence[Experiment], settings: Params) -> Evaluation:
    """Fix the winner by its score on the training rows, then report on all."""
    task = material.train.contract.target.task
    measure = OBJECTIVE[task]
    chosen = winner(experiments, measure)
    report, everything = settings.evaluate, material.everything
    folds = repeated_folds(everything, report.folds, report.repeats, report.seed)
    needed = experiments if settings.export.decides and task == "classification" else [chosen]
    calibrated = {one.name: calibrate(material.train, material.folds[1:], one.recipe, settings) for one in needed}
    decisions = {one.name: calibrated[one.name].decision if one in needed else Decision() for one in experiments}
    validated = {one.name: _validated(everything, folds, one, decisions[one.name], settings) for one in experiments}
    models = {one.name: _fit(material, one, decisions[one.name], settings) for one in experiments}
    contenders = (
        *(
            _experiment(material, name, model, measured(everything, validated[name]), decisions[name].threshold, settings)
            for name, model in models.items()
        ),
        *side_by_side(lambda named: _baseline(material, *named, folds, settings), BASELINES[task].items()),
    )
    best = next(one for one in contenders if one.name == chosen.name)
    repeats = out_of_fold(validated[chosen.name], report.repeats)
    share = 1 / (report.folds - 1)
    return Evaluation(
        contract=material.train.contract,
        winner=chosen.name,
        recipe=chosen.recipe,
        features=chosen.features,
        objective=measure,
        contenders=contenders,
        comparisons=tuple(
            compare(one.name, best.folds, one.folds, measure, share, report.confidence) for one in contenders if one is not best
        ),
        training_cv={one.name: summary(one.folds) for one in experiments},
        coverage=_coverage(material, calibrated[chosen.name], best, repeats, folds, settings.export.coverage),
        learning=tuple(_learning(material.train, material.folds[1:2], chosen, settings)),
        left_out=tuple(
            _left_out(material, name, chosen, decisions[chosen.name], best, folds, settings) for name in material.ignored
        ),
        groups=tuple(grouped(everything, repeats, settings.card.groups, decisions[chosen.name].threshold)),
        attribution=attribute(models[chosen.name], material.train),
        actual=material.everything.y,
        out_of_fold=repeats[0],
        labels=_labels(validated[chosen.name], report.repeats, task),
        decided=calibrated[chosen.name].decided,
        aim=settings.export.threshold.aim,
        test_actual=material.test.y,
        train_rows=len(material.train),
        confidence=report.confidence,
    )


def _validated(data: Table, folds: Folds, one: Experiment, decision: Decision, settings: Params) -> tuple[Validated, ...]:
    """The answers to the rows of each fold; what is decided of answers is decided anew by the other folds."""
    found = cross_validate(data, folds, settings.prepare, one.recipe, settings.tuning.seed)
    if decision == Decision():
        return found
    scaled = decision.temperature != 1
    return cross_fitted(data.y, out_of_fold(found, len(folds)), folds, fit_of(settings.export, scaled=scaled))


def _labels(validated: Sequence[Validated], repeats: int, task: Task) -> NDArray[np.intp]:
    return np.empty(0, np.intp) if task == "regression" else labels_out_of_fold(validated, repeats)[0]


def _experiment(material: Material, name: str, model: Model, folds: Folded, threshold: float, settings: Params) -> Contender:
    scores = model.scores(material.test.x, material.test.contract)
    return Contender(name, "experiment", folds, _test(material.test, scores, settings, threshold), scores)


def _fit(material: Material, one: Experiment, decision: Decision, settings: Params) -> Model:
    transform = material.transform.subset(one.features)
    model = fit(material.train, one.recipe, transform, settings.prepare, settings.tuning.seed)
    return replace(model, temperature=decision.temperature)


def _baseline(material: Material, name: str, build: Build, folds: Folds, settings: Params) -> Contender:
    table, task, seed = material.everything, material.everything.contract.target.task, settings.tuning.seed

    def one(train: Rows, valid: Rows) -> dict[str, float]:
        asked = table.take(valid)
        return metrics(task, asked.y, answer(build, table.take(train), asked.x, settings.prepare, seed))

    scores = answer(build, material.train, material.test.x, settings.prepare, seed)
    # One fold after the other: scikit-learn's forests beside one another take each other's filters of warnings away.
    measured_folds = tuple(one(train, valid) for train, valid in pairs(folds))
    return Contender(name, "baseline", measured_folds, _test(material.test, scores, settings), scores)


def _test(test: Table, scores: Vector, settings: Params, threshold: float = EVEN) -> dict[str, Estimate]:
    report = settings.evaluate
    return bootstrap(test.contract.target.task, test.y, scores, report.bootstrap, report.confidence, report.seed, threshold)


def _coverage(
    material: Material, calibrated: Calibrated, best: Contender, repeats: Sequence[Vector], folds: Folds, wanted: float
) -> Coverage:
    nominal, threshold = calibrated.conformal.coverage, calibrated.decision.threshold
    held, width = cross_coverage(material.everything.y, repeats, folds, wanted, threshold)
    hits, widths = holds(calibrated.conformal, material.test.y, best.test_scores, threshold)
    return Coverage(nominal, held, width, float(hits.mean()), float(widths.mean()))


def _learning(train: Table, assigned: Folds, chosen: Experiment, settings: Params) -> list[LearningPoint]:
    folds = list(pairs(assigned))
    order = np.random.default_rng(settings.evaluate.seed).permutation(len(train))

    def one(job: tuple[float, tuple[Rows, Rows]]) -> tuple[int, float, float]:
        share, (rows, valid) = job
        shuffled = order[np.isin(order, rows)]
        part = train.take(np.sort(shuffled[: max(2, round(share * len(rows)))]))
        return (len(part), *_both_sides(part, train.take(valid), chosen, settings))

    jobs = [(share, rows) for share in SHARES for rows in folds]
    results = np.array(side_by_side(one, jobs)).reshape(len(SHARES), len(folds), 3)
    return [
        LearningPoint(
            int(point[:, 0].min()), float(point[:, 1].mean()), float(point[:, 2].mean()), float(point[:, 2].std(ddof=1))
        )
        for point in results
    ]


def _both_sides(part: Table, valid: Table, chosen: Experiment, settings: Params) -> tuple[float, float]:
    """The objective of the winner's recipe on the rows that it was fitted to and on others."""
    select = selector(chosen.recipe.percentile, settings.prepare, settings.tuning.seed)
    names = tuple(select(part)) if select else part.contract.columns
    transform = fit_transform(part.contract, fittable(part, settings.prepare).seen, settings.prepare).subset(names)
    model = fit(part, chosen.recipe, transform, settings.prepare, settings.tuning.seed)

    def of(side: Table) -> float:
        return objective(side.contract.target.task, side.y, model.scores(side.x, side.contract))

    return of(part), of(valid)


def _left_out(
    material: Material, name: str, chosen: Experiment, decision: Decision, best: Contender, folds: Folds, settings: Params
) -> LeftOut:
    measure = OBJECTIVE[material.train.contract.target.task]
    table = material.ignored[name]
    with_it = measured(table, _validated(table, folds, chosen, decision, settings))
    reason = next(feature.reason for feature in material.train.contract.features if feature.name == name)
    means = [float(np.mean([fold[measure] for fold in one])) for one in (best.folds, with_it)]
    return LeftOut(name, reason, *means)
