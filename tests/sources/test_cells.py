"""From text to types."""

import math

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearth.schema import MOST, Contract, Feature, FeatureType, Target
from hearth.sources import cells


def column(*values: str | None) -> pa.ChunkedArray:
    """A column of text."""
    return pa.chunked_array([pa.array(values, pa.string())])


def parsed(kind: FeatureType, *values: str | None) -> tuple[list[object], list[str]]:
    """The values of a type that text gives, and what is told of the rest."""
    result = cells.typed("x", column(*values), kind)
    return result.values.to_pylist(), [fault.text for fault in result.faults]


@pytest.mark.parametrize(
    ("kind", "values", "expected", "dtype"),
    [
        ("number", ["1", "-2.50", ".5", "5.", "1e3", "+4", None], [1.0, -2.5, 0.5, 5.0, 1000.0, 4.0, None], pa.float64()),
        ("number", [" 1 ", "2\t"], [1.0, 2.0], pa.float64()),
        ("integer", ["3", "3.0", "-4", "1e2", "007", None], [3, 3, -4, 100, 7, None], pa.int64()),
        ("integer", ["9007199254740991", "-9007199254740991"], [2**53 - 1, 1 - 2**53], pa.int64()),
        ("boolean", ["true", "True", "TRUE", "yes", "1", "1.0"], [True] * 6, pa.bool_()),
        ("boolean", ["false", "False", "no", "0", "0.0", None], [False] * 5 + [None], pa.bool_()),
        ("category", ["a", " a", "7", None], ["a", " a", "7", None], pa.string()),
        ("number", [None, None], [None, None], pa.float64()),
        ("integer", [None], [None], pa.int64()),
        ("boolean", [None], [None], pa.bool_()),
    ],
)
def test_text_of_a_type_is_read(
    kind: FeatureType, values: list[str | None], expected: list[object], dtype: pa.DataType
) -> None:
    """Each type takes its common spellings, keeps missing values, and has one Arrow type."""
    result = cells.typed("x", column(*values), kind)

    assert result.values.to_pylist() == expected
    assert result.values.type == dtype
    assert result.faults == []


@pytest.mark.parametrize(
    "value", ["abc", "1,5", "1_0", "0x10", "NAN", "-nan", "nan(1)", "1e", "e5", ".", "--1", "1 2", "\u0661"]
)
def test_what_is_no_number_is_a_fault(value: str) -> None:
    """Text in a number's place is counted, told by its row, and null in the table."""
    result = cells.typed("x", column("1", value, None, value), "number")

    assert result.values.to_pylist() == [1.0, None, None, None]
    [fault] = result.faults
    assert (fault.column, fault.text, fault.rows, fault.count) == ("x", "not a number", (1, 3), 2)


@pytest.mark.parametrize("value", ["inf", "-inf", "Infinity", "+INF", "1e999", "-1e999"])
@pytest.mark.parametrize("kind", ["number", "integer"])
def test_infinity_is_a_fault(kind: FeatureType, value: str) -> None:
    """Infinity, also by overflow, is one fault of its own."""
    assert parsed(kind, "1", value) == ([1, None], ["infinite"])


@pytest.mark.parametrize("value", ["3.5e38", "-1e300"])
def test_what_single_precision_cannot_hold_is_a_fault(value: str) -> None:
    """A number that a model would see as infinite is refused while its text is still at hand."""
    assert parsed("number", "1", value) == ([1.0, None], ["beyond 3.4e+38 in size, where models see infinity"])


@pytest.mark.parametrize("value", ["3.5", "1e-3", "9007199254740992", "9007199254740993", "1e20"])
def test_what_is_no_exact_whole_number_is_a_fault(value: str) -> None:
    """A fraction, or a number too large to be exact as a float, is no integer."""
    values, [text] = parsed("integer", "1", value)

    assert values == [1, None]
    assert text.startswith("not a whole number")


def test_text_in_an_integer_column_is_one_fault() -> None:
    """Text is not also told to be no whole number."""
    assert parsed("integer", "x", "2") == ([None, 2], ["not a number"])


@pytest.mark.parametrize("value", ["2", "maybe", "t", ""])
def test_what_is_no_boolean_is_a_fault(value: str) -> None:
    """Anything but the words and digits for true and false is a fault."""
    assert parsed("boolean", "yes", value) == ([True, None], ["neither true nor false"])


@pytest.mark.parametrize("token", ["", "NA", "NaN", "nan", "null"])
def test_a_missing_value_is_null_unless_the_contract_means_it(token: str) -> None:
    """The tokens of missing values are null, but for a category that has one of them as a value."""
    assert cells.known(column(token, "x"), ()).to_pylist() == [None, "x"]
    assert cells.known(column(token, "x"), (token, "x")).to_pylist() == [token, "x"]


def test_the_table_follows_the_contract() -> None:
    """Columns come in the contract's order, the target last, whatever the file's order; others are ignored."""
    contract = Contract(
        features=(Feature(name="b", type="number"), Feature(name="a", type="integer"), Feature(name="z", type="boolean")),
        target=Target(name="y", task="classification"),
    )
    text = pa.table({"y": ["0", "NA"], "other": ["?", "?"], "a": ["1", ""], "b": ["2", "3"]})

    table, [fault] = cells.parse(text, contract)

    assert table.to_pydict() == {"b": [2.0, 3.0], "a": [1, None], "y": ["0", None]}
    assert (fault.column, fault.text, fault.rows) == ("y", "no value of the target", (1,))


def test_of_two_columns_of_one_name_the_first_is_read() -> None:
    """A name that stands twice does not stop the reading, so that the other faults are found."""
    contract = Contract(features=(Feature(name="a", type="number"),), target=Target(name="y", task="regression"))
    text = pa.Table.from_arrays([pa.array(["1"]), pa.array(["x"]), pa.array(["2"])], names=["a", "a", "y"])

    assert cells.parse(text, contract) == (pa.table({"a": [1.0], "y": [2.0]}), [])


@given(st.lists(st.floats(-MOST, MOST), min_size=1))
def test_every_float_is_read_to_the_last_bit(numbers: list[float]) -> None:
    """What Python writes for a float is read as that float."""
    values, faults = parsed("number", *map(repr, numbers))

    assert values == numbers
    assert faults == []


@given(st.text("0123456789.eE+-infaNty \t_", max_size=8))
def test_what_is_accepted_is_the_number_that_python_reads(value: str) -> None:
    """No text makes the reading fail, and none is taken for another number than it says."""
    [number], faults = parsed("number", value)

    assert (number is None) == bool(faults)
    if number is not None:
        assert number == float(value)
        assert math.isfinite(float(value))
