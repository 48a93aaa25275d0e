"""The picture of an evaluation: the error over time, and by ranges of the features."""

import io
from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hearth.monitoring.performance import Performance
from hearth.monitoring.slices import Slice
from hearth.schema import Contract
from hearth.training.drawing import BLUE, INK, MUTED, ORANGE, plain, style
from hearth.training.labels import features_of, metric_label, with_unit

PANELS, ACROSS, DPI = 6, 3, 150
WIDTH, TOP, EACH = 10.0, 3.2, 2.5  # inches: of the figure, of the upper axes, of a row of panels
WIDE, NARROW = 140, 56  # characters of tick labels that have room under the upper axes, and under a panel
BEYOND = (
    3.0  # times the greatest value or threshold: an interval that goes on is cut there, so that the others can be told apart
)


def png(measured: Performance, contract: Contract) -> bytes:
    """The picture; the same findings give the same bytes."""
    buffer = io.BytesIO()
    with style():
        draw(measured, contract).savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def draw(measured: Performance, contract: Contract) -> Figure:
    """The objective in each window of time, below it in ranges of the most important features; lines say what is expected."""
    shown = list(measured.ranges.items())[:PANELS]
    rows = -(-len(shown) // ACROSS)
    highest = _highest([*measured.windows, *(one for _, slices in shown for one in slices)], measured)
    with style():
        figure = Figure(figsize=(WIDTH, TOP + EACH * rows), layout="constrained")
        parts = figure.subfigures(2, 1, height_ratios=[TOP, EACH * rows], squeeze=False).ravel() if rows else [figure]
        axes = parts[0].subplots()
        _dots(axes, measured.windows, measured, highest, WIDE)
        axes.set_ylabel(plain(metric_label(measured.objective, contract.target), 30))
        axes.set_xlabel("predicted in the window that begins at (UTC)")
        _legend(axes, measured)
        if rows:
            _panels(parts[1].subplots(rows, ACROSS, squeeze=False).ravel(), measured, contract, highest)
    return figure


def _panels(panels: Iterable[Axes], measured: Performance, contract: Contract, highest: float) -> None:
    ranges = iter(measured.ranges.items())
    for panel in panels:
        name, slices = next(ranges, ("", ()))
        if slices:
            _dots(panel, slices, measured, highest, NARROW)
            panel.set_xlabel(plain(with_unit(name, features_of(contract)[name].unit), 36))
        else:
            panel.set_visible(False)


def _dots(axes: Axes, slices: Sequence[Slice], measured: Performance, highest: float, room: int) -> None:
    """A dot for each slice with its interval, over its name and number of rows; ``room`` is for the names, in characters."""
    values = np.array([one.error.value for one in slices])
    low, high = (np.array([getattr(one.error, side) for one in slices]) for side in ("low", "high"))
    bars = np.nan_to_num(np.array([values - low, high - values]))
    axes.axhline(measured.baseline.value, color=MUTED, linewidth=1)
    axes.axhline(_allowed(measured), color=ORANGE, linewidth=1, linestyle=(0, (4, 3)))
    axes.errorbar(range(len(slices)), values, bars, color=BLUE, marker="o", markersize=5, elinewidth=1, linestyle="none")
    names = [plain(one.name, 18).replace(" to ", "\nto ") for one in slices]
    axes.set_xticks(range(len(slices)), [f"{name}\n{one.rows}" for name, one in zip(names, slices, strict=True)], fontsize=7)
    if len(slices) * (1 + max((len(line) for name in names for line in name.split("\n")), default=0)) > room:
        axes.tick_params(axis="x", labelrotation=45)
    axes.set_xlim(-0.5, len(slices) - 0.5)
    axes.set_ylim(0, highest)
    axes.grid(visible=False, axis="x")


def _legend(axes: Axes, measured: Performance) -> None:
    lines = axes.get_lines()[:2]
    names = ["the bundle's", f"{1 + measured.rule.max_degradation:.0%} of it"]
    axes.legend(lines, names, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.2)
    axes.text(1, 1.03, f"{measured.rows} truths; 95 % intervals", transform=axes.transAxes, ha="right", color=INK, fontsize=9)


def _allowed(measured: Performance) -> float:
    return measured.baseline.value * (1 + measured.rule.max_degradation)


def _highest(slices: Sequence[Slice], measured: Performance) -> float:
    """Where the axis of the error ends, the same in every panel."""
    values = np.array([one.error.value for one in slices])
    bounds = np.array([one.error.high for one in slices])
    most = max(_allowed(measured), float(values.max(initial=0)))
    return 1.08 * min(BEYOND * most, max(most, float(np.nanmax(bounds, initial=0))))
