import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearth.bundle.rows import value_fault
from hearth.schema import MOST, Feature
from hearth.scoring import columns
from hearth.scoring.columns import Judged

BOUNDS = st.none() | st.floats(-100, 100) | st.sampled_from([-MOST, MOST, 0, 2**53])
WORDS = ["red", "blue", "NA", "", "grün", 'a"b']


@st.composite
def features(draw: st.DrawFn) -> Feature:
    """A feature of any type."""
    kind = draw(st.sampled_from(["number", "integer", "category", "boolean"]))
    required = draw(st.booleans())
    if kind == "category":
        values = draw(st.lists(st.sampled_from(WORDS), min_size=1, unique=True))
        return Feature(name="x", type="category", values=tuple(values), required=required)
    if kind == "boolean":
        return Feature(name="x", type="boolean", required=required)
    low, high = draw(BOUNDS), draw(BOUNDS)
    if low is not None and high is not None and low > high:
        low, high = high, low
    return Feature(name="x", type="number" if kind == "number" else "integer", min=low, max=high, required=required)


NUMBERS = st.integers(-200, 200) | st.integers() | st.floats() | st.sampled_from([MOST, -MOST, 3.5e38, 2**53 + 1, -0.0])
OBJECTS = st.lists(st.none() | NUMBERS | st.booleans() | st.text() | st.sampled_from([*WORDS, 10**400, [], {}]), max_size=8)


def agrees(feature: Feature, judged: Judged, values: list[object]) -> None:
    """The verdict, the reason and the code of every value are those of the rows."""
    said = [value_fault(feature, value) for value in values]
    assert judged.bad.tolist() == [bool(fault) for fault in said]
    for row, (value, fault) in enumerate(zip(values, said, strict=True)):
        if fault:
            assert judged.why(row) == fault
        else:
            np.testing.assert_array_equal(judged.values[row], feature.code(value))


@given(features(), OBJECTS)
def test_objects_are_judged_as_rows_are(feature: Feature, values: list[object]) -> None:
    """Any mixture of what JSON can hold."""
    agrees(feature, columns.of_objects(feature, values), values)


@given(features(), st.lists(st.none() | st.integers(-200, 200) | st.sampled_from([10**400, -(10**400)]), max_size=8))
def test_numbers_beyond_any_float_are_judged_as_rows_are(feature: Feature, values: list[object]) -> None:
    """An integer of 400 digits among others is a fault, not a crash."""
    agrees(feature, columns.of_objects(feature, values), values)


@given(features(), st.data())
def test_arrow_columns_are_judged_as_rows_are(feature: Feature, data: st.DataObject) -> None:
    """Every type that a feature accepts, nulls, NaN and infinities included."""
    kinds: dict[pa.DataType, st.SearchStrategy[object]] = {
        pa.float64(): st.floats(),
        pa.float32(): st.floats(width=32),
        pa.float16(): st.floats(width=16),
        pa.int64(): st.integers(-(2**63), 2**63 - 1) | st.integers(-200, 200),
        pa.uint64(): st.integers(0, 2**64 - 1),
        pa.int8(): st.integers(-128, 127),
        pa.bool_(): st.booleans(),
        pa.string(): st.sampled_from(WORDS),
        pa.large_string(): st.sampled_from(WORDS),
        pa.string_view(): st.sampled_from(WORDS),
        pa.dictionary(pa.int8(), pa.string()): st.sampled_from(WORDS),
        pa.null(): st.none(),
    }
    kind = data.draw(st.sampled_from([kind for kind in kinds if columns.accepts(feature, kind)]))
    values = data.draw(st.lists(st.none() | kinds[kind], max_size=8))
    array = pa.array(values, kind)
    agrees(feature, columns.of_arrow(feature, array), array.to_pylist())


@pytest.mark.parametrize(
    ("kind", "accepted"),
    [
        (pa.string(), {"category"}),
        (pa.dictionary(pa.int32(), pa.string()), {"category"}),
        (pa.dictionary(pa.int32(), pa.int64()), set()),
        (pa.bool_(), {"boolean"}),
        (pa.int8(), {"number", "integer"}),
        (pa.decimal128(10, 2), {"number", "integer"}),
        (pa.timestamp("s"), set()),
        (pa.list_(pa.float64()), set()),
        (pa.null(), {"number", "integer", "category", "boolean"}),
    ],
)
def test_a_column_of_another_type_is_not_accepted(kind: pa.DataType, accepted: set[str]) -> None:
    """Text for a number is a fault of the whole column."""
    every = [
        Feature(name="x", type="number"),
        Feature(name="x", type="integer"),
        Feature(name="x", type="boolean"),
        Feature(name="x", type="category", values=("a",)),
    ]
    assert {feature.type for feature in every if columns.accepts(feature, kind)} == accepted


@given(features(), st.lists(st.none() | NUMBERS.filter(lambda n: abs(n) < 1e300), max_size=8))
def test_numbers_written_as_text_are_judged_as_the_numbers(feature: Feature, values: list[float | None]) -> None:
    """Python's own spelling of a float, read back without a loss; empty is missing."""
    if feature.numeric:
        text = pa.array([None if value is None else repr(value) for value in values], pa.string())
        agrees(feature, columns.of_text(feature, text), list(values))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1.0),
        (" 1.5\t", 1.5),
        ("+2", 2.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("-0", -0.0),
        (None, None),
        ("NA", None),
        ("nan", None),
        ("null", None),
        ("inf", math.inf),
        ("-Infinity", -math.inf),
        ("1e999", math.inf),
        ("abc", "abc"),
        ("1,5", "1,5"),
        ("1_000", "1_000"),
        ("0x1f", "0x1f"),
        ("true", "true"),
        ("\uff11", "\uff11"),
        ("1 2", "1 2"),
        ("-nan", "-nan"),
        ("NAN", "NAN"),
        ("--1", "--1"),
    ],
)
@pytest.mark.parametrize("company", [[], ["1"], ["x"]])
def test_text_in_a_number_column(text: str | None, value: object, company: list[str]) -> None:
    """Read alike alone, among numbers and among other text."""
    for feature in (Feature(name="x", type="number"), Feature(name="x", type="number", required=False)):
        judged = columns.of_text(feature, pa.array([text, *company], pa.string()))
        said = value_fault(feature, value)
        assert judged.bad[0] == bool(said)
        if said:
            assert judged.why(0) == said
        elif isinstance(value, float):
            assert judged.values[0] == value


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("FALSE", False), ("Yes", True), ("0", False), ("NA", None), ("2", "2"), ("on", "on")]
)
def test_text_in_a_boolean_column(text: str, value: object) -> None:
    """The words that ingestion takes, in any case."""
    feature = Feature(name="x", type="boolean", required=False)
    agrees_on_text(feature, text, value)


@pytest.mark.parametrize(
    ("text", "value"), [("red", "red"), ("Red", "Red"), (" red", " red"), ("NA", "NA"), ("nan", None), (None, None)]
)
def test_text_in_a_category_column(text: str | None, value: object) -> None:
    """To the letter; a word for a missing value that is among the values is that value."""
    agrees_on_text(Feature(name="x", type="category", values=("red", "NA"), required=False), text, value)


def agrees_on_text(feature: Feature, text: str | None, value: object) -> None:
    """One cell of text is judged as the value that it stands for."""
    judged = columns.of_text(feature, pa.array([text], pa.string()))
    agrees(feature, judged, [value])
