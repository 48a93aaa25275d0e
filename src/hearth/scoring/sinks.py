"""Scored rows as CSV, Parquet or JSON lines. A sink encodes in any thread and writes in one."""

import csv
import io
import json
from collections.abc import Sequence
from typing import BinaryIO, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from hearth.scoring.chunk import Record

_QUOTED = '[",\r\n]'  # what a field of CSV can hold only in quotes


class Sink(Protocol):
    """Appends to a stream that stays open."""

    def encode(self, rows: pa.Table | Sequence[Record], answers: pa.Table) -> pa.Buffer | pa.Table:
        """Rows with their answers beside them, ready to be written. Only ``JsonSink`` takes rows as JSON has them."""
        ...

    def write(self, encoded: pa.Buffer | pa.Table) -> None:
        """Append what ``encode`` gave."""
        ...

    def close(self) -> None:
        """End the file."""
        ...


class CsvSink:
    """CSV with a header; fields are quoted only where they must be, a missing value is an empty field."""

    def __init__(self, stream: BinaryIO, schema: pa.Schema) -> None:
        self._stream = stream
        header = io.StringIO()
        csv.writer(header, lineterminator="\n").writerow(schema.names)
        stream.write(header.getvalue().encode())

    def encode(self, rows: pa.Table | Sequence[Record], answers: pa.Table) -> pa.Buffer:
        """As ``Sink``."""
        columns = [_cells(column.combine_chunks()) for column in (*pa.table(rows).columns, *answers.columns)]
        fields = pc.binary_join_element_wise(*columns, ",", null_handling="replace", null_replacement="")
        return _joined(pc.binary_join_element_wise(fields, "", "\n"))

    def write(self, encoded: pa.Buffer | pa.Table) -> None:
        """As ``Sink``."""
        self._stream.write(encoded)

    def close(self) -> None:
        """As ``Sink``."""


class JsonSink:
    """JSON lines: a row as it came, or null where a table has no value, and its answers."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def encode(self, rows: pa.Table | Sequence[Record], answers: pa.Table) -> pa.Buffer:
        """As ``Sink``."""
        records = rows.to_pylist() if isinstance(rows, pa.Table) else rows
        pairs = zip(records, answers.to_pylist(), strict=True)
        lines = [json.dumps({**row, **answer}, ensure_ascii=False, default=str) + "\n" for row, answer in pairs]
        return pa.py_buffer("".join(lines).encode())

    def write(self, encoded: pa.Buffer | pa.Table) -> None:
        """As ``Sink``."""
        self._stream.write(encoded)

    def close(self) -> None:
        """As ``Sink``."""


class ParquetSink:
    """Parquet, a row group a chunk."""

    def __init__(self, stream: BinaryIO, schema: pa.Schema) -> None:
        textual = [field.name for field in schema if not pa.types.is_floating(field.type)]
        self._stream, self._tail, self._schema = stream, _Tail(), schema
        self._writer = pyarrow.parquet.ParquetWriter(pa.PythonFile(self._tail, mode="w"), schema, use_dictionary=textual)

    def encode(self, rows: pa.Table | Sequence[Record], answers: pa.Table) -> pa.Table:
        """As ``Sink``."""
        return pa.table([*pa.table(rows).columns, *answers.columns], schema=self._schema)

    def write(self, encoded: pa.Buffer | pa.Table) -> None:
        """As ``Sink``."""
        self._writer.write_table(encoded)
        self._stream.writelines(self._tail.taken())

    def close(self) -> None:
        """As ``Sink``."""
        self._writer.close()
        self._stream.writelines(self._tail.taken())


class _Tail(io.RawIOBase):
    """Holds what Arrow writes until it is taken, so that a broken pipe is met in Python and a pipe needs no position."""

    def __init__(self) -> None:
        self._written: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        """Arrow asks."""
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._written.append(bytes(data))
        self._position += len(data)
        return len(data)

    def tell(self) -> int:
        return self._position

    def taken(self) -> list[bytes]:
        """What was written since the last time."""
        written, self._written = self._written, []
        return written


def _cells(column: pa.Array) -> pa.Array:
    """The fields of a column of CSV, null where a value is missing."""
    plain = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
    cells = plain.cast(pa.string())
    if plain.type != cells.type or not pc.any(pc.match_substring_regex(cells, _QUOTED), min_count=0).as_py():
        return cells
    doubled = pc.replace_substring(cells, '"', '""')
    quoted = pc.binary_join_element_wise('"', doubled, '"', "")
    return pc.if_else(pc.match_substring_regex(cells, _QUOTED), quoted, cells)


def _joined(lines: pa.Array) -> pa.Buffer:
    """The texts one after another."""
    return lines.buffers()[2] if len(lines) else pa.py_buffer(b"")
