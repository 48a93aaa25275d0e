"""Arrow streams as columns of buffers. Nothing is copied and nothing but Python looks at the bytes: no stream can crash it.

Source: Arrow columnar format, "Serialization and Interprocess Communication"; Schema.fbs and Message.fbs.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from api.errors import Invalid
from api.flatbuffer import Table

_SCHEMA, _DICTIONARY, _BATCH = 1, 2, 3  # of the union MessageHeader
_NESTED = frozenset({12, 13, 14, 16, 17, 21, 22, 25, 26})  # of the union Type, as what follows
_INT, _FLOAT, _LAST = 2, 3, 26
_NAMED: Mapping[int, str] = {1: "null", 5: "string", 6: "bool", 20: "large_string", 24: "string_view"}
_WIDTHS = {8: "8", 16: "16", 32: "32", 64: "64"}
_FLOATS = ("float16", "float32", "float64")
_BUFFERS: Mapping[int, int] = {1: 0, 4: 3, 5: 3, 19: 3, 20: 3}  # all others have two
_VIEWS = (23, 24)  # and as many more as the batch says


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a column: ``kind`` is numpy's name of a number, ``bool``, ``null``, one of three of texts, or ``other``.

    ``buffers`` are validity (empty where nothing is null), then values or offsets, then texts. Numbers that are indices have
    their ``entries``.
    """

    kind: str
    length: int
    buffers: Sequence[memoryview]
    entries: "Chunk | None" = None


Columns = dict[str, list[Chunk]]


@dataclass(frozen=True, slots=True)
class _Type:
    kind: str
    buffers: int
    views: bool = False


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    type: _Type
    entries: int | None  # the id of its dictionary
    values: _Type


def columns(body: bytes, widest: int, most: int) -> tuple[Columns, int]:
    """The parts of each column by its name, and how many rows there are; one that is above ``most`` ends the reading.

    Raises:
        Invalid: there are more than ``widest`` columns, nested ones, or two of a name.
        ValueError, IndexError, KeyError, struct.error: it is no stream, or compressed: what a few bytes unfold to is known only
            when they have.
    """
    messages = _messages(memoryview(body))
    kind, schema, _ = next(messages, (0, None, None))
    fields = _schema(kind, schema, widest)
    types = {field.entries: field.values for field in fields if field.entries is not None}
    dictionaries: dict[int, Chunk] = {}
    found: Columns = {field.name: [] for field in fields}
    count = 0
    for kind, header, data in messages:
        if kind == _DICTIONARY:
            identity = header.number("<q", 0)
            dictionaries[identity] = _dictionary(header, types[identity], data)
        elif kind == _BATCH:
            rows, chunks = _batch(fields, header, data, dictionaries)
            count += rows
            if count > most:
                break
            for name, chunk in zip(found, chunks if rows else (), strict=bool(rows)):
                found[name].append(chunk)
        else:
            raise ValueError("a message of another kind")
    return found, count


def _messages(body: memoryview) -> Iterator[tuple[int, Table, memoryview]]:
    """Each message's kind, its header and what follows it."""
    at, end = 0, len(body)
    while at < end:
        marker, size = struct.unpack_from("<Ii", body, at)
        if marker != 0xFFFFFFFF or size < 0:
            raise ValueError("not the head of a message")
        if size == 0:
            break
        message = Table.root(body[at + 8 : at + 8 + size])
        header, length, at = message.table(2), message.number("<q", 3), at + 8 + size
        if header is None or not 0 <= length <= end - at:
            raise ValueError("a message is not whole")
        yield message.number("<B", 1), header, body[at : at + length]
        at += length


def _schema(kind: int, schema: Table | None, widest: int) -> Sequence[_Field]:
    if kind != _SCHEMA or schema is None or schema.number("<h", 0):
        raise ValueError("no schema, or a big-endian one")
    count = schema.length(1)
    if count > widest:
        raise Invalid(f"the schema has {count} columns, the contract {widest}: leave the others out")
    tables = list(schema.tables(1))
    if any(table.length(5) or table.number("<B", 2) in _NESTED for table in tables):
        raise Invalid("the schema has a nested column: a row holds numbers, texts, true and false")
    fields = [_field(table) for table in tables]
    if len({field.name for field in fields}) < count:
        raise Invalid("the schema names a column twice")
    return fields


def _field(table: Table) -> _Field:
    own, encoding = _type(table.number("<B", 2), table.table(3)), table.table(4)
    if encoding is None:
        return _Field(table.text(0), own, None, own)
    index = encoding.table(1)
    return _Field(table.text(0), _type(_INT, index) if index else _Type("int32", 2), encoding.number("<q", 0), own)


def _type(kind: int, table: Table | None) -> _Type:
    if not 1 <= kind <= _LAST or table is None:
        raise ValueError("no such type")
    if kind == _INT:
        return _Type(("int" if table.number("<B", 1) else "uint") + _WIDTHS[table.number("<i", 0)], 2)
    if kind == _FLOAT:
        return _Type(_FLOATS[table.number("<H", 0)], 2)
    return _Type(_NAMED.get(kind, "other"), _BUFFERS.get(kind, 2), kind in _VIEWS)


def _dictionary(header: Table, values: _Type, data: memoryview) -> Chunk:
    batch = header.table(1)
    if batch is None or header.number("<B", 2):
        raise ValueError("a dictionary that adds to another")
    _, (entries,) = _batch([_Field("", values, None, values)], batch, data, {})
    return entries


def _batch(
    fields: Sequence[_Field], batch: Table, data: memoryview, dictionaries: Mapping[int, Chunk]
) -> tuple[int, Sequence[Chunk]]:
    """How many rows there are, and a chunk for each field."""
    if batch.table(3) is not None:
        raise ValueError("compressed")
    rows = batch.number("<q", 0)
    if rows < 0 or any(length != rows for length, _ in batch.structs(1, "<qq")) or batch.length(1) != len(fields):
        raise ValueError("columns of other lengths")
    places, more = batch.structs(2, "<qq"), batch.structs(4, "<q")
    chunks = []
    for field in fields:
        size = field.type.buffers + (next(more, (-1,))[0] if field.type.views else 0)
        buffers = [_part(data, *place) for place in islice(places, size)]
        if len(buffers) != size:
            raise ValueError("a buffer is missing")
        entries = None if field.entries is None else dictionaries[field.entries]
        chunks.append(Chunk(field.type.kind, rows, buffers, entries))
    return rows, chunks


def _part(data: memoryview, offset: int, length: int) -> memoryview:
    if not 0 <= offset <= offset + length <= len(data):
        raise ValueError("a buffer leads out of its message")
    return data[offset : offset + length]
