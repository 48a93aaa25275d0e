"""The error of some of the rows: of a window, of a key, of a range of a feature."""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from hearth.monitoring.truths import Names, Truths, Vector
from hearth.schema import Feature
from hearth.training.evaluation import Estimate
from hearth.training.metrics import objective

CONFIDENCE = 0.95
MOST_WINDOWS, BINS, MOST_VALUES = 12, 5, 8
MINUTE, HOUR, DAY = 60, 3_600, 86_400
WIDTHS = (MINUTE, 10 * MINUTE, HOUR, 6 * HOUR, DAY, 7 * DAY, 28 * DAY, 364 * DAY)  # of windows, in seconds


@dataclass(frozen=True, slots=True)
class Slice:
    """Some of the rows, and their objective with its interval."""

    name: str
    rows: int
    error: Estimate


def error_of(truths: Truths) -> Estimate:
    """The objective with an interval by the delta method on its logarithm; none of fewer than two rows."""
    task = truths.contract.target.task
    value = objective(task, truths.actual, truths.scores)
    losses = truths.errors**2 if task == "regression" else truths.errors
    if len(losses) < 2 or value == 0:
        return Estimate(value, float("nan"), float("nan"))
    half = stats.norm.ppf((1 + CONFIDENCE) / 2) * losses.std(ddof=1) / losses.mean() / len(losses) ** 0.5
    half = half / 2 if task == "regression" else half
    return Estimate(value, float(value * np.exp(-half)), float(value * np.exp(half)))


def _slice(truths: Truths, name: str, rows: NDArray[np.bool_]) -> Slice:
    return Slice(name, int(rows.sum()), error_of(truths.take(rows)))


def by_name(truths: Truths, names: Names) -> tuple[Slice, ...]:
    """Most rows first."""
    found = [_slice(truths, str(name), names == name) for name in np.unique(names)]
    return tuple(sorted(found, key=lambda one: -one.rows))


def by_window(truths: Truths) -> tuple[Slice, ...]:
    """In calendar windows of the least width of which ``MOST_WINDOWS`` hold all rows; UTC, oldest first, no empty ones."""
    span = truths.at.max() - truths.at.min()
    width = next((width for width in WIDTHS if span < (MOST_WINDOWS - 1) * width), WIDTHS[-1])
    starts = np.floor(truths.at / width) * width
    form = "%Y-%m-%d" if width >= DAY else "%Y-%m-%d %H:%M"
    named = {float(start): datetime.fromtimestamp(start, UTC).strftime(form) for start in np.unique(starts)}
    return tuple(_slice(truths, name, starts == start) for start, name in named.items())


def by_range(truths: Truths, feature: Feature, column: Vector) -> tuple[Slice, ...]:
    """Of a number ``BINS`` bins of about as many rows, else every value that is there; then the rows that lack it."""
    missing = np.isnan(column)
    groups = _bins(column) if feature.numeric else _values(feature, column)
    if missing.any():
        groups["missing"] = missing
    return tuple(_slice(truths, name, rows) for name, rows in groups.items())


def _bins(column: Vector) -> dict[str, NDArray[np.bool_]]:
    known = column[~np.isnan(column)]
    if not len(known):
        return {}
    edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1), method="nearest"))
    if len(edges) == 1:
        return {f"{edges[0]:.3g}": column == edges[0]}
    place = np.searchsorted(edges[1:-1], column, side="right")  # NaN is put behind the last and taken out again
    names = [f"{low:.3g} to {high:.3g}" for low, high in pairwise(edges)]
    return {name: (place == i) & ~np.isnan(column) for i, name in enumerate(names)}


def _values(feature: Feature, column: Vector) -> dict[str, NDArray[np.bool_]]:
    """The most frequent values by name, and the others as one group where there are more."""
    codes, counts = np.unique(column[~np.isnan(column)], return_counts=True)
    shown = codes[np.argsort(-counts, kind="stable")[:MOST_VALUES]]
    names = feature.values or ("false", "true")
    groups = {names[int(code)]: column == code for code in np.sort(shown)}
    others = np.isin(column, codes) & ~np.isin(column, shown)
    return groups | ({"all others": others} if others.any() else {})
