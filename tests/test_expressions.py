"""Formulas over columns: what they compute, and that they can do nothing else."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hearth.expressions import FUNCTIONS, Expression
from hearth.schema import MOST

COLUMNS = ("a", "b", "c")
NUMBERS = st.one_of(st.floats(-1e6, 1e6), st.just(0.0), st.just(np.nan), st.just(MOST))
ROWS = hnp.arrays(np.float64, st.tuples(st.just(3), st.integers(1, 40)), elements=NUMBERS)


@st.composite
def formulas(draw: st.DrawFn) -> str:
    """Arithmetic over the columns, at least one of them, some functions in it."""
    leaf = st.one_of(st.sampled_from(COLUMNS), st.integers(0, 9).map(str), st.floats(0, 10).map(lambda value: f"{value:.3f}"))
    pair = st.tuples
    whole = st.recursive(
        leaf,
        lambda inner: st.one_of(
            pair(inner, st.sampled_from(["+", "-", "*", "/", "**"]), inner).map(lambda x: f"({x[0]} {x[1]} {x[2]})"),
            pair(st.sampled_from(["abs", "exp", "floor", "log", "sqrt"]), inner).map(lambda x: f"{x[0]}({x[1]})"),
            pair(st.sampled_from(["max", "min"]), inner, inner).map(lambda x: f"{x[0]}({x[1]}, {x[2]})"),
            inner.map(lambda x: f"(-{x})"),
        ),
        max_leaves=6,
    )
    return f"{draw(whole)} + {draw(st.sampled_from(COLUMNS))}"


@given(formulas(), ROWS)
def test_a_row_alone_has_the_bits_that_it_has_among_others(
    text: str, rows: np.ndarray[tuple[int, int], np.dtype[np.float64]]
) -> None:
    """The same row gets the same answer by every door; nothing infinite comes out, whatever goes in."""
    formula = Expression(text, COLUMNS)
    together = formula(dict(zip(COLUMNS, rows, strict=True)))
    assert not np.isinf(together).any()
    alone = [formula(dict(zip(COLUMNS, rows[:, [i]], strict=True)))[0] for i in range(rows.shape[1])]
    np.testing.assert_array_equal(together, alone)


def test_a_formula_is_the_arithmetic_that_it_says() -> None:
    """In single precision; a gap in, or nothing finite out, is a gap."""
    columns = {"a": np.array([80.0, 1.0, np.nan, -1.0]), "b": np.array([1.6, 0.0, 1.0, 2.0])}
    made = Expression("a / b ** 2", columns)(columns)
    np.testing.assert_array_equal(made, [np.float32(80 / 1.6**2), np.nan, np.nan, -0.25])
    np.testing.assert_array_equal(Expression("log(a)", columns)(columns)[[1, 3]], [0, np.nan])
    assert Expression("max(a, 3) - min(b, 1) + abs(-a) + floor(b) + sqrt(4) + exp(0)", columns)(columns)[0] == 163
    assert Expression("+a", columns).names == ("a",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no expression"),
        ("a +", "is no expression"),
        ("a\0", "is no expression"),
        ("(" * 500 + "a" + ")" * 500, "more than 1000"),
        ("a" * 2000, "more than 1000"),
        ("1 + 2", "names no column"),
        ("a + d", "d is no number or boolean among the features"),
        ("a if b else c", "IfExp is not allowed"),
        ("a < b", "Compare is not allowed"),
        ("a.real", "Attribute is not allowed"),
        ("a[0]", "Subscript is not allowed"),
        ("[a]", "List is not allowed"),
        ("lambda: a", "is not allowed"),
        ("a // b", "FloorDiv is not allowed"),
        ("a @ b", "MatMult is not allowed"),
        ("a + 'x'", "'x' is no number"),
        ("a + True", "'True' is no number"),
        ("a + 1j", "'1j' is no number"),
        (f"a + {10**400}", "is no number that a model can see"),
        ("__import__('os')", "there is no function __import__"),
        ("a.__class__()", "there is no function a.__class__"),
        ("open(a)", "there is no function open"),
        ("log(a, b)", "log takes 1 argument"),
        ("max(a)", "max takes 2 arguments"),
        ("log(x=a)", "log takes 1 argument"),
    ],
)
def test_what_is_no_arithmetic_over_columns_is_refused(text: str, said: str) -> None:
    """With what is allowed instead."""
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 - the message is compared below
        Expression(text, COLUMNS)
    assert said in str(refusal.value)


def test_a_tower_of_powers_costs_nothing() -> None:
    """Whole numbers are floats: what is too large is a gap at once."""
    made = Expression("a + 9 ** 9 ** 9 ** 9", COLUMNS)({"a": np.ones(2)})
    assert all(math.isnan(value) for value in made)


def test_every_function_is_tried() -> None:
    """Else a new one would go untested."""
    assert set(FUNCTIONS) == {"abs", "exp", "floor", "log", "max", "min", "sqrt"}
