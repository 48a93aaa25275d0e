"""What the reports say in words. Every figure in them is of the evaluation."""

from hearth.reporting.facts import Facts, fold_values, mean_sd
from hearth.reporting.numbers import Scale, count, equals, fixed, percent, significant
from hearth.training.evaluation import LeftOut
from hearth.training.metrics import CALIBRATION_BINS, calibration_error

# Shares of the folds beyond which the test rows count as a kind or a harsh draw.
KIND, HARSH = 0.9, 0.1
# What labels of two classes can be chosen for, and how it is measured.
AIMS = {
    "f1": "F1",
    "balanced_accuracy": "balanced accuracy",
    "recall": "recall at a least precision (below 0 is what the precision lacks)",
}
# Share of the objective by which the last step of a learning curve must lower it for more rows to promise something.
WORTH = 0.02


def purpose(facts: Facts) -> str:
    """What is predicted, from what."""
    evaluation = facts.evaluation
    target = evaluation.contract.target
    about = f": {target.about}" if target.about else ""
    unit = f" ({target.unit})" if target.unit else ""
    used, total = len(evaluation.features), len(evaluation.contract.features) + len(evaluation.contract.derived)
    columns = f"all {total} columns" if used == total else f"{used} of {total} columns"
    return f"Gradient-boosted trees (XGBoost) that predict {target.name} from {columns}{about}{unit}."


def quality(facts: Facts) -> str:
    """The repeated cross-validation, mean and range."""
    values, scale = facts.objective_values, facts.scale
    mean, sd = mean_sd(values)
    return (
        f"Over the {len(values)} folds of a repeated cross-validation over {facts.rows}, "
        f"{facts.evaluation.winner} has a mean {facts.objective} of {scale.value(mean)} "
        f"({facts.unit}sd of the folds {scale.value(sd)}). One and the same recipe: a fold's {facts.objective} ran from "
        f"{scale.range(min(values), max(values))}."
    )


def sample(facts: Facts) -> str:
    """What a sample of a large table changes; nothing where there is none."""
    sample = facts.evaluation.sample
    if sample is None:
        return ""
    whole, learnt = facts.evaluation.train_rows, sample.learnt
    baselines = f" In the test the baselines had learnt from {count(learnt)} training rows." if learnt < whole else ""
    return (
        f"The table has more rows than evaluate.rows: what is said of folds, and of rows out of fold, is of {facts.rows}. The "
        f"models of a fold learnt from {count(sample.fold)} rows, the bundle's from all {count(whole)} training rows, so "
        f"expect it to err less.{baselines}"
    )


def against_baseline(facts: Facts) -> str:
    """The winner beside the best baseline; nothing where there is none."""
    if facts.best_baseline is None:
        return ""
    contender, comparison = facts.best_baseline
    difference = comparison.difference
    clear = (difference.low < 0) == (difference.high < 0) and difference.low != difference.high
    side = "better" if difference.value < 0 else "worse"
    verdict = f"the winner is {side}" if clear else "these rows cannot tell the two apart"
    mean = facts.scale.value(mean_sd(fold_values(contender, facts.evaluation.objective))[0])
    interval = f"{percent(facts.evaluation.confidence)} interval {facts.scale.range(difference.low, difference.high)}"
    return (
        f"The best baseline, {contender.name}, has {mean} on the same folds. The difference is "
        f"{facts.scale.value(difference.value)} ({interval}, corrected p {equals(comparison.p_value)}): {verdict}."
    )


def test_rows(facts: Facts) -> str:
    """The one reading of the test rows, and how little it says."""
    evaluation, values, scale = facts.evaluation, facts.objective_values, facts.scale
    reading, rows = evaluation.best.test[evaluation.objective], count(len(evaluation.test_actual))
    worse = sum(value > reading.value for value in values)
    told = (
        f"The one reading of the {rows} test rows gives {facts.objective} {scale.value(reading.value)} "
        f"({percent(evaluation.confidence)} interval {scale.range(reading.low, reading.high)}). "
    )
    if evaluation.sample is not None:
        return f"{told}Its model had learnt from more rows than those of the folds, so their range does not bound it."
    return (
        f"{told}That is better than {worse} of the {len(values)} folds: {_draw(worse / len(values))}. A test split of "
        f"{rows} rows says little: with this recipe a fold's {facts.objective} ran from "
        f"{scale.range(min(values), max(values))}, so quote the mean of the folds, not this reading."
    )


def intervals(facts: Facts) -> str:
    """How well the conformal intervals, or label sets, keep their promise."""
    coverage, target = facts.evaluation.coverage, facts.evaluation.contract.target
    scale = Scale("", coverage.mean_width)
    things, size, unit = ("Intervals", "width", target.unit) if facts.regression else ("Label sets", "size", "classes")
    unit = f", in {unit}" if unit else ""
    return (
        f"{things} made to hold {percent(coverage.nominal)} of the truths held {percent(coverage.coverage)} out of fold "
        f"(mean {size} {scale.value(coverage.mean_width)}{unit}) and {percent(coverage.test_coverage)} of the test rows "
        f"(mean {size} {scale.value(coverage.test_mean_width)})."
    )


def calibration(facts: Facts) -> str:
    """How far probabilities are from what happens, and what a temperature does to that; nothing for a regression."""
    if facts.regression:
        return ""
    evaluation = facts.evaluation
    error = calibration_error(evaluation.actual, evaluation.out_of_fold)
    stated = float(evaluation.out_of_fold.max(axis=1).mean())
    right = float((evaluation.out_of_fold.argmax(axis=1) == evaluation.actual).mean())
    return (
        f"Out of fold the most probable class was given a mean probability of {percent(stated)} and was right in "
        f"{percent(right)} of the rows; the expected calibration error over {CALIBRATION_BINS} bins is {percent(error)}."
        f"{_temperature(facts)}"
    )


def _temperature(facts: Facts) -> str:
    decided, scale = facts.evaluation.decided, facts.scale_of("log_loss")
    if decided.log_loss is None:
        return ""
    heat, (without, with_one) = decided.decision.temperature, map(scale.value, decided.log_loss)
    use = "No temperature divides" if heat == 1 else f"A temperature of {significant(heat)} divides"
    return (
        f" {use} the margins of the classes (Guo et al., 2017): over the {count(facts.evaluation.train_rows)} training rows "
        f"the log loss out of fold is {with_one} with that of the other folds and {without} without."
    )


def threshold(facts: Facts) -> str:
    """Above which probability the second of two classes is the label, and what that is worth; nothing where no aim was set."""
    decided, target = facts.evaluation.decided, facts.evaluation.contract.target
    if decided.worth is None:
        return ""
    aim, (half, chosen) = AIMS[facts.evaluation.aim], (fixed(worth, 3) for worth in decided.worth)
    return (
        f"The label is {target.classes[1]} where its probability is above {significant(decided.decision.threshold)}: chosen "
        f"for {aim}, which out of fold is {chosen} above the threshold of the other folds and {half} above one half."
    )


def groups(facts: Facts) -> str:
    """What makes the groups of rows; nothing where there are none."""
    told = ", ".join(f"{one.name} ({one.rule})" for one in facts.evaluation.groups)
    return f"One figure over all rows hides how kinds of rows differ: {told}." if told else ""


def contributions(facts: Facts) -> str:
    """What SHAP values are, on the scale on which they add up."""
    outputs = facts.evaluation.contract.target.outputs
    whole = "its prediction" if facts.regression else ("its log odds" if outputs == 2 else "the score of a class")
    return f"Contributions are exact SHAP values of the winner: those of one row and the base value add up to {whole}."


def chosen(facts: Facts) -> str:
    """How the winner came to be the winner."""
    names, rows = facts.evaluation.training_cv, count(facts.evaluation.train_rows)
    return (
        f"{facts.evaluation.winner} has the lowest mean {facts.objective} of {len(names)} experiments in repeated "
        f"cross-validation over the {rows} training rows, and was fixed there. Neither the test rows nor the cross-validation "
        f"over {'all rows' if facts.evaluation.sample is None else 'the sample'} had a say."
    )


def left_out(facts: Facts, column: LeftOut) -> str:
    """What leaving a column out costs."""
    return (
        f"{column.name} is accepted and ignored: {column.reason}. On the same folds the winner's recipe has a mean "
        f"{facts.objective} of {facts.scale.value(column.without)} without it and {facts.scale.value(column.with_it)} with it."
    )


def dropped(facts: Facts) -> str:
    """Which usable features the winner does not use; nothing where it uses all."""
    names = [name for name in facts.evaluation.contract.columns if name not in facts.evaluation.features]
    return f"The winner does without {', '.join(names)}: too small a share of mean |SHAP value|." if names else ""


def learning(facts: Facts) -> str:
    """Whether more rows would help, by the last step of the learning curve."""
    points = facts.evaluation.learning
    if len(points) < 2:
        return ""
    before, last = points[-2], points[-1]
    gain = before.valid - last.valid
    outlook = "more rows would still help" if gain > WORTH * before.valid else "more rows of this kind would help little"
    change = f"{'lowered' if gain > 0 else 'raised'} it by {significant(abs(gain), 2)}"
    return (
        f"From {count(before.rows)} to {count(last.rows)} rows the {facts.objective} on rows not seen went from "
        f"{facts.scale.range(before.valid, last.valid)}: that step {change}, so {outlook}."
    )


def _draw(share: float) -> str:
    if share >= KIND:
        return "a kind draw of rows"
    return "a harsh draw of rows" if share <= HARSH else "an ordinary draw of rows"
