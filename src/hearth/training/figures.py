"""The figures of an evaluation: a file stem, and what is drawn under it."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hearth.training import class_figures
from hearth.training.drawing import (
    BLUE,
    GREEN,
    GREY,
    INK,
    MOST_VECTORS,
    MUTED,
    ORANGE,
    Floats,
    canvas,
    gutter,
    legend,
    plain,
    sample,
    save,
    style,
    tidy,
)
from hearth.training.evaluation import Contender, Evaluation
from hearth.training.labels import class_names, metric_label, with_unit
from hearth.training.shap_figures import selection_figures

__all__ = ["evaluation_figures", "save", "selection_figures"]

# A contender whose best fold is this many times the winner's worst stands at the edge, so that the others can be told apart.
FAR = 1.25
NONE: Mapping[str, Sequence[float]] = MappingProxyType({})


def evaluation_figures(evaluation: Evaluation, searches: Mapping[str, Sequence[float]] = NONE) -> dict[str, Figure]:
    """The figures of the report, by the stem of their files.

    ``searches`` has, for each search, the score of every candidate in the order tried.
    """
    regression = evaluation.contract.target.task == "regression"
    drawn: dict[str, Callable[[], Figure]] = {
        "comparison": partial(comparison, evaluation),
        **(_regression(evaluation) if regression else _classification(evaluation)),
    }
    if evaluation.learning:
        drawn["learning_curve"] = partial(learning_curve, evaluation)
    if searches:
        label = metric_label(evaluation.objective, evaluation.contract.target)
        drawn["candidates"] = partial(candidates, searches, label)
    with style():
        figures = {stem: draw() for stem, draw in drawn.items()}
    return figures | selection_figures(evaluation.attribution, evaluation.contract)


def _regression(evaluation: Evaluation) -> dict[str, Callable[[], Figure]]:
    return {
        "predicted_actual": partial(predicted_actual, evaluation),
        "residuals": partial(residuals, evaluation),
        "residual_distribution": partial(residual_distribution, evaluation),
    }


def _classification(evaluation: Evaluation) -> dict[str, Callable[[], Figure]]:
    target, actual, scores = evaluation.contract.target, evaluation.actual, evaluation.out_of_fold
    names, read = class_names(target, scores.shape[1]), {one.name: one.test_labels for one in evaluation.contenders}
    return {
        "confusion": partial(class_figures.confusion_matrix, names, actual, evaluation.labels),
        "confusions": partial(class_figures.confusion_matrices, names, evaluation.test_actual, read),
        "roc": partial(class_figures.roc_curves, target, actual, scores),
        "calibration": partial(class_figures.calibration_curve, target, actual, scores),
    }


def comparison(evaluation: Evaluation) -> Figure:
    """The objective of every contender on every fold: dots, their middle half, their mean."""
    contenders = evaluation.contenders
    names = [plain(contender.name) for contender in contenders]
    figure, axes = canvas(7.2, 1.1 + 0.42 * len(names), left=gutter(names))
    farthest = FAR * max(fold[evaluation.objective] for fold in evaluation.best.folds)
    for at, contender in enumerate(contenders):
        values = tidy(_objectives(contender, evaluation.objective))
        colour = BLUE if contender.name == evaluation.winner else GREY
        if float(values.min()) > farthest > 0:
            _beyond(axes, at, values)
        else:
            _strip(axes, at, values, colour)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(f"{_objective_label(evaluation)} of each fold, lower is better")
    return figure


def _objectives(contender: Contender, objective: str) -> Floats:
    return np.array([fold[objective] for fold in contender.folds])


def _strip(axes: Axes, at: int, values: Floats, colour: str) -> None:
    middle = np.percentile(values, [25, 75])
    axes.plot(middle, [at, at], color=colour, linewidth=9, alpha=0.35, solid_capstyle="butt")
    spread = 0.22 * np.sin(np.arange(len(values)) * 2.4)
    axes.scatter(values, at + tidy(spread), s=9, color=colour, alpha=0.8, linewidths=0)
    axes.plot([values.mean()] * 2, [at - 0.32, at + 0.32], color=INK, linewidth=2)


def _beyond(axes: Axes, at: int, values: Floats) -> None:
    axes.text(
        0.99, at, f"beyond this axis, mean {values.mean():.3g} →", transform=axes.get_yaxis_transform(), ha="right",
        va="center", color=MUTED, fontsize=9,
    )  # fmt: skip


def predicted_actual(evaluation: Evaluation) -> Figure:
    """Each row's actual value over what a model that had not seen it said, and the band of the conformal intervals."""
    shown = sample(len(evaluation.actual))
    predicted, actual = tidy(evaluation.out_of_fold[shown]), tidy(evaluation.actual[shown])
    figure, axes = canvas(6, 4.6)
    ends = np.array(_limits(np.concatenate([predicted, actual])))
    half = evaluation.coverage.mean_width / 2
    band = axes.fill_between(ends, ends - half, ends + half, color=BLUE, alpha=0.18, linewidth=0)
    line = axes.plot(ends, ends, color=MUTED, linewidth=1)[0]
    _dots(axes, predicted, actual)
    axes.set_xlim(*ends)
    legend(axes, [line, band], ["perfect", f"{evaluation.coverage.nominal:.0%} interval"])
    axes.set_xlabel(plain(with_unit(f"predicted {evaluation.contract.target.name}", evaluation.contract.target.unit), 60))
    axes.set_ylabel(plain(with_unit(f"actual {evaluation.contract.target.name}", evaluation.contract.target.unit), 44))
    return figure


def residuals(evaluation: Evaluation) -> Figure:
    """Each row's residual over its prediction, and their running median."""
    shown = sample(len(evaluation.actual))
    predicted, left = tidy(evaluation.out_of_fold[shown]), tidy(evaluation.residuals[shown])
    figure, axes = canvas(6, 4)
    axes.axhline(0, color=MUTED, linewidth=1)
    _dots(axes, predicted, left)
    groups = np.array_split(np.argsort(predicted, kind="stable"), max(1, min(10, len(predicted) // 20)))
    centres = [float(np.median(predicted[group])) for group in groups]
    medians = [float(np.median(left[group])) for group in groups]
    line = axes.plot(centres, medians, color=ORANGE, marker="o", markersize=4)[0]
    legend(axes, [line], ["median of neighbours"])
    axes.set_xlim(*_limits(predicted))
    target = evaluation.contract.target
    axes.set_xlabel(plain(with_unit(f"predicted {target.name}", target.unit), 60))
    axes.set_ylabel(plain(with_unit("actual \N{MINUS SIGN} predicted", target.unit), 44))
    return figure


def residual_distribution(evaluation: Evaluation) -> Figure:
    """How the residuals are spread, with the bounds of the conformal interval."""
    left = tidy(evaluation.residuals)
    figure, axes = canvas(6, 4)
    edges = np.linspace(*_limits(left), max(10, min(50, int(2 * len(left) ** 0.5)))).tolist()
    axes.hist(left, edges, color=BLUE, alpha=0.75, edgecolor="none", rwidth=0.92)
    median = axes.axvline(float(np.median(left)), color=ORANGE)
    half = evaluation.coverage.mean_width / 2
    bounds = [axes.axvline(sign * half, color=MUTED, linewidth=1, linestyle=(0, (4, 3))) for sign in (-1, 1)]
    legend(axes, [median, bounds[0]], ["median", f"{evaluation.coverage.nominal:.0%} interval"])
    axes.set_xlabel(plain(with_unit("actual \N{MINUS SIGN} predicted", evaluation.contract.target.unit), 60))
    axes.set_ylabel("rows")
    return figure


def learning_curve(evaluation: Evaluation) -> Figure:
    """The objective on training and on validation rows, by the number of rows learnt from."""
    points = evaluation.learning
    rows = [point.rows for point in points]
    train, valid, sd = (tidy(np.array([getattr(p, name) for p in points])) for name in ("train", "valid", "valid_sd"))
    figure, axes = canvas(6, 4)
    axes.fill_between(rows, valid - sd, valid + sd, color=BLUE, alpha=0.18, linewidth=0)
    lines = [
        axes.plot(rows, valid, color=BLUE, marker="o", markersize=4)[0],
        axes.plot(rows, train, color=GREEN, marker="s", markersize=4)[0],
    ]
    legend(axes, lines, ["rows not seen, ± 1 sd of the folds", "rows learnt from"])
    axes.set_ylim(bottom=0)
    axes.set_xlabel("rows learnt from")
    axes.set_ylabel(_objective_label(evaluation, 44))
    return figure


def candidates(searches: Mapping[str, Sequence[float]], label: str) -> Figure:
    """The score of each candidate of each search in the order tried, and the best so far."""
    figure, axes = canvas(7.2, 3.8)
    handles, names = [], []
    for (name, tried), colour in zip(searches.items(), (BLUE, ORANGE, GREEN), strict=False):
        scores = tidy(np.array(tried, dtype=np.float64))
        order = range(1, len(scores) + 1)
        axes.scatter(order, scores, s=12, color=colour, alpha=0.5, linewidths=0)
        handles.append(axes.step(order, np.minimum.accumulate(scores), color=colour, where="post")[0])
        names.append(f"{name}: best so far")
    legend(axes, handles, names)
    axes.set_xlabel("candidate, in the order tried")
    axes.set_ylabel(plain(label, 44))
    return figure


def _objective_label(evaluation: Evaluation, most: int = 60) -> str:
    return plain(metric_label(evaluation.objective, evaluation.contract.target), most)


def _dots(axes: Axes, x: Floats, y: Floats) -> None:
    many = len(x) > MOST_VECTORS
    axes.scatter(x, y, s=8 if many else 13, color=BLUE, alpha=0.5 if many else 0.7, linewidths=0, rasterized=many)


def _limits(values: Floats) -> tuple[float, float]:
    """The range of the values and a little more; of constant ones a range around them."""
    low, high = float(values.min()), float(values.max())
    margin = 0.04 * (high - low) or 0.5 * abs(high) or 0.5
    return low - margin, high + margin
