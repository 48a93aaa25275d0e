"""Arrow streams: what pyarrow writes is read as it is meant, what is broken is refused, and nothing is ever unfolded."""

import io
import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.bundles import CONTRACT, Tiny, coded, rows_of
from tests.laws import drawn

from api import arrow
from api.errors import ApiError, Invalid, TooLarge
from api.rows import Reader
from hearth.bundle import RowError, code_rows

pa = pytest.importorskip("pyarrow", reason="pyarrow makes the streams: pip install 'hearth[train]'")
READER = Reader(CONTRACT)
MOST = 1000
NAMES = CONTRACT.names
GOOD: Mapping[str, Any] = {
    "size": pa.array([1.0, 2.5, 10.0]),
    "count": pa.array([1, None, 9]),
    "old": pa.array([True, None, False]),
    "colour": pa.array(["red", None, "blue"]),
    "depth": pa.array([-1.5, None, 1e30]),
}


def written(*batches: Any, **options: object) -> bytes:  # noqa: ANN401 - pyarrow has no types
    """A stream of record batches."""
    out = io.BytesIO()
    with pa.ipc.new_stream(out, batches[0].schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return out.getvalue()


def batch(**other: object) -> Any:  # noqa: ANN401 - pyarrow has no types
    """Three good rows, with columns exchanged or added."""
    columns = {**GOOD, **other}
    return pa.record_batch(list(columns.values()), names=list(columns))


def faults(body: bytes) -> list[tuple[object, object, object]]:
    """Row, field and message of each fault of a stream."""
    with pytest.raises(Invalid) as raised:
        arrow.read(READER, body, MOST)
    return [(fault["row"], fault["field"], fault["message"]) for fault in raised.value.errors]


def refused(body: bytes, words: str) -> None:
    """It is refused as a whole, with these words."""
    with pytest.raises(Invalid, match=words):
        arrow.read(READER, body, MOST)


EXPECTED = np.array([[1, 1, 1, 0, -1.5], [2.5, np.nan, np.nan, np.nan, np.nan], [10, 9, 0, 2, 1e30]])


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"colour": GOOD["colour"].dictionary_encode()},
        {"colour": GOOD["colour"].cast(pa.large_string())},
        {"colour": GOOD["colour"].cast(pa.string_view())},
        {"count": pa.array([1, None, 9], pa.uint8())},
        {"count": pa.array([1.0, None, 9.0], pa.float32())},
        {"size": pa.array(np.array([1.0, 2.5, 10.0], np.float16))},
        {"count": pa.array([1, None, 9]).dictionary_encode()},
        {"secret": pa.nulls(3)},
    ],
    ids=lambda other: " ".join(f"{name} {column.type}" for name, column in other.items()),
)
def test_every_way_to_write_a_column_is_read(other: Mapping[str, object]) -> None:
    """Numbers of each width, texts in three layouts and dictionaries of them are the values that they stand for."""
    np.testing.assert_array_equal(arrow.read(READER, written(batch(**other)), MOST), EXPECTED)


def test_batches_and_slices_are_read_in_turn() -> None:
    """Several batches are one table; a slice is its own rows and no others."""
    body = written(batch(), batch().slice(1, 2), batch().slice(0, 0))
    np.testing.assert_array_equal(arrow.read(READER, body, MOST), np.vstack([EXPECTED, EXPECTED[1:]]))


def test_a_view_of_a_long_text_is_followed() -> None:
    """A text of more than twelve bytes lies outside its view; it is compared, and not copied where it is too long."""
    colours = pa.array(["x" * 13, "green", "y" * 10_000], pa.string_view())
    assert [row for row, *_ in faults(written(batch(colour=colours)))] == [0, 2]


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.booleans())
@settings(max_examples=drawn(40), deadline=None)
def test_a_stream_is_read_as_rows_are(seed: int, count: int, encode: bool) -> None:
    """What a stream holds is coded to the bit as ``code_rows`` codes the same values."""
    rows = rows_of(coded(seed, count))
    table = {name: pa.array([row.get(name) for row in rows]) for name in NAMES}
    if encode:
        table["colour"] = table["colour"].cast(pa.string()).dictionary_encode()
    body = written(pa.record_batch(list(table.values()), names=NAMES))
    assert arrow.read(READER, body, MOST).tobytes() == code_rows(CONTRACT, rows).tobytes()


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("size", [1.0, 11.0, None]),
        ("count", [1.5, 10.0, -1.0]),
        ("count", [2**60, 10, -1]),
        ("depth", [float("nan"), float("inf"), 1e39]),
        ("depth", ["1", None, ""]),
        ("old", [1, 0, None]),
        ("colour", ["pink", None, ""]),
        ("colour", [1.0, None, 2.0]),
        ("secret", ["x", None, None]),
    ],
)
def test_a_fault_is_named_as_the_bundle_names_it(name: str, values: list[object]) -> None:
    """Row, field and message of each fault are those of ``hearth.bundle`` for the same values."""
    rows = [{"size": 1.0, name: value} for value in values]
    with pytest.raises(RowError) as raised:
        code_rows(CONTRACT, rows)
    body = written(batch(**{name: pa.array(values)}))
    assert faults(body) == [(fault.row, fault.field, fault.message) for fault in raised.value.found]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1, 2, 3], pa.timestamp("ns", "Nowhere/Else")),
        pa.array([1, 2, 3], pa.date32()),
        pa.array([1, 2, 3], pa.duration("ns")),
        pa.array([1, 2, 3], pa.decimal128(5)),
        pa.array([b"1", b"2", b"3"]),
        pa.array([1, 2, 3], pa.timestamp("s")).dictionary_encode(),
    ],
    ids=lambda column: str(column.type),
)
def test_no_other_type_is_a_number(column: object) -> None:
    """A time, a decimal or bytes are no number, whatever holds their bits."""
    assert faults(written(batch(depth=column))) == [(row, "depth", "must be a number") for row in range(3)]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([[1.0], [], None]),
        pa.array([{"a": 1.0}] * 3),
        pa.FixedSizeListArray.from_arrays(pa.nulls(3_000_000), 1_000_000),
        pa.array([[("a", 1)]] * 3, pa.map_(pa.string(), pa.int8())),
        pa.RunEndEncodedArray.from_arrays([3], [1.0]),
    ],
    ids=lambda column: str(column.type)[:20],
)
def test_nested_columns_are_refused(column: object) -> None:
    """No row holds a list: a hundred bytes may stand for a million values, and a deep one stops a decoder for years."""
    refused(written(batch(depth=column)), "nested")


def test_a_deep_schema_is_refused_at_once() -> None:
    """Sixty structures within each other cost nothing."""
    column = pa.array([1.0, 2.0, 3.0])
    for _ in range(60):
        column = pa.StructArray.from_arrays([column], ["a"])
    refused(written(batch(depth=column)), "nested")


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
def test_compressed_streams_are_refused(codec: str) -> None:
    """What a few bytes unfold to is known only when they have."""
    refused(written(batch(), compression=codec), "uncompressed")


def test_other_streams_are_refused() -> None:
    """The file format, a big-endian schema, a delta, no stream at all."""
    out = io.BytesIO()
    with pa.ipc.new_file(out, batch().schema) as writer:
        writer.write_batch(batch())
    indices = pa.array([0, 1, 0], pa.int8())
    grown = [pa.DictionaryArray.from_arrays(indices, texts) for texts in (["red", "blue"], ["red", "blue", "green"])]
    delta = written(*(batch(colour=colour) for colour in grown), emit_dictionary_deltas=True)
    for body in (out.getvalue(), delta, b"", b"\0" * 64, b"\xff\xff\xff\xff\x10\0\0\0" + b"\xff" * 64):
        refused(body, "not an Arrow stream")


def test_columns_are_those_of_the_contract() -> None:
    """Two of a name, more than there are and none at all are refused; an unknown one is named by its place."""
    refused(written(pa.record_batch([GOOD["size"]] * 2, names=["size", "size"])), "twice")
    wide = pa.record_batch([pa.nulls(1000)] * 20_000, names=[f"c{i}" for i in range(20_000)])
    refused(written(wide), "20000 columns")
    refused(written(pa.record_batch([], names=[])), "no row")
    refused(written(batch().slice(0, 0)), "no row")
    assert faults(written(pa.record_batch([GOOD["size"], GOOD["size"]], names=["size", "SIZE_"])))[0][1] == "?"


def test_the_row_cap_counts_every_batch() -> None:
    """Rows are counted before they are read, also those without a byte."""
    with pytest.raises(TooLarge):
        arrow.read(READER, written(*[batch()] * 334), MOST)
    with pytest.raises(TooLarge):
        arrow.read(READER, written(pa.record_batch([pa.nulls(2_000_000)], names=["depth"])), MOST)


def test_a_broken_stream_is_read_or_refused(regression: Tiny) -> None:
    """Cut at every byte, with 4000 seeded corruptions: rows that keep the contract, or a refusal, and nothing else."""
    rng = random.Random(7)  # noqa: S311 - not a secret
    encoded = {"dictionary": GOOD["colour"].dictionary_encode(), "view": GOOD["colour"].cast(pa.string_view())}
    whole = [written(batch(), batch()), *(written(batch(colour=colour)) for colour in encoded.values())]
    bodies = [body[:end] for body in whole for end in range(len(body))]
    for _ in range(4000):
        body = bytearray(rng.choice(whole))
        for _ in range(rng.choice((1, 1, 2, 8))):
            body[rng.randrange(len(body))] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))
        bodies.append(bytes(body))
    assert sum(_kept(body) for body in bodies) < len(bodies) / 2
    assert regression.predictor.predict(arrow.read(READER, whole[0], MOST)).value.shape == (6,)


def _kept(body: bytes) -> bool:
    try:
        x = arrow.read(READER, body, MOST)
    except ApiError:
        return False
    assert x.shape[1] == len(NAMES)
    assert np.nanmax(x[:, 0]) <= 10
    return True
