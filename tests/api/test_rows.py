"""The fast reader of JSON and the bundle's own check of rows are one: the same rows, the same bits, the same words."""

import json
import math
from collections.abc import Mapping

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.laws import drawn

from api.errors import SHOWN, ApiError, Invalid, TooLarge
from api.rows import ROW_BYTES, Reader
from hearth.bundle import RowError, code_rows
from hearth.schema import MOST, Contract, Feature, Target

FEATURES = (
    Feature(name="bounded", type="number", min=-0.1, max=3.3),
    Feature(name="free", type="number", required=False),
    Feature(name="whole", type="integer", min=-3, max=7, required=False),
    Feature(name="large", type="integer", required=False),
    Feature(name="on/off", type="boolean", required=False),
    Feature(name="größe", type="category", values=("S", 'a "quoted" one', "日本", ""), required=False),
    Feature(name="ignored", type="number", min=0, required=False, use=False, reason="nobody's business"),
    Feature(name="needed", type="category", values=("x", "y")),
)
CONTRACT = Contract(target=Target(name="y", task="regression"), features=FEATURES)
READER = Reader(CONTRACT)
NUMBERS = Contract(target=CONTRACT.target, features=tuple(feature for feature in FEATURES if feature.numeric))
GOOD: Mapping[str, object] = {"bounded": 1.0, "needed": "x"}
BOUNDS = (-0.1, 3.3, -3.0, 7.0, 0.0, MOST, -MOST, 2.0**53, 1e308)
EDGES = tuple(
    f(b) for b in BOUNDS for f in (float, lambda b: math.nextafter(b, math.inf), lambda b: math.nextafter(b, -math.inf))
)
ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 9),
    st.integers(),
    st.integers(-(10**400), 10**400),
    st.floats(),
    st.floats(-4, 8),
    st.sampled_from(EDGES),
    st.sampled_from(("S", 'a "quoted" one', "日本", "", "x", "y", "s", "1", "true", "NaN", "null")),
    st.text(max_size=3),
    st.lists(st.integers(), max_size=1),
    st.dictionaries(st.text(max_size=2), st.none(), max_size=1),
)
FITTING = st.fixed_dictionaries(
    {"bounded": st.floats(-0.1, 3.3), "needed": st.sampled_from(("x", "y"))},
    optional={
        "free": st.none() | st.floats(-MOST, MOST) | st.integers(-(2**100), 2**100) | st.sampled_from((-0.0, 5e-324, MOST)),
        "whole": st.none() | st.integers(-3, 7) | st.integers(-3, 7).map(float),
        "large": st.none() | st.integers(-(2**70), 2**70) | st.integers(2**53 - 3, 2**53 + 3),
        "on/off": st.none() | st.booleans(),
        "größe": st.none() | st.sampled_from(FEATURES[5].values),
        "ignored": st.none() | st.floats(0, MOST),
    },
)
ROWS = st.dictionaries(st.sampled_from([feature.name for feature in FEATURES]), ANYTHING) | FITTING.flatmap(
    lambda row: st.dictionaries(st.sampled_from([feature.name for feature in FEATURES]), ANYTHING, max_size=1).map(row.__or__)
)


def said(error: ApiError) -> list[tuple[object, object, object]]:
    """Row, field and message of each fault."""
    return [(fault.get("row", 0), fault["field"], fault["message"]) for fault in error.errors]


def by_bundle(rows: list[Mapping[str, object]], contract: Contract = CONTRACT) -> bytes | list[tuple[object, object, object]]:
    """The bits that the bundle makes of rows, or its faults."""
    try:
        return code_rows(contract, rows).tobytes()
    except RowError as error:
        return [(fault.row, fault.field, fault.message) for fault in error.found[:SHOWN]]


def one(body: bytes, reader: Reader = READER) -> bytes | list[tuple[object, object, object]]:
    """The bits that the reader makes of one row, or its faults."""
    try:
        return np.array(reader.coded(reader.one(body)), dtype=np.float64).tobytes()
    except Invalid as error:
        return said(error)


@pytest.mark.parametrize("name", ["plain", "größe", 'a "quoted" one', "back\\slash", "line\nbreak", "f0"])
def test_columns_are_encoded_under_any_name(name: str) -> None:
    """As the object that they are, in the contract's order."""
    features = (Feature(name=name, type="number"), Feature(name="other", type="boolean", required=False))
    columns = Reader(Contract(target=CONTRACT.target, features=features)).columns
    assert msgspec.json.encode(columns((6.5,), (None,))) == msgspec.json.encode({name: [6.5], "other": [None]})


def faults(body: bytes) -> list[tuple[object, object, object]]:
    """The faults of one row."""
    found = one(body)
    assert isinstance(found, list)
    return found


def many(body: bytes, reader: Reader = READER) -> bytes | list[tuple[object, object, object]]:
    """The same of a batch."""
    try:
        return reader.many(body, 100).tobytes()
    except Invalid as error:
        return said(error)


@given(ROWS)
@example({"bounded": 1, "needed": "x", "free": 2**53 + 1})
@example({"bounded": -0.0, "needed": "x", "large": -0.0})
@example({"bounded": True, "needed": "x"})
@settings(max_examples=drawn(500), deadline=None)
def test_one_row_is_read_as_the_bundle_reads_it(row: dict[str, object]) -> None:
    """Accepted where the bundle accepts it, with the same bits; refused where it refuses, with the same words."""
    body = json.dumps(row).encode()
    assert one(body) == by_bundle([json.loads(body)])
    assert one(json.dumps(row, ensure_ascii=False, indent=1).encode("utf-8", "surrogatepass")) == one(body) or "\\ud" in str(
        body
    )


@given(FITTING)
@settings(max_examples=drawn(300), deadline=None)
def test_a_good_row_is_read_without_a_second_look(row: dict[str, object]) -> None:
    """What the contract allows is never refused."""
    assert isinstance(one(json.dumps(row).encode()), bytes)


@given(st.lists(FITTING | ROWS, min_size=1, max_size=6))
@settings(max_examples=drawn(200), deadline=None)
def test_many_rows_are_read_as_each_is(rows: list[dict[str, object]]) -> None:
    """A batch is its rows one by one; each fault has its row's index and its field."""
    body = json.dumps({"instances": rows}).encode()
    assert many(body) == by_bundle(json.loads(body)["instances"])


@given(st.lists(ROWS.map(lambda row: {name: row[name] for name in row if name in {*NUMBERS.names, "ignored"}}), min_size=1))
@example([{"bounded": 1.0}, {"bounded": 1.0, "free": None, "whole": 3}])
@settings(deadline=None)
def test_rows_of_numbers_are_read_as_each_is(rows: list[dict[str, object]]) -> None:
    """Where there are numbers alone, what is left out and what is null are missing alike."""
    body = json.dumps({"instances": rows}).encode()
    assert many(body, Reader(NUMBERS)) == by_bundle(json.loads(body)["instances"], NUMBERS)


TEXTS = (
    Feature(name="name", type="category", required=False, use=False, reason="free text"),
    Feature(name='say "x"', type="number", min=0, required=False),
    Feature(name="back\\slash", type="integer", min=0, max=3),
)


@pytest.mark.parametrize("features", [TEXTS[:1], TEXTS])
def test_names_and_ignored_texts_of_any_table_are_read(features: tuple[Feature, ...]) -> None:
    """Text beside numbers is ignored, also in a batch; a name that the decoder knows no field for is read without it."""
    contract = Contract(target=CONTRACT.target, features=(*NUMBERS.features, *features))
    good = {"bounded": 1.0, "name": "$2.50"} | ({'say "x"': 2, "back\\slash": 3} if len(features) > 1 else {})
    body = json.dumps({"instances": [good, {**good, "bounded": 9}]}).encode()
    assert many(body, Reader(contract)) == by_bundle(json.loads(body)["instances"], contract)
    body = json.dumps({"instances": [good, good]}).encode()
    assert many(body, Reader(contract)) == by_bundle(json.loads(body)["instances"], contract)
    assert one(json.dumps(good).encode(), Reader(contract)) == by_bundle([good], contract)


@pytest.mark.parametrize(
    "text",
    ["-0", "-0.0", "0e9", "1e-400", "1E0", "0.1e1", "123456789012345678901234567890", "3." + "3" * 400, "1e38", "3.4028235e38"],
)
def test_a_number_is_the_float_that_python_reads(text: str) -> None:
    """Every spelling of a number has the bits that Python's own reader gives it."""
    body = f'{{"bounded": 1, "needed": "x", "free": {text}}}'.encode()
    assert one(body) == by_bundle([json.loads(body)])


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
@settings(max_examples=drawn(300), deadline=None)
def test_no_bytes_are_more_than_refused(body: bytes) -> None:
    """Any bytes, also within a text: a refusal and nothing else."""
    for whole in (body, b'{"instances":' + body + b"}", b'{"bounded":1,"needed":"' + body + b'"}', b'{"' + body + b'":1}'):
        for read in (READER.one, lambda given: READER.many(given, 100)):
            try:
                read(whole)
            except ApiError as error:
                assert error.status in (413, 422)  # noqa: PT017 - most are refused, a few may be rows


@given(st.text(min_size=1, max_size=20))
@settings(max_examples=drawn(100), deadline=None)
def test_an_unknown_field_is_told_by_its_place(name: str) -> None:
    """Its name is the client's text: no answer repeats it, a name of the contract that is near is suggested."""
    body = json.dumps({**GOOD, name + "?": 1}).encode()
    ((_, field, message),) = faults(body)
    assert field == "?"
    assert str(message).startswith("field 3 of the object is unknown, ")


def test_a_near_name_is_suggested() -> None:
    """A slip of the pen or of the shift key."""
    ((_, _, message),) = faults(json.dumps({**GOOD, "WHOL": 1}).encode())
    assert message == "field 3 of the object is unknown, did you mean whole?"


def test_the_last_of_two_values_counts() -> None:
    """As in every reader of JSON."""
    body = b'{"bounded": 1, "bounded": 2, "needed": "z", "needed": "y"}'
    assert one(body) == by_bundle([{"bounded": 2, "needed": "y"}])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"),
        (b"[]", "one JSON object"),
        (b"{", "not JSON"),
        (b'{"bounded": "\xff"}', "not UTF-8"),
        (b'{"bounded": 1, "needed": "x\xc3"}', "not UTF-8"),
        (b"\xef\xbb\xbf{}", "not JSON: it begins with a byte order mark"),
        (b'{"bounded":' + b"[" * 30_000 + b"]" * 30_000 + b"}", "nested too deeply"),
        (b'{"bounded":' + b"9" * 5000 + b"}", "too many digits"),
    ],
)
def test_what_is_no_row_is_refused_with_a_reason(body: bytes, words: str) -> None:
    """The message says what is wrong with the body as a whole."""
    with pytest.raises(Invalid, match=words):
        READER.one(body)


def test_a_row_has_an_end() -> None:
    """No row takes a megabyte, were it of spaces."""
    body = json.dumps(dict(GOOD)).encode()
    assert READER.one(body.ljust(ROW_BYTES))
    with pytest.raises(TooLarge):
        READER.one(body.ljust(ROW_BYTES + 1))


@pytest.mark.parametrize("good", [True, False])
def test_a_batch_has_an_end(good: bool) -> None:
    """As many rows as are taken, and not one more, whether they keep the contract or not."""
    row = dict(GOOD) if good else {}
    bodies = {count: json.dumps({"instances": [row] * count}).encode() for count in (0, 5, 6, 500)}
    for count in (6, 500):
        with pytest.raises(TooLarge):
            READER.many(bodies[count], 5)
    with pytest.raises(Invalid, match="no row"):
        READER.many(bodies[0], 5)
    if good:
        assert READER.many(bodies[5], 5).shape == (5, len(CONTRACT.names))
    else:
        with pytest.raises(Invalid) as raised:
            READER.many(bodies[5], 5)
        assert [row for row, *_ in said(raised.value)] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"instances": 1}', b'{"instances": [{}], "more": 1}', b'{"rows": []}'])
def test_a_batch_is_instances_and_nothing_else(body: bytes) -> None:
    """The message shows the form."""
    with pytest.raises(Invalid, match="instances"):
        READER.many(body, 5)


def test_what_is_no_row_of_a_batch_is_named() -> None:
    """By its index."""
    with pytest.raises(Invalid) as raised:
        READER.many(json.dumps({"instances": [dict(GOOD), 1, None, []]}).encode(), 5)
    assert [row for row, *_ in said(raised.value)] == [1, 2, 3]


def test_at_most_a_hundred_faults_are_listed() -> None:
    """The first hundred; the message says that there are more."""
    with pytest.raises(Invalid, match="200 fields are at fault; the first 100 are listed") as raised:
        READER.many(json.dumps({"instances": [{}] * 100}).encode(), 100)
    assert len(raised.value.errors) == SHOWN
