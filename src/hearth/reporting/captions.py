"""What stands beside each figure: a title, one sentence that says what to see, and words for whom no picture reaches."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from hearth.reporting import sentences
from hearth.reporting.facts import Facts, fold_values, mean_sd
from hearth.reporting.numbers import count, percent, significant
from hearth.training.class_figures import MOST_CURVES
from hearth.training.shap_figures import MOST_PANELS


@dataclass(frozen=True, slots=True)
class Caption:
    """``text`` is read beside the picture, ``alt`` in place of it."""

    title: str
    text: str
    alt: str


def caption(stem: str, facts: Facts) -> Caption:
    """The caption of a figure by the stem of its file; one that is not known gets its name."""
    name, _, rank = stem.rpartition("_")
    if name == "dependence" and rank.isdecimal():
        return _dependence(facts, int(rank))
    if stem in CAPTIONS:
        return CAPTIONS[stem](facts)
    title = stem.replace("_", " ")
    return Caption(title, "", f"Figure: {title}.")


def _comparison(facts: Facts) -> Caption:
    objective, scale = facts.evaluation.objective, facts.scale
    means = {one.name: scale.value(mean_sd(fold_values(one, objective))[0]) for one in facts.evaluation.contenders}
    listed = ", ".join(f"{name} {mean}" for name, mean in means.items())
    return Caption(
        "Every contender on the same folds",
        "Each dot is a fold, the bar the mean: look how far the dots of one contender spread, and how near the means are.",
        f"Strip chart of {facts.objective} by contender over {len(facts.objective_values)} folds; means: {listed}.",
    )


def _predicted_actual(facts: Facts) -> Caption:
    name, rows = facts.evaluation.contract.target.name, count(len(facts.evaluation.actual))
    return Caption(
        "Predicted against actual",
        f"Each dot is a row that its model had not seen; {percent(facts.evaluation.coverage.coverage)} lie in their interval, "
        "whose mean width the band shows.",
        f"Scatter plot of actual over predicted {name} for {rows} rows, out of fold, around the diagonal.",
    )


def _residuals(facts: Facts) -> Caption:
    return Caption(
        "Residuals against predictions",
        "A good model leaves a level cloud around 0: where the orange line leaves it, predictions are off to one side.",
        f"Scatter plot of residuals over predictions, with the running median, for {count(len(facts.evaluation.actual))} rows.",
    )


def _residual_distribution(facts: Facts) -> Caption:
    low, median, high = np.percentile(facts.evaluation.residuals, [25, 50, 75]).tolist()
    half = f"Half of all residuals lie between {significant(low)} and {significant(high)}"
    text = f"{half}, the median is {significant(median, 2)}"
    return Caption("Spread of the residuals", f"{text}.", f"Histogram of the residuals. {text}.")


def _learning(facts: Facts) -> Caption:
    text = sentences.learning(facts) or "The error on rows not seen, by how many rows were learnt from."
    return Caption("Would more rows help?", text, f"Line chart of {facts.objective} by rows learnt from. {text}")


def _candidates(facts: Facts) -> Caption:
    return Caption(
        "The searches",
        "Dots are candidates, lines the best so far: where a line is flat, more candidates found nothing better.",
        f"{facts.objective} of each candidate of each search in the order tried, with the lowest so far.",
    )


def _importance(facts: Facts) -> Caption:
    attribution = facts.evaluation.attribution
    order = np.argsort(-attribution.importance, kind="stable")[:3].tolist()
    names = ", ".join(f"{attribution.features[at]} ({significant(attribution.importance[at])})" for at in order)
    return Caption(
        "What the model leans on",
        f"The mean size of each feature's contribution to a prediction; the largest: {names}.",
        f"Bar chart of mean absolute SHAP values; the largest: {names}.",
    )


def _beeswarm(facts: Facts) -> Caption:
    rows = count(len(facts.evaluation.attribution.x))
    classes = len(facts.evaluation.contract.target.classes)
    some = f" Shown are the {MOST_PANELS} of {classes} classes with the largest values." if classes > MOST_PANELS else ""
    return Caption(
        "How each feature moves predictions",
        f"Each dot is a row; right of the line the feature raised its prediction, red where the value itself is high.{some}",
        f"Beeswarm of SHAP values by feature over {rows} rows, coloured by the value of the feature.{some}",
    )


def _dependence(facts: Facts, rank: int) -> Caption:
    attribution = facts.evaluation.attribution
    name = attribution.features[int(np.argsort(-attribution.importance, kind="stable")[rank - 1])]
    return Caption(
        f"{name} and its contribution",
        f"From left to right {name} grows; upwards it adds more to the prediction.",
        f"Scatter plot of the SHAP value of {name} over its value.",
    )


def _roc(facts: Facts) -> Caption:
    classes = len(facts.evaluation.contract.target.classes)
    some = f" Drawn are the {MOST_CURVES} most frequent of {classes} classes; AUC is of all." if classes > MOST_CURVES else ""
    return Caption(
        "ROC curves",
        "The nearer a curve to the upper left corner, the better its class is told from the rest; the diagonal is chance."
        f"{some}",
        f"ROC curves, out of fold, of {count(len(facts.evaluation.actual))} rows.{some}",
    )


def _confusion(facts: Facts) -> Caption:
    evaluation = facts.evaluation
    share = float(np.mean(evaluation.labels == evaluation.actual))
    return Caption(
        "Confusion matrix",
        f"{percent(share)} of the rows lie on the diagonal, where prediction and truth agree; each row is a true class.",
        f"Confusion matrix, out of fold, of {count(len(evaluation.actual))} rows; {percent(share)} on the diagonal.",
    )


def _confusions(facts: Facts) -> Caption:
    tested = facts.evaluation.test_actual
    rows = f"the {count(len(tested))} test rows"
    right = {one.name: percent(float(np.mean(one.test_labels == tested))) for one in facts.evaluation.contenders}
    listed = ", ".join(f"{name} {share}" for name, share in right.items())
    return Caption(
        "Every contender's confusion matrix",
        f"The experiments and the baselines on {rows}, read once: each row is a true class, and what lies off the diagonal is "
        "an error.",
        f"Confusion matrices of every contender on {rows}; shares on the diagonal: {listed}.",
    )


def _calibration(facts: Facts) -> Caption:
    return Caption(
        "Calibration",
        "On the diagonal a stated probability is what happens; below it the probability was too high, above it too low.",
        f"Calibration curve, out of fold, of {count(len(facts.evaluation.actual))} rows, beside the diagonal.",
    )


CAPTIONS: Mapping[str, Callable[[Facts], Caption]] = {
    "comparison": _comparison,
    "predicted_actual": _predicted_actual,
    "residuals": _residuals,
    "residual_distribution": _residual_distribution,
    "confusion": _confusion,
    "confusions": _confusions,
    "roc": _roc,
    "calibration": _calibration,
    "learning_curve": _learning,
    "candidates": _candidates,
    "importance": _importance,
    "beeswarm": _beeswarm,
}
