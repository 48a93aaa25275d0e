"""What a column is taken for."""

import math

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearth.errors import DataError
from hearth.project.guess import column, widened
from hearth.schema import MOST, Feature


def of(*values: str, name: str = "x") -> Feature:
    """The feature that a column of these texts is."""
    return column(name, pa.chunked_array([pa.array(values, pa.string())])).feature


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1.5", "2", "9"], {"type": "number", "min": 0, "max": 17}),
        (["-3", "0", "4"], {"type": "integer", "min": -10, "max": 11}),
        (["0", "1", "0"], {"type": "integer", "min": 0, "max": 1}),
        (["5", "7", "7", "6"], {"type": "integer", "min": 3, "max": 9}),
        (["1.0", "3.0", "1.0"], {"type": "integer", "min": 0, "max": 5}),
        (["True", "false", "TRUE"], {"type": "boolean"}),
        (["yes", "no", "no"], {"type": "category", "values": ("no", "yes")}),
        (["7%", "19%", "7%"], {"type": "category", "values": ("7%", "19%")}),
        (["1,5", "2", "2"], {"type": "category", "values": ("1,5", "2")}),
        (["b10", "b2", "a", "a"], {"type": "category", "values": ("a", "b2", "b10")}),
    ],
)
def test_a_column_is_taken_for_what_it_holds(values: list[str], expected: dict[str, object]) -> None:
    """Numbers with room on both sides, truths, a few texts in the order in which people list them."""
    assert of(*values) == Feature(name="x", **expected)  # type: ignore[arg-type]
    assert of(*values, "") == Feature(name="x", required=False, **expected)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "values", "why"),
    [
        ("x", ["", "NA", "null"], "no row has a value"),
        ("x", ["a"] * 5, "every row has the same value, 'a'"),
        ("x", ["7"] * 5, "every row has the same value, '7'"),
        ("x", [str(i) for i in range(40, 0, -1)], "an identifier"),
        ("user_id", ["10", "70", "20", "990"], "an identifier"),
        ("userId", ["10", "70", "20", "990"], "an identifier"),
        ("x", ["2024-01-31", "2023-12-01 10:00", "2024-01-31"], "a date"),
        ("x", ["31.01.2024", "1/2/23", "1/2/23"], "a date"),
        ("x", [f"name {i}" for i in range(30)], "an identifier or free text: 30 different texts in 30 rows"),
        ("x", [f"name {i % 150}" for i in range(1000)], "150 different texts"),
        ("x", ["a sentence that somebody wrote down and that goes on for quite a while", "b" * 80] * 3, "free text"),
    ],
)
def test_what_no_model_can_use_is_left_out_with_the_reason(name: str, values: list[str], why: str) -> None:
    """It stays in the contract, as a number or as text that is accepted and ignored."""
    feature = of(*values, name=name)
    assert (feature.use, feature.required, feature.open) == (False, False, not feature.numeric)
    assert feature.numeric == values[0].isdigit()
    assert (feature.min, feature.max) == (None, None)
    assert why in feature.reason


def test_a_column_that_is_sometimes_one_value_is_used() -> None:
    """That it is missing can tell something."""
    assert of("a", "", "a") == Feature(name="x", type="category", values=("a",), required=False)
    assert of("paid", "bid", "bid", name="paid").use, "a name that ends in id is no identifier"
    assert of("10", "70", "20", "990", name="paid").use


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["1,5", "2,25", "3,0"], "x: decimal commas, such as '1,5': write decimal points"),
        (["1.000,5", "2,25", "3,0"], "x: decimal commas"),
        (["1e300", "2", "3"], "x: beyond 3.4e.38 in size, where models see infinity in 1 rows: use another unit"),
        (["inf", "2", "3"], "x: infinite in 1 rows"),
        (
            ["1,234", "12,500", "3,000"],
            "x: commas in numbers, such as '1,234': write decimal points, and nothing between thousands",
        ),
        ([f"{i}%" for i in range(40)], "x: 40 numbers with signs or commas, such as '0%': write plain numbers"),
        ([f"€ {i},000.50" for i in range(40)], "x: 40 numbers with signs"),
        ([f"{i} EUR" for i in range(40)], "x: 40 numbers with signs"),
        ([f"({i})" if i % 3 else str(i) for i in range(40)], r"x: 26 numbers with signs or commas, such as '\(1\)'"),
        ([f"{i / 4:g}".replace(".", ",") for i in range(40)], "x: 30 numbers with signs or commas, such as '0,25'"),
        ([f"{i},000,000" if i else "0" for i in range(40)], "x: 39 numbers with signs or commas, such as '1,000,000'"),
        (
            [str(i / 7) if i % 2 else "NULL" for i in range(60)],
            "x: 30 numbers, and 30 values that are none, such as 'NULL': mend",
        ),
        ([*(str(i / 7) for i in range(40)), "n.a."], "x: 40 numbers, and 1 values that are none, such as 'n.a.': mend them"),
    ],
)
def test_a_column_that_must_be_mended_says_how(values: list[str], said: str) -> None:
    """Before a model is made of a mistake."""
    with pytest.raises(DataError, match=said):
        of(*values)


@given(st.floats(-1e38, 1e38), st.floats(-1e38, 1e38), st.booleans())
def test_bounds_leave_room_and_cross_no_sign(one: float, two: float, whole: bool) -> None:
    """Whatever the file holds lies inside; amounts that are never below 0 stay so."""
    low, high = sorted((one, two))
    if whole:
        low, high = float(math.floor(low)), float(math.ceil(high))
    least, most = widened(low, high, whole=whole)
    assert -MOST <= least <= low <= high <= most <= MOST
    assert low < 0 or least >= 0
    assert high > 0 or most <= 0
