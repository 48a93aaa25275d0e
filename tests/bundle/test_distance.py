"""How far two samples are apart: against scipy and by hand."""

import numpy as np
import pytest
from scipy import stats

from hearth.bundle import distance
from hearth.bundle.distance import Level


def samples() -> tuple[distance.Vector, distance.Vector]:
    """A reference and a window with ties between them."""
    rng = np.random.default_rng(0)
    return rng.normal(2, 3, size=120).round(1), rng.normal(3, 2, size=45).round(1)


def test_numbers_are_measured_as_scipy_does() -> None:
    """KS and Wasserstein; shift and Wasserstein in standard deviations of the reference."""
    one, other = samples()
    apart = distance.of_numbers(one, other)
    assert apart.ks == pytest.approx(stats.ks_2samp(one, other).statistic)
    assert apart.wasserstein == pytest.approx(stats.wasserstein_distance(one, other) / one.std())
    assert apart.shift == pytest.approx(abs(one.mean() - other.mean()) / one.std())
    assert apart.reference.rows == 120
    assert (apart.window.mean, apart.window.median) == pytest.approx((other.mean(), np.median(other)))


def test_the_gap_is_where_the_distributions_are_farthest_apart() -> None:
    """All of the window is above all of the reference: at the last value of that."""
    apart = distance.of_numbers(np.array([1.0, 2.0, 3.0]), np.array([5.0, 6.0]))
    assert (apart.ks, apart.gap_at) == (1.0, 3.0)


def test_a_reference_that_never_varies_has_no_unit_to_measure_in() -> None:
    """Then the effect is the share of rows that are elsewhere."""
    apart = distance.of_numbers(np.ones(10), np.array([1.0, 2.0]))
    assert (apart.shift, apart.wasserstein, apart.effect) == (None, None, 0.5)


def test_the_effect_is_the_greater_of_distance_and_share() -> None:
    """Where one value in a thousand makes the deviation huge, a share of rows still shows that all others moved."""
    one = np.array([*np.linspace(0, 1, 999), 1e6])
    assert distance.of_numbers(one, one + 2).effect > 0.9
    assert distance.of_numbers(np.linspace(0, 1, 99), np.linspace(3, 4, 99)).effect > 5


def test_psi_is_that_of_the_deciles_of_the_reference() -> None:
    """By hand: nine tenths of the window in the first tenth; equal samples have none; an empty bin counts as 0.0001."""
    one = np.arange(100.0)
    assert distance.of_numbers(one, one).psi == pytest.approx(0, abs=1e-12)
    other = np.array([*np.zeros(90), *np.full(10, 99.0)])
    empty = 8 * (1e-4 - 0.1) * np.log(1e-4 / 0.1)
    assert distance.of_numbers(one, other).psi == pytest.approx(0.8 * np.log(9) + empty, rel=1e-6)


def test_levels_are_measured_by_shares() -> None:
    """Those that neither has are left out; those that the reference lacks are named."""
    apart = distance.of_levels(("a", "b", "c", "d"), np.array([50, 50, 0, 0]), np.array([10, 5, 5, 0]))
    assert apart.levels == (Level("a", 0.5, 0.5), Level("b", 0.5, 0.25), Level("c", 0.0, 0.25))
    assert apart.unseen == ("c",)
    assert apart.moved == apart.effect == 0.25
    law = stats.chi2_contingency([[50, 50, 0.0], [10, 5, 5]], correction=False)
    assert apart.chi_squared == pytest.approx(law.statistic)
    assert apart.psi == pytest.approx(-0.25 * np.log(0.5) + (0.25 - 1e-4) * np.log(2500))


def test_of_no_value_there_is_nothing_to_say() -> None:
    """Not NaN, which JSON does not know."""
    assert distance.spread(np.empty(0)) == distance.Spread(0, None, None, None, None, None)
