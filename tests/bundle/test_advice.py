"""What a person is told: which column, how it moved, in its unit, and what to look at."""

import numpy as np
import pytest

from hearth.bundle import advice, distance
from hearth.schema import Feature

LENGTH = Feature(name="length", type="number", unit="m")
COLOUR = Feature(name="colour", type="category", values=("red", "green", "blue", "grey"))
RNG = np.random.default_rng(0)
BEFORE = RNG.gamma(4, 2, size=300)
AFTER = np.random.default_rng(1).gamma(4, 2, size=80)


def told(after: distance.Vector, before: distance.Vector = BEFORE) -> str:
    """What is said of numbers."""
    return advice.of_numbers(LENGTH, before, after, distance.of_numbers(before, after), predicted=False)


@pytest.mark.parametrize(
    ("after", "cause"),
    [
        (AFTER * 1000, "times 1000: was the unit"),
        (AFTER * 0.01, "times 0.01: was the unit"),
        (-AFTER, "times -1: was the unit"),
        (AFTER + 12, "All values moved by +11"),
        (AFTER - 9, "All values moved by -9."),
        (np.full(80, 3.25), "Every row holds 3.25 m: a default, or a sensor that is stuck?"),
        (0.45 + AFTER.mean() + 2.2 * (AFTER - AFTER.mean()), "The values are spread 1."),
        (np.where(np.arange(80) % 2, AFTER, 30.0), "The share of rows at or below"),
    ],
)
def test_the_cause_is_guessed_by_what_would_explain_it(after: distance.Vector, cause: str) -> None:
    """A factor, an offset, a stuck value, noise; or where the distribution changed most."""
    assert cause in told(after)


def test_the_move_is_told_in_its_unit() -> None:
    """From where to where, and how far in standard deviations."""
    text = told(np.array([20.0, 22.0, 21.0]), np.array([1.0, 2.0, 3.0]))
    assert text.startswith("length: the mean went from 2 to 21 m, up 23 standard deviations. ")
    assert "deviations" not in told(np.array([1.0, 2.0]), np.ones(5))


def test_a_reference_of_zeros_is_multiplied_by_nothing() -> None:
    """It has no median to tell a factor by; where some are not zero, the mean has."""
    assert "times" not in told(np.arange(10.0), np.zeros(20))
    mostly = np.where(np.arange(300) % 5 == 0, BEFORE, 0.0)
    assert "times 100:" in told(100 * mostly[:200], mostly)


@pytest.mark.parametrize(("before", "after"), [(1e-310, 1e30), (1e30, 1e-310)])
def test_a_factor_beyond_any_number_is_none(before: float, after: float) -> None:
    """Values that small are none that anybody measures, and yet they may come."""
    assert " times " not in told(AFTER * after, BEFORE * before)


def test_what_is_predicted_has_no_cause_of_its_own() -> None:
    """It is told, and no more."""
    apart = distance.of_numbers(BEFORE, AFTER + 12)
    text = advice.of_numbers(LENGTH, BEFORE, AFTER + 12, apart, predicted=True)
    assert text.startswith("length as predicted: the mean went")
    assert "?" not in text
    levels = distance.of_levels(COLOUR.values, np.array([9, 9, 9, 0]), np.array([1, 9, 9, 0]))
    assert "?" not in advice.of_levels(COLOUR, levels, predicted=True)


@pytest.mark.parametrize(
    ("before", "after", "hint"),
    [
        ([50, 50, 0, 0], [20, 20, 20, 0], "New to the model: blue. Is it a new category"),
        ([60, 20, 10, 10], [20, 61, 10, 9], "green and red look exchanged"),
        ([60, 20, 10, 10], [20, 20, 30, 30], "Do other people or places send rows"),
        ([60, 0, 0, 0], [20, 40, 0, 0], "New to the model: green."),
    ],
)
def test_shares_that_changed_are_named(before: list[int], after: list[int], hint: str) -> None:
    """The largest changes first, and what they look like."""
    text = advice.of_levels(COLOUR, distance.of_levels(COLOUR.values, np.array(before), np.array(after)), predicted=False)
    assert text.startswith("colour: ")
    assert hint in text


def test_gaps_are_told_in_both_directions() -> None:
    """More of them point to a feed, fewer to a default."""
    assert advice.of_missing(LENGTH, 0.02, 0.5) == (
        "length: missing in 50 % of the rows, in the reference in 2 %. "
        "Look at the feed that fills it: a join, a form or a sensor gives nothing."
    )
    assert "default" in advice.of_missing(LENGTH, 0.5, 0.0)


def test_features_and_predictions_are_seen_together() -> None:
    """Three cases, three sentences."""
    texts = {advice.overall(features=f, predictions=p) for f, p in ((True, True), (True, False), (False, True))}
    assert len(texts) == 3
