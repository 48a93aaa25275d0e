"""The figures of a classification: ROC curves, confusion matrix, calibration."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hearth.schema import Target
from hearth.training.drawing import BLUE, CYCLE, MUTED, Floats, canvas, gutter, legend, plain, tidy
from hearth.training.labels import class_names
from hearth.training.metrics import confusion

MOST_CURVES, MOST_CLASSES, MOST_POINTS, BINS = 6, 12, 300, 10
WIDEST, GAP = 9.0, 0.25  # inches, of matrices side by side and between them
SHARES = LinearSegmentedColormap.from_list("shares", ["#eef3f8", "#8fbadf", "#1f5f96"])


def roc_curves(target: Target, actual: Floats, scores: Floats) -> Figure:
    """One-versus-rest ROC curves of the most frequent classes, the title says of how many; of two, that of the second."""
    names = class_names(target, scores.shape[1])
    figure, axes = canvas(5.4, 4.8)
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1)
    handles, labels = [], []
    for colour, code in zip(CYCLE, _frequent(actual, len(names)), strict=False):
        curve = roc(actual == code, scores[:, code])
        if curve is not None:
            handles.append(axes.plot(*_thinned(*curve), color=colour)[0])
            labels.append(f"{plain(names[code], 20)}: area {np.trapezoid(curve[1], curve[0]):.3f}")
    if len(names) > MOST_CURVES:
        axes.set_title(f"the {len(handles)} most frequent of {len(names)} classes", loc="left", color=MUTED)
    if handles:
        legend(axes, handles, labels, inside=True)
    else:
        _say(axes, "one class alone has rows: no curve")
    axes.set_xlabel("share of the other rows taken for the class")
    axes.set_ylabel("share of the class's rows found")
    return figure


def roc(member: NDArray[np.bool_], score: Floats) -> tuple[Floats, Floats] | None:
    """False and true positive rates over every threshold, from (0, 0) to (1, 1); None where one side has no rows."""
    positives, negatives = int(member.sum()), int((~member).sum())
    if not positives or not negatives:
        return None
    order = np.argsort(-score, kind="stable")
    last = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    hits = np.cumsum(member[order])[last]
    misses = last + 1 - hits
    return np.append(0.0, misses / negatives), np.append(0.0, hits / positives)


def confusion_matrix(names: tuple[str, ...], actual: Floats, predicted: NDArray[np.intp]) -> Figure:
    """How the rows of each class were predicted: counts, coloured by the share of the class."""
    labels, counts = _gathered(names, confusion(actual, predicted, len(names)))
    size, left = 0.62 * len(labels), gutter(labels) + 0.25
    figure, axes = canvas(left + max(2.8, size) + 0.2, 1.2 + max(2.4, 0.8 * size), left=left, bottom=0.85)
    _cells(axes, counts, 10)
    ticks = np.arange(len(labels)) + 0.5
    turned = len(labels) > 4 or max(map(len, labels)) > 8
    axes.set_xticks(ticks, [plain(label, 10) for label in labels], rotation=30 if turned else 0)
    axes.set_yticks(ticks, labels)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("actual class")
    return figure


def confusion_matrices(names: tuple[str, ...], actual: Floats, predicted: Mapping[str, NDArray[np.intp]]) -> Figure:
    """A small confusion matrix for each name in ``predicted``, side by side: counts, coloured by the share of the class."""
    drawn = {title: _gathered(names, confusion(actual, answers, len(names))) for title, answers in predicted.items()}
    labels = [plain(label, 12) for label in next(iter(drawn.values()))[0]]
    side, left, below = max(1.35, 0.34 * len(labels)), gutter(labels) + 0.2, gutter(labels) + 0.2
    across = max(1, min(4, len(drawn), int(WIDEST // (side + GAP))))
    down = -(-len(drawn) // across)
    width, height = left + across * (side + GAP), below + down * (side + 2 * GAP)
    figure = Figure(figsize=(width, height))
    for at, (title, (_, counts)) in enumerate(drawn.items()):
        x, y = left + at % across * (side + GAP), height - (at // across + 1) * (side + 2 * GAP) + GAP
        axes = figure.add_axes((x / width, y / height, side / width, side / height))
        _cells(axes, counts, 8)
        ticks = np.arange(len(labels)) + 0.5
        axes.set_xticks(ticks, labels if at + across >= len(drawn) else [""] * len(labels), rotation=90)
        axes.set_yticks(ticks, labels if at % across == 0 else [""] * len(labels))
        axes.set_title(plain(title, 20), loc="left")
    figure.supxlabel("predicted class", y=0.02, x=(left + (width - left) / 2) / width, size=10)
    figure.supylabel("actual class", x=0.01, size=10)
    return figure


def _cells(axes: Axes, counts: NDArray[np.intp], size: int) -> None:
    """The counts of a confusion matrix, the first class on top, in letters of this size."""
    shares = tidy(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))
    axes.pcolormesh(shares, cmap=SHARES, vmin=0, vmax=1, edgecolors="none")
    for (row, column), count in np.ndenumerate(counts):
        ink = "#ffffff" if shares[row, column] > 0.6 else "#14202e"
        axes.text(column + 0.5, row + 0.5, f"{count}", ha="center", va="center", color=ink, fontsize=size)
    axes.tick_params(length=0)
    axes.invert_yaxis()
    axes.grid(visible=False)


def calibration_curve(target: Target, actual: Floats, scores: Floats) -> Figure:
    """How often what was given a probability came true, over that probability: of the second of two classes, or of the label.

    Of many classes most probabilities are next to nothing: all of them together would be a heap of points at 0.
    """
    names = class_names(target, scores.shape[1])
    two = len(names) == 2
    probability = scores[:, 1] if two else scores.max(axis=1)
    stated, happened, errors = _calibration(probability, actual == (1 if two else scores.argmax(axis=1)))
    figure, axes = canvas(5.4, 4.8)
    line = axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1)[0]
    axes.errorbar(stated, happened, errors, color=BLUE, marker="o", markersize=5, elinewidth=1)
    subject = f"of {plain(names[1], 24)}" if two else "of the most probable class"
    legend(axes, [line], ["perfectly calibrated"])
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel(f"predicted probability {subject}")
    axes.set_ylabel("share that came true, ± 1 standard error")
    return figure


def _calibration(stated: Floats, happened: NDArray[np.bool_]) -> tuple[Floats, Floats, Floats]:
    """Mean probability, share that came true and its standard error in up to ``BINS`` bins of equal numbers of rows."""
    groups = np.array_split(np.argsort(stated, kind="stable"), max(1, min(BINS, len(stated) // 10)))
    means = np.array([stated[group].mean() for group in groups])
    shares = np.array([happened[group].mean() for group in groups])
    sizes = np.array([len(group) for group in groups])
    return tidy(means), tidy(shares), tidy(np.sqrt(shares * (1 - shares) / sizes))


def _frequent(actual: Floats, classes: int) -> list[int]:
    """The classes that get a curve: the second of two, or the most frequent ones in the order of their codes."""
    if classes == 2:
        return [1]
    counts = np.bincount(actual.astype(np.intp), minlength=classes)
    return sorted(np.argsort(-counts, kind="stable")[:MOST_CURVES].tolist())


def _thinned(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    if len(x) <= MOST_POINTS:
        return tidy(x), tidy(y)
    shown = np.linspace(0, len(x) - 1, MOST_POINTS).astype(np.intp)
    return tidy(x[shown]), tidy(y[shown])


def _gathered(names: tuple[str, ...], counts: NDArray[np.intp]) -> tuple[list[str], NDArray[np.intp]]:
    """The most frequent classes, and all others as one, where there are more than a matrix can show."""
    labels = [plain(name, 20) for name in names]
    if len(names) <= MOST_CLASSES:
        return labels, counts
    first = np.sort(np.argsort(-counts.sum(axis=1), kind="stable")[: MOST_CLASSES - 1])
    place = np.full(len(names), MOST_CLASSES - 1)
    place[first] = np.arange(MOST_CLASSES - 1)
    gathered = np.zeros((MOST_CLASSES, MOST_CLASSES), dtype=np.intp)
    np.add.at(gathered, (place[:, None], place[None, :]), counts)
    return [*(labels[code] for code in first), "all others"], gathered


def _say(axes: Axes, text: str) -> None:
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=MUTED)
