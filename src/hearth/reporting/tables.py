"""The tables of the reports as plain text cells, for Markdown and HTML alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hearth.reporting.facts import Facts, fold_values, mean_sd
from hearth.reporting.numbers import count, fixed, p_value, percent, setting, significant
from hearth.schema import Feature, Target
from hearth.training.evaluation import Contender
from hearth.training.labels import metric_label
from hearth.training.metrics import confusion, of_classes

DATA_LABELS = {"sha256": "SHA-256", "duplicates": "repeated rows", "dropped": "repeated rows left out"}


@dataclass(frozen=True, slots=True)
class TableView:
    """``align`` has an ``l`` or ``r`` a column; ``strong`` are the rows that stand out."""

    caption: str
    align: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    strong: frozenset[int] = frozenset()


def cross_validation(facts: Facts) -> TableView:
    """Every contender on the same folds of all rows."""
    evaluation = facts.evaluation
    return TableView(
        caption=f"Repeated cross-validation over {facts.rows}: mean ± sd of the same "
        f"{len(facts.objective_values)} folds for each.",
        align="ll" + "r" * (len(facts.metrics) + 1),
        head=("", "kind", *map(facts.label, facts.metrics), f"{facts.objective}, range of the folds"),
        rows=[_cross_validated(facts, contender) for contender in evaluation.contenders],
        strong=_winner(facts),
    )


def _cross_validated(facts: Facts, contender: Contender) -> list[str]:
    objective = fold_values(contender, facts.evaluation.objective)
    spreads = [facts.scale_of(metric).spread(*mean_sd(fold_values(contender, metric))) for metric in facts.metrics]
    return [contender.name, contender.kind, *spreads, facts.scale.range(min(objective), max(objective))]


def differences(facts: Facts) -> TableView:
    """The winner against each of the others."""
    evaluation = facts.evaluation
    return TableView(
        caption=f"{evaluation.winner} minus the other, paired over the folds: below 0 the winner is better. Interval and "
        "p-value by the corrected resampled t-test (Nadeau and Bengio, 2003).",
        align="lrr",
        head=(
            "against",
            f"difference in {facts.label(evaluation.objective)} with {percent(evaluation.confidence)} interval",
            "p",
        ),
        rows=[[one.other, facts.scale.estimate(one.difference), p_value(one.p_value)] for one in evaluation.comparisons],
    )


def test_reading(facts: Facts) -> TableView:
    """Every contender on the test rows."""
    evaluation = facts.evaluation
    return TableView(
        caption=f"The one reading of the {count(len(evaluation.test_actual))} test rows, with {percent(evaluation.confidence)} "
        "bootstrap intervals.",
        align="l" + "r" * len(facts.metrics),
        head=("", *map(facts.label, facts.metrics)),
        rows=[
            [one.name, *(facts.scale_of(metric).estimate(one.test[metric]) for metric in facts.metrics)]
            for one in evaluation.contenders
        ],
        strong=_winner(facts),
    )


def classes(facts: Facts) -> TableView:
    """The winner's answers class by class, out of fold."""
    evaluation = facts.evaluation
    names = evaluation.contract.target.classes
    each = of_classes(confusion(evaluation.actual, evaluation.labels, len(names)))
    columns = zip(names, each.rows, each.precision, each.recall, each.f1, strict=True)
    return TableView(
        caption="Out of fold, one repeat of the cross-validation: of each class its rows, the share of the answers that are "
        "right (precision), the share of the rows that are found (recall), and F1.",
        align="lrrrr",
        head=("class", "rows", "precision", "recall", "F1"),
        rows=[
            [name, count(int(rows)), percent(right), percent(found), fixed(f1, 3)] for name, rows, right, found, f1 in columns
        ],
    )


def groups(facts: Facts) -> TableView:
    """The winner's answers to groups of rows apart."""
    evaluation = facts.evaluation
    return TableView(
        caption="Out of fold, mean over the repeats of the cross-validation: the winner on each group of rows.",
        align="lrr" + "r" * len(facts.metrics),
        head=("rows", "number", "share", *map(facts.label, facts.metrics)),
        rows=[
            [
                one.name,
                count(one.rows),
                percent(one.rows / len(evaluation.actual)),
                *(facts.scale_of(metric).value(one.scores[metric]) for metric in facts.metrics),
            ]
            for one in evaluation.groups
        ],
    )


def choice(facts: Facts) -> TableView:
    """What the winner was chosen by."""
    evaluation = facts.evaluation
    metrics = [metric for metric in facts.metrics if all(metric in scores for scores in evaluation.training_cv.values())]
    rows = [
        [name, *(facts.scale_of(metric).spread(scores[metric]["mean"], scores[metric]["sd"]) for metric in metrics)]
        for name, scores in evaluation.training_cv.items()
    ]
    return TableView(
        caption=f"Repeated cross-validation over the {count(evaluation.train_rows)} training rows: mean ± sd of the folds.",
        align="l" + "r" * len(metrics),
        head=("experiment", *(metric_label(metric, evaluation.contract.target) for metric in metrics)),
        rows=rows,
        strong=frozenset(i for i, row in enumerate(rows) if row[0] == evaluation.winner),
    )


def recipe(facts: Facts) -> TableView:
    """The winner's settings, exact."""
    made = facts.evaluation.recipe
    rows = [["boosting rounds", str(made.rounds)], *([name, setting(value)] for name, value in made.params.items())]
    if made.percentile is not None:
        rows.append(["features kept from percentile of mean |SHAP|", setting(made.percentile)])
    return TableView("The winner's settings; what is not named is XGBoost's default.", "lr", ("setting", "value"), rows)


def weights(facts: Facts) -> TableView:
    """The ten features that matter most."""
    attribution = facts.evaluation.attribution
    sizes = sorted(zip(attribution.importance.tolist(), attribution.features, strict=True), key=lambda pair: -pair[0])[:10]
    rows = [[name, significant(size)] for size, name in sizes]
    return TableView("Mean absolute SHAP value of the features that matter most.", "lr", ("feature", "mean |SHAP|"), rows)


def dictionary(facts: Facts) -> TableView:
    """The contract: what a row may hold, and what of it is used."""
    contract = facts.evaluation.contract
    features = (*contract.features, *contract.derived)
    rows = [_target_row(contract.target), *(_feature_row(facts, feature) for feature in features)]
    head = ("name", "type", "allowed", "unit", "required", "about", "used")
    return TableView("What a row may hold.", "l" * 7, head, rows, strong=frozenset({0}))


def source(facts: Facts) -> TableView:
    """What was read."""
    rows = [[DATA_LABELS.get(key, key), _plain(value)] for key, value in facts.data.items() if value is not None]
    return TableView("The table as it was read.", "ll", ("", "value"), rows)


def _winner(facts: Facts) -> frozenset[int]:
    names = [contender.name for contender in facts.evaluation.contenders]
    return frozenset({names.index(facts.evaluation.winner)})


def _target_row(target: Target) -> list[str]:
    kind = "number" if target.task == "regression" else "class"
    return [target.name, kind, ", ".join(target.classes), target.unit, "", target.about, "the target"]


def _feature_row(facts: Facts, feature: Feature) -> list[str]:
    required = "computed" if feature.expression else "yes" if feature.required else "no"
    about = feature.about or feature.expression
    return [feature.name, feature.type, _allowed(feature), feature.unit, required, about, _used(facts, feature)]


def _used(facts: Facts, feature: Feature) -> str:
    if not feature.use:
        return f"no: {feature.reason}"
    return "yes" if feature.name in facts.evaluation.features else "not by the winner"


def _allowed(feature: Feature) -> str:
    if feature.type == "boolean":
        return "true, false"
    if feature.values:
        return ", ".join(feature.values)
    if feature.min is None or feature.max is None:
        bound = feature.max if feature.min is None else feature.min
        return "" if bound is None else f"at {'most' if feature.min is None else 'least'} {setting(bound)}"
    return f"{setting(feature.min)} to {setting(feature.max)}"


def _plain(value: object) -> str:
    """A JSON value as text; of an object what is neither null nor 0."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(item)}" for key, item in value.items() if item) or "none"
    if isinstance(value, int) and not isinstance(value, bool):
        return count(value)
    if isinstance(value, float):
        return count(int(value)) if value.is_integer() else significant(value, 4)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_plain, value))
    return str(value)
