"""The picture of an evaluation."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from tests.bundles import Tiny
from tests.monitoring.made import joined, scored_bundle

from hearth.monitoring.importance import ranked
from hearth.monitoring.performance import Performance, measure
from hearth.monitoring.picture import draw, png
from hearth.monitoring.truths import read


def measured(tiny: Tiny, rows: int = 200, features: int = 9) -> Performance:
    """An evaluation by the most important features."""
    bundle = scored_bundle(tiny, 1.0)
    truths = read(bundle.contract, joined(tiny, rows))
    return measure(truths, bundle.conformal, bundle.metadata, ranked(tiny.predictor)[:features])


def drawn(figure: Figure) -> list[tuple[str, list[str]]]:
    """The label under each visible axes, and those of its ticks."""
    shown = [axes for axes in figure.get_axes() if axes.get_visible()]
    return [(axes.get_xlabel(), [text.get_text() for text in axes.get_xticklabels()]) for axes in shown]


def test_it_shows_every_window_and_the_ranges_of_every_feature(tiny: Tiny) -> None:
    """Under each dot its name and number of rows."""
    found = measured(tiny)
    time, *features = drawn(draw(found, tiny.bundle.contract))
    assert time[1] == [f"{one.name}\n{one.rows}" for one in found.windows]
    assert [label.split(" (")[0] for label, _ in features] == list(found.ranges)
    assert [len(ticks) for _, ticks in features] == [len(slices) for slices in found.ranges.values()]


def test_the_error_and_what_is_allowed_stand_at_their_height(regression: Tiny) -> None:
    """The bundle's error, a tenth more, and the dots; all panels have one scale."""
    found = measured(regression)
    figure = draw(found, regression.bundle.contract)
    levels = [line.get_ydata() for line in figure.get_axes()[0].get_lines()]
    assert np.allclose(levels[0], found.baseline.value)
    assert np.allclose(levels[1], 1.1 * found.baseline.value)
    assert np.allclose(levels[2], [one.error.value for one in found.windows])
    assert len({axes.get_ylim() for axes in figure.get_axes() if axes.get_visible()}) == 1


@pytest.mark.parametrize(("rows", "features"), [(1, 9), (60, 0), (60, 1)])
def test_little_can_be_drawn_too(regression: Tiny, rows: int, features: int) -> None:
    """One truth without an interval; no feature, or one."""
    found = drawn(draw(measured(regression, rows, features), regression.bundle.contract))
    assert len(found) == 1 + min(features, 4)


def test_it_is_a_png_with_the_same_bytes_each_time(regression: Tiny) -> None:
    """Nothing of the machine or the hour is in it."""
    one, other = (png(measured(regression), regression.bundle.contract) for _ in range(2))
    assert one.startswith(b"\x89PNG")
    assert one == other
