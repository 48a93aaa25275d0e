import math
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.bundles import CONTRACT, coded, rows_of

from hearth.bundle.rows import RowError, code_rows, row_faults, value_fault
from hearth.schema import MOST, Contract, Feature, Target

NUMBER = Feature(name="x", type="number")
INTEGER = Feature(name="x", type="integer")
BOOLEAN = Feature(name="x", type="boolean")
COLOUR = Feature(name="x", type="category", values=("red", "blue"))
RANGED = Feature(name="x", type="number", min=-1, max=2.5)


def contract(*features: Feature) -> Contract:
    """A contract of these features."""
    return Contract(target=Target(name="y", task="regression"), features=features)


@pytest.mark.parametrize(
    ("feature", "value"),
    [
        (NUMBER, 0),
        (NUMBER, -0.0),
        (NUMBER, 1e-320),
        (NUMBER, MOST),
        (NUMBER, -MOST),
        (NUMBER, 2**63),
        (NUMBER, np.float64(1.5)),
        (NUMBER, np.float32(1.5)),
        (NUMBER, np.int64(3)),
        (RANGED, -1),
        (RANGED, 2.5),
        (INTEGER, 3.0),
        (INTEGER, -0.0),
        (INTEGER, 2**63),
        (INTEGER, 1e30),
        (INTEGER, np.int8(3)),
        (BOOLEAN, True),
        (BOOLEAN, np.False_),
        (COLOUR, "blue"),
        (COLOUR, np.str_("red")),
    ],
)
def test_a_value_that_is_allowed_is_coded_as_a_float(feature: Feature, value: object) -> None:
    """Numpy's scalars count as the values that they hold."""
    assert value_fault(feature, value) == ""
    (cell,) = code_rows(contract(feature), [{"x": value}]).ravel().tolist()
    assert cell == (COLOUR.values.index(str(value)) if feature is COLOUR else float(value))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("feature", "value", "said"),
    [
        (NUMBER, None, "required, but missing"),
        (NUMBER, "1", "must be a number"),
        (NUMBER, True, "must be a number"),
        (NUMBER, np.True_, "must be a number"),
        (NUMBER, [1], "must be a number"),
        (NUMBER, {}, "must be a number"),
        (NUMBER, 1j, "must be a number"),
        (NUMBER, math.nan, "must be finite"),
        (NUMBER, np.float32("nan"), "must be finite"),
        (NUMBER, math.inf, "must be finite"),
        (NUMBER, -math.inf, "must be finite"),
        (NUMBER, 10**400, "must be at most 3.40282e+38 in size"),
        (NUMBER, -(10**400), "must be at most 3.40282e+38 in size"),
        (NUMBER, 3.5e38, "must be at most 3.40282e+38 in size"),
        (RANGED, 10**400, "must be at most 3.40282e+38 in size"),
        (RANGED, -1.0000001, "must be at least -1"),
        (RANGED, 3, "must be at most 2.5"),
        (INTEGER, 1.5, "must be an integer"),
        (INTEGER, "1", "must be an integer"),
        (INTEGER, False, "must be an integer"),
        (INTEGER, 10**400, "must be at most 3.40282e+38 in size"),
        (INTEGER, math.inf, "must be finite"),
        (BOOLEAN, 1, "must be true or false"),
        (BOOLEAN, 0.0, "must be true or false"),
        (BOOLEAN, "true", "must be true or false"),
        (COLOUR, "green", "must be one of red, blue"),
        (COLOUR, "", "must be one of red, blue"),
        (COLOUR, 0, "must be one of red, blue"),
        (COLOUR, ["red"], "must be one of red, blue"),
    ],
)
def test_a_value_that_is_not_allowed_is_told_what_is(feature: Feature, value: object, said: str) -> None:
    """The message says what is allowed and never echoes the value."""
    assert value_fault(feature, value) == said
    with pytest.raises(RowError, match="row 0, x: ") as error:
        code_rows(contract(feature), [{"x": value}])
    assert [fault.message for fault in error.value.found] == [said]


@given(st.integers() | st.floats() | st.text() | st.none() | st.booleans() | st.lists(st.integers()))
def test_every_value_is_coded_or_refused(value: object) -> None:
    """Nothing raises anything else, and what passes is a finite float."""
    for feature in (NUMBER, INTEGER, RANGED, BOOLEAN, COLOUR):
        if value_fault(feature, value) == "":
            assert math.isfinite(feature.code(value))


def test_all_faults_of_all_rows_are_told() -> None:
    """In the order of rows, then of the contract, unknown fields last."""
    rows: list[dict[str, object]] = [{"smell": 1, "size": 11, "count": 1.5}, {"size": 1}, {"old": 1, "target": 2}]
    with pytest.raises(RowError) as error:
        code_rows(CONTRACT, rows)
    assert [(fault.row, fault.field, fault.message) for fault in error.value.found] == [
        (0, "size", "must be at most 10"),
        (0, "count", "must be an integer"),
        (0, "smell", "unknown field, remove it"),
        (2, "size", "required, but missing"),
        (2, "old", "must be true or false"),
        (2, "target", "unknown field, remove it"),
    ]


def test_the_target_is_no_field_of_a_row() -> None:
    """Who knows the answer does not ask."""
    assert [fault.field for fault in row_faults(CONTRACT, 0, {"size": 1, "price": 2})] == ["price"]


def test_an_ignored_column_is_accepted_checked_and_left_out() -> None:
    """`use: false` does not mean that anything goes."""
    assert code_rows(CONTRACT, [{"size": 1, "secret": 5}]).shape == (1, 5)
    assert [fault.field for fault in row_faults(CONTRACT, 0, {"size": 1, "secret": "x"})] == ["secret"]


@given(st.randoms(use_true_random=False), st.integers(0, 5))
def test_the_order_of_columns_does_not_matter(random: Random, seed: int) -> None:
    """Rows are coded in the contract's order; what is left out or null is NaN."""
    x = coded(seed, 5)
    rows = rows_of(x)
    shuffled = []
    for row in rows:
        items = list({**dict.fromkeys(CONTRACT.names), **row}.items())
        random.shuffle(items)
        shuffled.append(dict(items))
    np.testing.assert_array_equal(code_rows(CONTRACT, rows), x)
    np.testing.assert_array_equal(code_rows(CONTRACT, shuffled), x)


def test_no_rows_are_a_matrix_without_rows() -> None:
    """Its width is the contract's."""
    assert code_rows(CONTRACT, []).shape == (0, 5)
