"""What happened to a column, in words a person can act on."""

import math

import numpy as np
from numpy.typing import NDArray

from hearth.bundle.distance import Level, Levels, Numbers, wasserstein
from hearth.schema import Feature

Vector = NDArray[np.float64]

FACTOR = 1.3  # a scale or a spread that is that many times another is worth a word
CLOSE = 0.3  # standard deviations: within what a small window wanders by chance


def of_numbers(feature: Feature, reference: Vector, window: Vector, apart: Numbers, *, predicted: bool) -> str:
    """Where a drifted column of numbers went, and what to look at; what is ``predicted`` has its cause elsewhere."""
    unit = f" {feature.unit}" if feature.unit else ""
    before, after = float(reference.mean()), float(window.mean())
    moved = f"the mean went from {before:.4g} to {after:.4g}{unit}"
    if apart.shift is not None:
        moved += f", {'up' if after > before else 'down'} {apart.shift:.2g} standard deviations"
    if predicted:
        return f"{feature.name} as predicted: {moved}."
    return f"{feature.name}: {moved}. {_cause(reference, window, apart, unit)}"


def of_levels(feature: Feature, apart: Levels, *, predicted: bool) -> str:
    """Which shares of a drifted column changed, and what to look at; what is ``predicted`` has its cause elsewhere."""
    changed = sorted(apart.levels, key=lambda level: -abs(level.window - level.reference))[:3]
    told = ", ".join(f"{level.name} from {_percent(level.reference)} to {_percent(level.window)}" for level in changed)
    if predicted:
        return f"{feature.name} as predicted: {told}."
    if apart.unseen:
        listed = ", ".join(apart.unseen[:5]) + (", ..." if len(apart.unseen) > 5 else "")
        hint = f"New to the model: {listed}. Is it a new category, or another spelling of an old one?"
    elif _exchanged(changed):
        hint = f"{changed[0].name} and {changed[1].name} look exchanged: were their labels swapped?"
    else:
        hint = "Do other people or places send rows now, or does another rule set this field?"
    return f"{feature.name}: {told}. {hint}"


def of_missing(feature: Feature, before: float, after: float) -> str:
    """What it means that values are missing more or less often than they were."""
    told = f"{feature.name}: missing in {_percent(after)} of the rows, in the reference in {_percent(before)}."
    if after > before:
        return f"{told} Look at the feed that fills it: a join, a form or a sensor gives nothing."
    return f"{told} Does something upstream fill the gaps with a default now?"


def overall(features: bool, predictions: bool) -> str:
    """What follows from both together: whether features, and whether predictions drifted."""
    if features and predictions:
        return "The predictions moved with the features: compare them with truths (hearth evaluate) before they are relied on."
    if features:
        return "The predictions did not move with them: the model leans little on these columns, or they cancel out."
    return (
        "The predictions moved while no single feature did: a relation between features may have changed. "
        "The domain classifier of hearth drift looks for that."
    )


def _cause(reference: Vector, window: Vector, apart: Numbers, unit: str) -> str:
    if window.std() == 0:
        return f"Every row holds {window[0]:.4g}{unit}: a default, or a sensor that is stuck?"
    simple = _simple(reference, window, unit)
    if simple:
        return simple
    wider = float(window.std()) / float(reference.std()) if reference.std() > 0 else math.inf
    if apart.shift is not None and apart.shift < CLOSE and not 1 / FACTOR < wider < FACTOR:
        return f"The values are spread {wider:.2g} times as wide around much the same mean: is something noisier, or cut off?"
    below = [float(np.mean(sample <= apart.gap_at)) for sample in (reference, window)]
    return (
        f"The share of rows at or below {apart.gap_at:.4g}{unit} went from {_percent(below[0])} to {_percent(below[1])}: "
        "do rows come from elsewhere now?"
    )


def _simple(reference: Vector, window: Vector, unit: str) -> str:
    """What one number would explain, a factor or an offset, whichever does better; empty where neither does."""
    move, factor = float(window.mean() - reference.mean()), _factor(reference, window)
    offset = f"All values moved by {move:+.3g}{unit}: was an offset, a calibration or a tariff changed?"
    left = {offset: wasserstein(reference + move, window)}
    if not 1 / FACTOR < factor < FACTOR:
        scale = f"The values look like those of the reference times {_round(factor):g}: was the unit or the currency changed?"
        left[scale] = wasserstein(reference * factor, window)
    best = min(left, key=lambda text: left[text])
    near = left[best] <= min(CLOSE * float(window.std()), wasserstein(reference, window) / 2)
    return best if near else ""


def _factor(reference: Vector, window: Vector) -> float:
    """The number by which all values may have been multiplied; 1 where there is none that a float can hold."""
    before, after = float(np.median(reference)), float(np.median(window))
    if before == 0:  # most are zero: the others tell
        before, after = float(reference.mean()), float(window.mean())
    factor = after / before if before else 1.0
    return factor if factor and math.isfinite(factor) else 1.0


def _round(factor: float) -> float:
    """The power of ten that a factor is near to, else the factor to three digits."""
    ten = 10.0 ** round(math.log10(abs(factor)))
    return math.copysign(ten, factor) if abs(abs(factor) / ten - 1) < 0.05 else float(f"{factor:.3g}")


def _exchanged(changed: list[Level]) -> bool:
    if len(changed) < 2:
        return False
    one, other = changed[:2]
    near = abs(one.window - other.reference) + abs(other.window - one.reference)
    return near <= (abs(one.window - one.reference) + abs(other.window - other.reference)) / 4


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
