"""A window over its reference: the distributions that drifted first, and what a simulated fault did to the metrics."""

import io
from math import ceil

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hearth.bundle.distance import Levels
from hearth.bundle.drift import Sample, predicted
from hearth.bundle.observed import Column
from hearth.monitoring.look import Look, Simulated
from hearth.schema import Contract, Feature
from hearth.training.drawing import BLUE, INK, MUTED, ORANGE, plain, style
from hearth.training.labels import metric_name

Vector = NDArray[np.float64]
ACROSS, MOST = 3, 12  # panels in a row, and columns that are drawn at most
BINS, DPI = 24, 110
ROOM = 44  # characters of the names of levels that stand beside one another under a panel


def png(contract: Contract, look: Look, reference: Sample, window: Sample) -> bytes:
    """The picture; the same look gives the same bytes."""
    buffer = io.BytesIO()
    with style():
        drawn(contract, look, reference, window).savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def drawn(contract: Contract, look: Look, reference: Sample, window: Sample) -> Figure:
    """Reference and window overlaid, a panel for each column, those that drifted first; the metrics last."""
    columns = sorted(look.report.columns, key=lambda one: one.rank)[:MOST]
    values = _values(contract, reference, window)
    story = look.simulated if look.simulated and look.simulated.before else None
    rows = max(1, ceil((len(columns) + (story is not None)) / ACROSS))
    figure = Figure(figsize=(10.5, 1.2 + 2.5 * rows))
    figure.text(0.012, 1 - 0.3 / figure.get_figheight(), _title(look), fontsize=12, color=INK, va="center")
    grid = figure.add_gridspec(
        rows, ACROSS, left=0.06, right=0.985, bottom=0.8 / figure.get_figheight(), top=1 - 0.95 / figure.get_figheight(),
        hspace=0.75, wspace=0.22,
    )  # fmt: skip
    for at, column in enumerate(columns):
        axes = figure.add_subplot(grid[divmod(at, ACROSS)])
        feature, before, after = values[column.part, column.name]
        _panel(axes, column, feature, before, after)
    if story is not None:
        _metrics(figure.add_subplot(grid[divmod(len(columns), ACROSS)]), story)
    return figure


def _title(look: Look) -> str:
    report = look.report
    story = f" with simulated {look.simulated.fault} of {look.simulated.intensity:g}" if look.simulated else ""
    return f"{report.status}: {report.rows} rows{story} (orange) over {report.reference_rows} of the reference (blue)"


def _values(contract: Contract, reference: Sample, window: Sample) -> dict[tuple[str, str], tuple[Feature, Vector, Vector]]:
    """Of each column, by its part and name: what it is, and its values in both samples."""
    features = {("feature", one.name): (one, reference.rows[:, at], window.rows[:, at]) for at, one in enumerate(contract.used)}
    said = zip(predicted(contract, reference).items(), predicted(contract, window).values(), strict=True)
    return features | {("prediction", one.name): (one, before, after) for (one, before), after in said}


def _panel(axes: Axes, column: Column, feature: Feature, before: Vector, after: Vector) -> None:
    name = column.name if column.part == "feature" else f"{column.name}, predicted"
    axes.set_title(plain(name, 34), loc="left", color=ORANGE if column.drifted else INK, fontweight="bold", pad=17)
    axes.text(0, 1.03, _caption(column), transform=axes.transAxes, fontsize=8, color=MUTED)
    axes.tick_params(labelsize=8)
    if isinstance(column.apart, Levels):
        _bars(axes, column.apart)
    else:
        _histograms(axes, before[~np.isnan(before)], after[~np.isnan(after)])
        axes.set_xlabel(plain(feature.unit or " ", 40), fontsize=8, labelpad=1)


def _caption(column: Column) -> str:
    parts = []
    if column.test is not None:
        parts.append(f"p {column.test.adjusted:.2g}, moved {column.test.effect:.2g}")
    missing = column.missing
    if missing.reference or missing.window:
        p_value = f" (p {missing.test.adjusted:.2g})" if missing.test else ""
        parts.append(f"missing {100 * missing.reference:.0f} → {100 * missing.window:.0f} %{p_value}")
    return "; ".join(parts) or "never varies"


def _histograms(axes: Axes, before: Vector, after: Vector) -> None:
    both = np.concatenate([before, after])
    if len(both) == 0:
        return
    low, high = float(both.min()), float(both.max())
    edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
    for values, colour, alpha in ((before, BLUE, 0.45), (after, ORANGE, 0.55)):
        if len(values):
            axes.hist(values, edges.tolist(), weights=np.full(len(values), 100 / len(values)), color=colour, alpha=alpha)
    axes.set_ylabel("% of rows", fontsize=8)


def _bars(axes: Axes, apart: Levels) -> None:
    shown = sorted(apart.levels, key=lambda one: -max(one.reference, one.window))[:8]
    at = np.arange(len(shown))
    for shift, shares, colour in (
        (-0.2, [one.reference for one in shown], BLUE),
        (0.2, [one.window for one in shown], ORANGE),
    ):
        axes.bar(at + shift, 100 * np.array(shares), width=0.38, color=colour, alpha=0.8)
    names = [plain(one.name, 12) for one in shown]
    axes.set_xticks(at, names)
    if sum(len(name) + 2 for name in names) > ROOM:
        axes.set_xticks(at, names, rotation=35, ha="right", rotation_mode="anchor")
    axes.grid(visible=False, axis="x")
    axes.set_ylabel("% of rows", fontsize=8)


def _metrics(axes: Axes, story: Simulated) -> None:
    """Each metric after the fault, as a multiple of what it was before."""
    names = list(story.before)
    ratios = [story.after[name] / story.before[name] if story.before[name] else 0.0 for name in names]
    at = np.arange(len(names))
    axes.barh(at, np.nan_to_num(ratios), color=ORANGE, alpha=0.6, height=0.55)
    axes.axvline(1, color=BLUE)
    axes.set_yticks([])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(labelsize=8)
    axes.grid(visible=False, axis="y")
    axes.set_title("metrics", loc="left", fontweight="bold", pad=17)
    axes.text(0, 1.03, "with the fault, over those without", transform=axes.transAxes, fontsize=8, color=MUTED)
    for row, name in enumerate(names):
        told = f"{metric_name(name)}  {story.before[name]:.3g} → {story.after[name]:.3g}"
        axes.text(0.02, row, told, transform=axes.get_yaxis_transform(), va="center", fontsize=8, color=INK)
