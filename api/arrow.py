"""Arrow streams: columns in, columns out, with nanoarrow instead of 130 MB of pyarrow."""

import io
import struct
from collections.abc import Iterator, Mapping, Sequence

import nanoarrow as na
import numpy as np
from nanoarrow import ipc
from numpy.typing import NDArray

from api.errors import Invalid
from api.rows import Matrix, Reader, too_many
from hearth.schema import MOST, Contract, Feature

MEDIA = "application/vnd.apache.arrow.stream"
Column = Matrix | Sequence[str]
_BAD = "the body is not an Arrow stream that can be read: write it with an IPC stream writer, uncompressed"
_INTEGERS = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
_NUMBERS: Mapping[str, str] = {
    **{name.upper(): name for name in _INTEGERS},
    "DOUBLE": "float64",
    "FLOAT": "float32",
    "HALF_FLOAT": "float16",
}

_NONE = np.empty(0, dtype=np.uint8)


def read(reader: Reader, body: bytes, most: int) -> Matrix:
    """The coded rows of a stream, shape (n, len(contract.names)). Values are checked by columns; faults are found by rows.

    Raises:
        Invalid: it is no stream, or rows do not keep the contract: every fault, by row and field.
        TooLarge: there are more than ``most`` rows.
    """
    if _rows_of(body) > most:
        raise too_many(most)
    try:
        names, chunks = _chunks(body)
        columns = dict(zip(names, zip(*chunks, strict=True), strict=True)) if chunks else {}
        if chunks and len(names) == len(set(names)):
            x = _matrix(reader.contract, columns, sum(len(chunk[0]) for chunk in chunks))
            if x is not None:
                return x
        rows = _rows(names, columns)
    except (na._utils.NanoarrowException, ValueError, KeyError, NotImplementedError, OverflowError) as error:
        raise Invalid(_BAD) from error
    return reader.rows(rows, most)


def write(table: Mapping[str, Column]) -> bytes:
    """A stream of one batch; texts as strings, numbers as doubles."""
    count = len(next(iter(table.values())))
    arrays = [
        _strings(column) if not isinstance(column, np.ndarray) else na.c_array(column, na.float64())
        for column in table.values()
    ]
    fields = {name: na.float64() if isinstance(column, np.ndarray) else na.string() for name, column in table.items()}
    schema = na.struct(fields, nullable=False)
    out = io.BytesIO()
    with ipc.StreamWriter.from_writable(out) as writer:
        writer.write_array(na.c_array_from_buffers(schema, count, [None], children=arrays))
    return out.getvalue()


def _chunks(body: bytes) -> tuple[list[str], list[list[na.Array]]]:
    stream = na.ArrayStream.from_readable(body)
    names = [field.name for field in stream.schema.fields]
    return names, [list(chunk.iter_children()) for chunk in stream if len(chunk)]


def _matrix(contract: Contract, columns: Mapping[str, Sequence[na.Array]], count: int) -> Matrix | None:
    """Coded rows, or ``None`` where a value must be looked at by itself because something is wrong with its column."""
    if not columns.keys() <= {feature.name for feature in contract.features}:
        return None
    coded: dict[str, NDArray[np.float64]] = {}
    for feature in contract.features:
        column = _coded(feature, columns[feature.name]) if feature.name in columns else np.full(count, np.nan)
        if column is None or (feature.required and np.isnan(column).any()):
            return None
        coded[feature.name] = column
    return np.column_stack([coded[name] for name in contract.names])


def _coded(feature: Feature, chunks: Sequence[na.Array]) -> NDArray[np.float64] | None:
    """A column as coded floats, NaN where it is null; ``None`` where a value does not keep the contract."""
    if not feature.numeric:
        return _looked_up(feature, chunks)
    parts = [part for part in map(_numbers, chunks) if part]
    if len(parts) < len(chunks):
        return None
    values, missing = (np.concatenate(part) for part in zip(*parts, strict=True))
    low, high = -MOST if feature.min is None else feature.min, MOST if feature.max is None else feature.max
    good = (values >= low) & (values <= high)
    if feature.type == "integer":
        good &= values == np.floor(values)
    return np.where(missing, np.nan, values) if np.all(good | missing) else None


def _looked_up(feature: Feature, chunks: Sequence[na.Array]) -> NDArray[np.float64] | None:
    codes = {value: feature.code(value) for value in feature.values or (False, True)}
    kind = str if feature.values else bool
    values = [value for chunk in chunks for value in chunk.iter_py()]
    if not all(value is None or (isinstance(value, kind) and value in codes) for value in values):
        return None
    return np.array([np.nan if value is None else codes[value] for value in values], dtype=np.float64)


def _numbers(chunk: na.Array) -> tuple[NDArray[np.float64], NDArray[np.bool_]] | None:
    """Values and which of them are null; ``None`` for another type than a number."""
    kind = _NUMBERS.get(chunk.schema.type.name)
    if kind is None:
        return None
    at, count = chunk.offset, len(chunk)
    validity, data = chunk.buffers
    values = np.frombuffer(data, dtype=kind)[at : at + count].astype(np.float64)
    bits = np.frombuffer(validity, dtype=np.uint8) if validity is not None else _NONE
    if not len(bits):  # nothing is null
        return values, np.zeros(count, dtype=np.bool_)
    return values, np.unpackbits(bits, bitorder="little")[at : at + count] == 0


def _rows(names: Sequence[str], columns: Mapping[str, Sequence[na.Array]]) -> list[dict[str, object]]:
    if len(names) != len(set(names)):
        raise Invalid("the schema names a column twice")
    values = [[value for chunk in columns.get(name, ()) for value in chunk.iter_py()] for name in names]
    return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]


def _strings(texts: Sequence[str]) -> na.c_array:
    encoded = [text.encode() for text in texts]
    offsets = np.zeros(len(encoded) + 1, dtype=np.int32)
    np.cumsum([len(text) for text in encoded], out=offsets[1:])
    return na.c_array_from_buffers(na.string(), len(encoded), [None, offsets, b"".join(encoded)])


def _rows_of(body: bytes) -> int:
    """How many rows a stream says that it holds, read from its messages alone.

    Source: Arrow columnar format, "Encapsulated message format"; flatbuffers internals.

    Raises:
        Invalid: it is no stream, or compressed: what a few bytes unfold to is known only when they have.
    """
    try:
        return sum(_record_batches(memoryview(body)))
    except (struct.error, IndexError):
        raise Invalid(_BAD) from None


def _record_batches(body: memoryview) -> Iterator[int]:
    at, end = 0, len(body)
    while at + 8 <= end:
        marker, size = struct.unpack_from("<Ii", body, at)
        if marker != 0xFFFFFFFF or size < 0:
            raise Invalid(_BAD)
        if size == 0:
            return
        message = _Table.root(body[at + 8 : at + 8 + size])
        kind, header, length = message.number("<B", 1), message.table(2), message.number("<q", 3)
        if kind == _DICTIONARY and header:
            header = header.table(1)
        if kind in (_DICTIONARY, _BATCH) and header:
            if header.table(3):
                raise Invalid(_BAD)
            yield header.number("<q", 0) if kind == _BATCH else 0
        at += 8 + size + max(length, 0)


_DICTIONARY, _BATCH = 2, 3  # of the union MessageHeader


class _Table:
    """A flatbuffers table: fields by their place in the schema."""

    def __init__(self, data: memoryview, at: int) -> None:
        self._data, self._at = data, at
        self._vtable = at - struct.unpack_from("<i", data, at)[0]

    @classmethod
    def root(cls, data: memoryview) -> "_Table":
        return cls(data, struct.unpack_from("<I", data, 0)[0])

    def _field(self, place: int) -> int:
        if self._vtable < 0:
            raise IndexError(place)
        size = struct.unpack_from("<H", self._data, self._vtable)[0]
        offset = struct.unpack_from("<H", self._data, self._vtable + 4 + 2 * place)[0] if 4 + 2 * place < size else 0
        return self._at + offset if offset else 0

    def number(self, form: str, place: int) -> int:
        """An integer field, 0 where it is left out."""
        at = self._field(place)
        return int(struct.unpack_from(form, self._data, at)[0]) if at else 0

    def table(self, place: int) -> "_Table | None":
        """A table field."""
        at = self._field(place)
        return _Table(self._data, at + struct.unpack_from("<I", self._data, at)[0]) if at else None
