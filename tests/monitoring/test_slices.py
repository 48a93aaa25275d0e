"""The error of some of the rows."""

from dataclasses import replace

import numpy as np
import pytest
from tests.bundles import Tiny
from tests.monitoring.made import DAY, START, joined

from hearth.monitoring.slices import MOST_VALUES, MOST_WINDOWS, by_name, by_range, by_window, error_of
from hearth.monitoring.truths import Truths, read
from hearth.schema import Feature


def test_the_interval_of_an_error_holds_the_true_one_as_often_as_it_says(regression: Tiny) -> None:
    """Normal errors of RMSE 2, 200 draws of 60: the 95 % interval holds 2 in 90 to 99 % of them."""
    contract, hits = regression.bundle.contract, 0
    many = read(contract, joined(regression, 12_000, noise=2.0))
    for start in range(0, 12_000, 60):
        found = error_of(many.take(np.arange(start, start + 60)))
        hits += found.low <= 2 <= found.high
    assert 180 <= hits <= 198


def test_a_single_row_has_an_error_and_no_interval(tiny: Tiny) -> None:
    """Nothing is known of its spread."""
    found = error_of(read(tiny.bundle.contract, joined(tiny, 1)))
    assert found.value > 0
    assert np.isnan([found.low, found.high]).all()


def test_names_come_with_the_most_rows_first(honest: Truths) -> None:
    """And every row is in one."""
    found = by_name(honest, honest.tellers)
    assert {one.name for one in found} == {"app", "web", "batch"}
    assert [one.rows for one in found] == sorted((one.rows for one in found), reverse=True)
    assert sum(one.rows for one in found) == len(honest)
    assert found[0].error == error_of(honest.take(honest.tellers == found[0].name))


@pytest.mark.parametrize(
    ("span", "first"), [(300, "2025-06-15 15:06"), (DAY, "2025-06-15 12:00"), (5 * DAY, "2025-06-15"), (60 * DAY, "2025-06-12")]
)
def test_windows_are_calendar_windows(honest: Truths, span: float, first: str) -> None:
    """Minutes, hours, days or weeks, as few as can be read; in their order, and every row is in one."""
    at = START + np.linspace(0, span, len(honest))
    found = by_window(replace(honest, at=at))
    assert found[0].name == first
    assert 2 < len(found) <= MOST_WINDOWS
    assert [one.name for one in found] == sorted(one.name for one in found)
    assert sum(one.rows for one in found) == len(honest)


def test_numbers_fall_into_bins_of_about_as_many_rows(honest: Truths) -> None:
    """Those that are missing are a group of their own."""
    feature = honest.contract.used[1]
    column = honest.x[:, 1]
    found = by_range(honest, feature, column)
    assert found[-1].name == "missing"
    assert found[-1].rows == np.isnan(column).sum()
    assert sum(one.rows for one in found) == len(honest)
    assert found[0].name.split(" to ")[0] == "0"


def test_values_are_named_and_the_rare_ones_gathered(honest: Truths) -> None:
    """A category's by name, in the contract's order; a boolean's are false and true."""
    names = [one.name for one in by_range(honest, honest.contract.used[3], honest.x[:, 3])]
    assert names == ["red", "green", "blue", "missing"]
    assert [one.name for one in by_range(honest, honest.contract.used[2], honest.x[:, 2])] == ["false", "true", "missing"]
    many = Feature(name="many", type="category", values=tuple(map(str, range(20))))
    column = np.arange(len(honest), dtype=np.float64) % 20
    found = by_range(honest, many, column)
    assert [one.name for one in found] == [*map(str, range(MOST_VALUES)), "all others"]
    assert sum(one.rows for one in found) == len(honest)


@pytest.mark.parametrize(("values", "names"), [(np.nan, ["missing"]), (3.0, ["3"])])
def test_a_column_of_one_value_is_one_group(honest: Truths, values: float, names: list[str]) -> None:
    """Also where that value is none."""
    found = by_range(honest, honest.contract.used[0], np.full(len(honest), values))
    assert [one.name for one in found] == names
