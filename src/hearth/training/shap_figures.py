"""The figures of SHAP values: beeswarm, mean size, dependence."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from hearth.schema import Contract, Feature
from hearth.training.drawing import (
    BLUE,
    GREEN,
    GREY,
    MOST_VECTORS,
    MUTED,
    RULE,
    Floats,
    canvas,
    gutter,
    legend,
    plain,
    sample,
    style,
    tidy,
)
from hearth.training.labels import class_names, features_of, with_unit
from hearth.training.selection import Attribution
from hearth.training.table import Rows

MOST_FEATURES, MOST_PANELS, MOST_SWARM, DEPENDENCES = 20, 3, 800, 3
# From low to high: blue to red, of which every kind of colour vision sees the difference, and both show on white and black.
VALUES = LinearSegmentedColormap.from_list("values", ["#2f7fc1", "#8b7fb0", "#d1495b"])


def selection_figures(attribution: Attribution, contract: Contract) -> dict[str, Figure]:
    """The figures that show which features a model leans on, and how."""
    top = _top(attribution)[:DEPENDENCES]
    with style():
        drawn = {"beeswarm": beeswarm(attribution, contract), "importance": importance(attribution, contract)}
        return drawn | {f"dependence_{rank}": dependence(attribution, contract, at) for rank, at in enumerate(top, start=1)}


def importance(attribution: Attribution, contract: Contract) -> Figure:
    """Mean absolute SHAP value of the features that matter most."""
    top = _top(attribution)
    names = [plain(attribution.features[at]) for at in top]
    sizes = tidy(attribution.importance[top])
    figure, axes = canvas(7.2, 1.1 + 0.26 * len(top), left=gutter(names), right=0.7)
    bars = axes.barh(range(len(top)), sizes, height=0.62, color=BLUE)
    axes.bar_label(bars, [f"{size:#.3g}".rstrip(".") for size in sizes], padding=4, fontsize=9, color=MUTED)
    _rows(axes, names)
    axes.set_xlabel(_counted(_scaled("mean |SHAP value|", contract), top, attribution))
    return figure


def beeswarm(attribution: Attribution, contract: Contract) -> Figure:
    """A dot a row: how far its value of a feature moved the answer; a panel a class where there are more than two."""
    top, rows = _top(attribution), sample(len(attribution.x), MOST_SWARM)
    names = [plain(attribution.features[at]) for at in top]
    classes = _shown_classes(attribution, contract)
    left, width = gutter(names), 5.6 if len(classes) == 1 else 3.2
    above = 0.5 if len(classes) == 1 else 0.75
    height = 0.6 + above + 0.3 * len(top)
    figure = Figure(figsize=(left + len(classes) * width + 0.2, height))
    for panel, (name, values) in enumerate(classes):
        box = (
            (left + panel * width) / figure.get_figwidth(),
            0.6 / height,
            (width - 0.2) / figure.get_figwidth(),
            1 - (0.6 + above) / height,
        )
        axes = figure.add_axes(box)
        _swarm(axes, tidy(values[np.ix_(rows, top)]), attribution.x[np.ix_(rows, top)], _kinds(attribution, contract, top))
        _rows(axes, names if panel == 0 else [""] * len(names))
        axes.axvline(0, color=MUTED, linewidth=1, zorder=0)
        axes.set_xlabel("SHAP value" if name else _counted(_scaled("SHAP value", contract), top, attribution))
        axes.set_title(plain(name))
    _key(figure, left, height, _kinds(attribution, contract, top))
    return figure


def dependence(attribution: Attribution, contract: Contract, at: int) -> Figure:
    """The SHAP value of one feature over its value; of a class, where there are several, on which it weighs most."""
    name, values = _weightiest(attribution, contract, at)
    rows = sample(len(attribution.x))
    feature = features_of(contract)[attribution.features[at]]
    x, y = attribution.x[rows, at], tidy(values[rows, at])
    figure, axes = canvas(5.4, 4)
    axes.axhline(0, color=MUTED, linewidth=1)
    known = ~np.isnan(x)
    (_by_level if feature.type in ("category", "boolean") else _by_number)(axes, feature, tidy(x[known]), y[known])
    if not known.all():
        dots = axes.scatter(
            np.full((~known).sum(), 1.03), y[~known], s=10, color=GREY, transform=axes.get_yaxis_transform(), clip_on=False
        )
        legend(axes, [dots], ["missing"])
    axes.set_xlabel(plain(with_unit(feature.name, feature.unit), 60))
    axes.set_ylabel(plain(f"SHAP value towards {name}" if name else _scaled("SHAP value", contract), 44))
    return figure


def _top(attribution: Attribution) -> Rows:
    return np.argsort(-tidy(attribution.importance), kind="stable")[:MOST_FEATURES]


def _scaled(label: str, contract: Contract) -> str:
    """A label with the unit in which contributions add up: the target's, or log odds."""
    target = contract.target
    unit = {2: "log odds"}.get(target.outputs, "") if target.task == "classification" else target.unit
    return plain(with_unit(label, unit), 48)


def _counted(label: str, top: Rows, attribution: Attribution) -> str:
    total = len(attribution.features)
    return label if len(top) == total else f"{label}, {len(top)} of {total} features"


def _rows(axes: Axes, names: list[str]) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")


def _shown_classes(attribution: Attribution, contract: Contract) -> list[tuple[str, Floats]]:
    """SHAP values (n, p) with the name of their class: the weightiest classes, or one set without a name."""
    values = attribution.values
    if values.ndim == 2:
        return [("", values)]
    names = class_names(contract.target, values.shape[1])
    weightiest = np.argsort(-tidy(np.abs(values).mean(axis=(0, 2))), kind="stable")[:MOST_PANELS]
    return [(f"towards {names[code]}", values[:, code]) for code in sorted(weightiest.tolist())]


def _weightiest(attribution: Attribution, contract: Contract, at: int) -> tuple[str, Floats]:
    values = attribution.values
    if values.ndim == 2:
        return "", values
    code = int(np.argmax(tidy(np.abs(values[:, :, at]).mean(axis=0))))
    return class_names(contract.target, values.shape[1])[code], values[:, code]


def _kinds(attribution: Attribution, contract: Contract, top: Rows) -> list[bool]:
    """Whether each feature is a category, whose codes have no order to colour by."""
    features = features_of(contract)
    return [features[attribution.features[at]].type == "category" for at in top]


def _swarm(axes: Axes, values: Floats, x: Floats, categories: list[bool]) -> None:
    span = float(np.ptp(values)) or 1.0
    for row, category in enumerate(categories):
        heights = row + _stacked(values[:, row], span)
        colours = GREEN if category else _colours(x[:, row])
        axes.scatter(values[:, row], heights, s=7, c=colours, linewidths=0, rasterized=True)


def _stacked(values: Floats, span: float) -> Floats:
    """Heights within (-.4, .4) that lay dots of like value beside each other, symmetric around 0."""
    slots = np.floor(values / span * 120).astype(np.intp)
    order = np.argsort(slots, kind="stable")
    _, starts, counts = np.unique(slots[order], return_index=True, return_counts=True)
    place = np.empty(len(values), dtype=np.intp)
    place[order] = np.arange(len(values)) - np.repeat(starts, counts)
    sides = np.where(place % 2, 1, -1) * ((place + 1) // 2)
    return sides.astype(np.float64) * min(0.08, 0.8 / int(counts.max()))


def _colours(values: Floats) -> Floats:
    """Red, green, blue, opacity of each value between the 5th and 95th percentile of its feature; grey where missing."""
    known = ~np.isnan(values)
    low, high = _ends(values[known])
    scaled = np.clip((np.where(known, values, 0) - low) / (high - low), 0, 1)
    colours: Floats = np.array(VALUES(scaled).tolist()).reshape(len(values), 4)
    colours[~known] = (0.6, 0.64, 0.7, 1)
    return colours


def _ends(values: Floats) -> tuple[float, float]:
    """What counts as low and as high: percentiles, or the range where most values are one."""
    if len(values) == 0:
        return 0.0, 1.0
    for share in (5, 0):
        low, high = np.percentile(values, [share, 100 - share]).tolist()
        if low < high:
            return low, high
    return low - 1, high + 1


def _key(figure: Figure, left: float, height: float, categories: list[bool]) -> None:
    """What the colours mean, above the panels."""
    width = figure.get_figwidth()
    axes = figure.add_axes(((left + 1.2) / width, 1 - 0.34 / height, 1.0 / width, 0.12 / height))
    axes.pcolormesh(np.linspace(0, 1, 24)[None, :], cmap=VALUES, rasterized=True)
    axes.set_axis_off()
    grey = "grey: missing" + (", green: a category" if any(categories) else "")
    for x, text, side in ((left + 1.1, "value low", "right"), (left + 2.3, f"high   {grey}", "left")):
        figure.text(x / width, 1 - 0.28 / height, text, ha=side, va="center", fontsize=9, color=MUTED)


def _by_number(axes: Axes, feature: Feature, x: Floats, y: Floats) -> None:  # noqa: ARG001 - one of two alike
    axes.scatter(x, y, s=11, color=BLUE, alpha=0.55, linewidths=0, rasterized=len(x) > MOST_VECTORS)


def _by_level(axes: Axes, feature: Feature, x: Floats, y: Floats) -> None:
    """A strip of dots for each level; of more than a dozen, the most frequent."""
    names = feature.values or ("false", "true")
    counts = np.bincount(x.astype(np.intp), minlength=len(names))
    shown = np.sort(np.argsort(-counts, kind="stable")[:12])
    for place, code in enumerate(shown):
        mine = y[x == code]
        spread = 0.25 * np.sin(np.arange(len(mine)) * 2.4)
        axes.scatter(place + tidy(spread), mine, s=9, color=BLUE, alpha=0.5, linewidths=0, rasterized=len(x) > MOST_VECTORS)
        axes.plot(
            [place - 0.35, place + 0.35], [np.median(mine)] * 2 if len(mine) else [0, 0], color=RULE if not len(mine) else MUTED
        )
    axes.set_xticks(range(len(shown)), [plain(names[code], 10) for code in shown], rotation=30 if len(shown) > 5 else 0)
