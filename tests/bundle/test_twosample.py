"""p-values that hold: against scipy, against tables counted by hand, and by simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.stats._morestats import _anderson_ksamp_midrank

from hearth.bundle import twosample
from hearth.bundle.twosample import Vector


def level(draw: "object", runs: int, alpha: float) -> float:
    """Share of runs in which two samples of one distribution have a p-value of at most alpha."""
    assert callable(draw)
    return float(np.mean([draw(np.random.default_rng(seed)) <= alpha for seed in range(runs)]))


@pytest.mark.parametrize(("distance", "p_value"), [(1.933, 0.1), (2.492, 0.05), (3.857, 0.01), (5.97, 0.001)])
def test_the_law_of_anderson_and_darling_is_that_of_their_table(distance: float, p_value: float) -> None:
    """Critical values of Anderson and Darling (1954) and Lewis (1961), within 3 per cent."""
    assert float(twosample.anderson_darling(np.array(distance))) == pytest.approx(p_value, rel=0.03)
    assert twosample.anderson_darling(np.array([distance, 0.0, 50.0]))[0] == pytest.approx(p_value, rel=0.03)


@pytest.mark.parametrize("gap", [0.01, 0.1, 0.2, 0.5])
def test_the_law_of_kolmogorov_is_that_of_scipy(gap: float) -> None:
    """To ten digits."""
    assert float(twosample.kolmogorov(np.array(gap), 44.0)) == pytest.approx(stats.kstwobign.sf(math.sqrt(44) * gap), abs=1e-10)


def test_the_distances_are_those_of_scipy() -> None:
    """Anderson and Darling's of Scholz and Stephens with its ties; Kolmogorov and Smirnov's."""
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=300).round(1), rng.normal(0.4, 1.2, size=150).round(1)
    seen: dict[str, Vector] = {}

    def keep(name: str, law: "object") -> "object":
        def kept(distance: Vector, *rows: float) -> Vector:
            seen.setdefault(name, distance)
            assert callable(law)
            found: Vector = law(distance, *rows)
            return found

        return kept

    with pytest.MonkeyPatch.context() as patch:
        for name in ("anderson_darling", "kolmogorov"):
            patch.setattr(twosample, name, keep(name, getattr(twosample, name)))
        twosample.numbers(one, other)
    both = np.sort(np.concatenate([one, other]))
    sizes = np.array([len(one), len(other)])
    theirs = _anderson_ksamp_midrank([np.sort(one), np.sort(other)], both, np.unique(both), 2, sizes, len(both))
    assert float(seen["anderson_darling"]) == pytest.approx(theirs)
    assert float(seen["kolmogorov"]) == pytest.approx(stats.ks_2samp(one, other).statistic)


@pytest.mark.parametrize(("before", "after"), [((30, 10), (12, 15)), ((400, 4), (28, 2)), ((5, 0), (3, 2)), ((7, 7), (0, 9))])
def test_two_levels_are_fishers_exact_test(before: tuple[int, int], after: tuple[int, int]) -> None:
    """As scipy has it."""
    p_value = twosample.levels(np.array(before), np.array(after))
    assert p_value == pytest.approx(stats.fisher_exact([before, after]).pvalue)


def test_many_levels_are_pearsons_test_where_its_law_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawn tables, all of them, agree with the chi-squared law on a table with many rows in each cell."""
    monkeypatch.setattr(twosample, "_ENOUGH", 10_000)
    before, after = np.array([200, 300, 250, 250]), np.array([60, 55, 40, 45])
    law = stats.chi2_contingency([before, after])
    assert twosample.chi_squared(before + after, after) == pytest.approx(law.statistic)
    assert twosample.levels(before, after) == pytest.approx(law.pvalue, rel=0.25)


def test_a_rare_level_is_no_surprise() -> None:
    """Of 3 rows in 434, two in a window of 30: Pearson's law says 1 in 250, the truth is 1 in 75."""
    before, after = np.array([200, 203, 1]), np.array([14, 14, 2])
    assert stats.chi2_contingency([before, after], correction=False).pvalue < 0.004
    assert twosample.levels(before, after) > 0.01


def test_levels_that_nobody_has_change_nothing() -> None:
    """The contract may know more than comes."""
    assert twosample.levels(np.array([5, 0, 9]), np.array([2, 0, 8])) == twosample.levels(np.array([5, 9]), np.array([2, 8]))


@pytest.mark.parametrize(
    ("name", "draw"),
    [
        ("normal", lambda rng, n: rng.normal(size=n)),
        ("rounded", lambda rng, n: rng.normal(size=n).round(0)),
        ("mostly zero", lambda rng, n: np.where(rng.random(n) < 0.8, 0.0, rng.exponential(size=n))),
        ("rare ones", lambda rng, n: (rng.random(n) < 0.06).astype(float)),
    ],
)
def test_false_alarms_are_as_rare_as_said(name: str, draw: "object") -> None:
    """At most 5 and 1 per cent, but for chance, for many different values and for ties, in a window of 30 rows."""
    assert callable(draw)
    found = np.array(
        [twosample.numbers(draw(rng, 200), draw(rng, 30)) for rng in (np.random.default_rng(seed) for seed in range(600))]
    )
    assert np.mean(found <= 0.05) <= 0.05 + 2 * 0.009, name
    assert np.mean(found <= 0.01) <= 0.01 + 2 * 0.004, name


@pytest.mark.parametrize("rows", [30, 100])
def test_shifts_are_seen_more_often_than_by_kolmogorov_alone(rows: int) -> None:
    """Half a standard deviation, at the level that 14 tests leave to each."""
    ours = theirs = 0
    for seed in range(150):
        rng = np.random.default_rng(seed)
        one, other = rng.normal(size=400), rng.normal(0.5, size=rows)
        ours += twosample.numbers(one, other) <= 0.05 / 14
        theirs += stats.ks_2samp(one, other).pvalue <= 0.05 / 14
    assert ours >= theirs + 5


def test_two_distances_are_worth_the_tests_that_they_are_counted_as() -> None:
    """The smaller of both p-values, in a draw of ranks, is rarely below alpha / 1.5: in alpha of all at most."""
    rng = np.random.default_rng(3)
    sizes, rows = np.ones(300, dtype=np.int64), 60
    ranks = np.argpartition(rng.random((20_000, 300)), rows, axis=1)[:, :rows]
    counts = np.zeros((20_000, 300), dtype=np.int64)
    np.put_along_axis(counts, ranks, 1, axis=1)
    smaller = twosample.smaller(sizes, counts)
    for alpha in (0.05, 0.01, 0.003):
        assert np.mean(smaller <= alpha / twosample.SHARED) <= alpha + 2 * math.sqrt(alpha / 20_000)


@pytest.mark.parametrize("rows", [1, 3, 8])
def test_few_values_never_surprise(rows: int) -> None:
    """Of so many values above all others the p-value is the share of orders in which that happens, within its draws' error."""
    p_value = twosample.numbers(np.arange(30.0), np.arange(100.0, 100.0 + rows))
    chance = 1 / math.comb(30 + rows, rows)
    error = 3 / math.sqrt(min(100, chance * twosample.DRAWS))  # draws end with the hundredth hit
    assert chance * (1 - error) <= p_value <= max(2 * chance * (1 + error), 2 / (twosample.DRAWS + 1))  # above as below


def test_the_same_samples_have_the_same_p_value() -> None:
    """Tables are drawn alike every time."""
    rng = np.random.default_rng(1)
    one, other = rng.integers(0, 6, 200).astype(float), rng.integers(0, 7, 40).astype(float)
    assert twosample.numbers(one, other) == twosample.numbers(one, other)


@given(st.lists(st.sampled_from([-1.0, 0.0, 0.5, 2.0, 7.0]), min_size=1, max_size=40), st.integers(1, 39))
def test_p_values_lie_between_0_and_1_and_know_no_unit(values: list[float], cut: int) -> None:
    """Whatever the samples; another scale and offset of both changes nothing."""
    both = np.array([*values, 0.0])
    one, other = both[: cut % len(both) or 1], both[cut % len(both) or 1 :]
    if len(other):
        p_value = twosample.numbers(one, other)
        assert 0 < p_value <= 1
        assert twosample.numbers(4 * one + 3, 4 * other + 3) == p_value


def test_constant_columns_show_nothing() -> None:
    """There is one order of equal values."""
    assert twosample.numbers(np.ones(50), np.ones(30)) == 1.0


def test_holm_is_that_of_the_book() -> None:
    """The least p-value times their number, the next times one less, never falling, at most 1; in the order given."""
    assert twosample.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert twosample.holm([0.5, 0.9]) == [1.0, 1.0]
    assert twosample.holm([]) == []


def test_draws_suffice_for_the_correction() -> None:
    """However many tests: twenty times the least p-value still passes."""
    for tests in (1, 200, 5_000):
        assert 20 * tests / (twosample.enough_draws(tests, 0.05) + 1) <= 0.05 + 1e-9
