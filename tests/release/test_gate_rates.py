"""How often the gate is wrong, in the short form of ``benchmarks/gate.py``."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from benchmarks.gate import BASE, CONTRACT, Trial, by_recipes, by_rows, by_rows_levelled, fresh, levelled, risk, split, world

from hearth.training.metrics import rmse

pytestmark = pytest.mark.journey

# Better than this by about half an RMSE, as the benchmark finds.
WORSE = replace(BASE, rounds=13)


def promoted(play: Callable[[int], Sequence[Trial]], candidates: int) -> float:
    """The share of candidates that the gate promotes."""
    return float(np.mean([one.promoted for seed in range(candidates) for one in play(seed)]))


def test_the_worlds_are_what_the_benchmark_says() -> None:
    """A capped target, a true RMSE of about 3.2 on 404 rows, and half of one more for the worse recipe."""
    table = world(506, 1)
    assert table.x.shape == (506, len(CONTRACT.names))
    assert (table.y.min(), table.y.max()) >= (5, 20)
    assert [len(one) for one in split(table)] == [404, 102]
    base = risk(BASE, 404, 3)
    assert 3 < base < 3.5
    assert risk(WORSE, 404, 3) - base == pytest.approx(0.5, abs=0.1)


def test_levelled_models_have_one_true_error() -> None:
    """Whichever is better."""
    actual = fresh().y
    one, two = actual + 1, actual + np.where(np.arange(len(actual)) % 2, 3.0, -1.0)
    for mine, theirs in ((one, two), (two, one)):
        assert math.isclose(*(rmse(actual, side) for side in levelled(mine, theirs)))


def test_on_a_small_table_recipes_decide() -> None:
    """Of four candidates no better at most one is promoted, of four that are better by .5 at least three."""
    assert promoted(partial(by_recipes, 506, BASE, BASE, False), 4) <= 1 / 4
    assert promoted(partial(by_recipes, 506, BASE, WORSE, False), 4) >= 3 / 4


def test_on_two_hundred_fresh_rows_models_decide() -> None:
    """Of candidates exactly as good one in twenty is promoted, of those that are better by .5 most.

    The lower RMSE promotes every other of those no better, which is why the gate does not ask it.
    """
    level = [one for seed in range(10) for one in by_rows_levelled(404, 200, (BASE, BASE), seed)]
    assert len(level) == 200
    assert np.mean([one.promoted for one in level]) <= 0.08
    assert 0.35 <= np.mean([one.lower for one in level]) <= 0.65
    assert promoted(partial(by_rows, 404, 200, (BASE, WORSE), False), 20) >= 13 / 20
    assert promoted(partial(by_rows, 404, 200, (BASE, BASE), True), 20) <= 3 / 20
