"""CSV, Parquet and JSON lines as chunks of judged rows. A reader reads pieces in one thread, and parses them in any."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import BinaryIO, Protocol

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from hearth.errors import DataError
from hearth.schema import Contract, Feature
from hearth.scoring import columns
from hearth.scoring.chunk import Chunk, Format, Located, Record, as_feature, assembled, missing_column
from hearth.scoring.columns import Judged
from hearth.scoring.lines import Lines, Piece, records, text
from hearth.separators import ADVICE, other_than_commas

SHOWN_NAMES = 10


class Reader(Protocol):
    """``names`` are the columns of its rows, ``schema`` their types, where the format has any. ``total`` is in ``unit``."""

    kind: Format
    names: Sequence[str]
    schema: pa.Schema | None
    unit: str
    total: int | None

    def chunks(self, count: int) -> Iterator[Callable[[], Chunk]]:
        """Pieces of about ``count`` rows, each yet to be parsed: that can be done in another thread."""
        ...


def check_header(contract: Contract, names: Sequence[str]) -> None:
    """Refuse a header that does not fit the contract.

    Raises:
        DataError: a required column is missing, one is unknown or stands twice, or they are not separated by commas.
    """
    known = {feature.name for feature in contract.features} | {contract.target.name}
    if word := other_than_commas(names, known):
        raise DataError(f"the columns are separated by {word}: {ADVICE}")
    missing = [f.name for f in contract.features if f.required and f.name not in names]
    unknown = [name for name in dict.fromkeys(names) if name not in known]
    twice = [name for name in dict.fromkeys(names) if list(names).count(name) > 1]
    faults = [
        *(f"{name}: the column is required, but missing" for name in missing),
        *(f"{_short(name)}: unknown column, take it out" for name in unknown[:SHOWN_NAMES]),
        *(f"{_short(name)}: the header holds this column twice" for name in twice),
    ]
    if faults:
        raise DataError("the columns are not those of the bundle's contract", faults)


def open_reader(stream: BinaryIO, kind: Format, contract: Contract, size: int | None) -> Reader:
    """The reader of a format. ``size`` of the stream in bytes, where it is known, is for the progress bar.

    Raises:
        DataError: the columns do not fit the contract, or the stream is of another format.
    """
    if kind == "parquet":
        return ParquetReader(contract, stream)
    return CsvReader(contract, stream, size) if kind == "csv" else JsonReader(contract, stream, size)


class CsvReader:
    """CSV in UTF-8 with a header, fields quoted by RFC 4180."""

    kind: Format = "csv"
    schema: pa.Schema | None = None
    unit: str = "B"

    def __init__(self, contract: Contract, stream: BinaryIO, size: int | None) -> None:
        self._contract, self._lines = contract, Lines(stream, quoted=True)
        self.total = size
        self.names: Sequence[str] = self._header()
        check_header(contract, self.names)

    def chunks(self, count: int) -> Iterator[Callable[[], Chunk]]:
        """As ``Reader``."""
        return (partial(self._parse, piece) for piece in self._lines.pieces(count))

    def _header(self) -> Sequence[str]:
        for piece in self._lines.pieces(1):
            for _, fields in records(piece):
                return fields
        raise DataError("the input is empty: it needs a header and rows")

    def _parse(self, piece: Piece) -> Chunk:
        table, ragged = self._table(piece)
        judged = _each(self._contract, table, columns.of_text)
        lost = self._ragged(piece) if ragged else []
        return assembled(table, judged, lost, partial(self._whole, piece), len(piece.data))

    def _table(self, piece: Piece) -> tuple[pa.Table, bool]:
        """Rows that have as many fields as the header, and whether there are others."""
        ragged: list[str] = []

        def leave_out(row: pyarrow.csv.InvalidRow) -> str:
            ragged.append(row.text)
            return "skip"

        try:
            table = pyarrow.csv.read_csv(
                pa.BufferReader(piece.data),
                pyarrow.csv.ReadOptions(column_names=list(self.names), block_size=len(piece.data) + 1, use_threads=False),
                pyarrow.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=leave_out),
                pyarrow.csv.ConvertOptions(
                    column_types=dict.fromkeys(self.names, pa.string()), null_values=[""], strings_can_be_null=True
                ),
            )
        except pa.ArrowInvalid as error:
            text(piece)
            raise DataError(f"the lines from {piece.first} on cannot be read as CSV: {error}") from error
        return table.combine_chunks(), bool(ragged)

    def _ragged(self, piece: Piece) -> list[Located]:
        width = len(self.names)
        wrong = ((line, len(fields)) for line, fields in records(piece) if len(fields) != width)
        return [Located(line, -1, "the row", f"must have {width} fields, has {found}") for line, found in wrong]

    def _whole(self, piece: Piece) -> Sequence[int]:
        return [line for line, fields in records(piece) if len(fields) == len(self.names)]


class ParquetReader:
    """Parquet; faults are located by row, from 1."""

    kind: Format = "parquet"
    unit: str = "row"

    def __init__(self, contract: Contract, stream: BinaryIO) -> None:
        self._contract, self._file = contract, _parquet(stream)
        self.total: int | None = self._file.metadata.num_rows
        self.schema: pa.Schema | None = self._file.schema_arrow
        self.names: Sequence[str] = self._file.schema_arrow.names
        check_header(contract, self.names)
        self._check_types(self._file.schema_arrow)

    def chunks(self, count: int) -> Iterator[Callable[[], Chunk]]:
        """As ``Reader``."""
        first = 1
        batches = self._file.iter_batches(batch_size=count)
        while (batch := _next(batches)) is not None:
            yield partial(self._parse, batch, first)
            first += batch.num_rows

    def _parse(self, batch: pa.RecordBatch, first: int) -> Chunk:
        table = pa.Table.from_batches([batch])
        judged = _each(self._contract, table, columns.of_arrow)
        return assembled(table, judged, [], lambda: range(first, first + len(table)), len(table))

    def _check_types(self, schema: pa.Schema) -> None:
        wrong = [
            f"{feature.name}: a column of type {schema.field(feature.name).type} cannot hold a {feature.type}"
            for feature in _present(self._contract, self.names)
            if not columns.accepts(feature, schema.field(feature.name).type)
        ]
        if wrong:
            raise DataError("columns are not of the types of the bundle's contract", wrong)


class JsonReader:
    """JSON lines: one object a line, its fields in any order."""

    kind: Format = "jsonl"
    schema: pa.Schema | None = None
    unit: str = "B"

    def __init__(self, contract: Contract, stream: BinaryIO, size: int | None) -> None:
        self._contract, self._lines = contract, Lines(stream, quoted=False)
        self._known = frozenset({*(feature.name for feature in contract.features), contract.target.name})
        self.total = size
        self.names: Sequence[str] = [*(feature.name for feature in contract.features), contract.target.name]

    def chunks(self, count: int) -> Iterator[Callable[[], Chunk]]:
        """As ``Reader``."""
        return (partial(self._parse, piece) for piece in self._lines.pieces(count))

    def _parse(self, piece: Piece) -> Chunk:
        rows, lines, lost = self._rows(piece)
        judged = {
            feature.name: columns.of_objects(feature, [row.get(feature.name) for row in rows])
            for feature in _expected(self._contract)
        }
        return assembled(rows, judged, lost, lambda: lines, len(piece.data))

    def _rows(self, piece: Piece) -> tuple[list[Record], list[int], list[Located]]:
        rows, lines, lost = [], [], []
        for line, raw in enumerate(text(piece).split("\n"), piece.first):
            if not raw.strip():
                continue
            row = _object(raw)
            wrong = [Located(line, -1, "the row", row)] if isinstance(row, str) else self._unknown(row, line)
            if wrong or isinstance(row, str):
                lost.extend(wrong)
            else:
                rows.append(row)
                lines.append(line)
        return rows, lines, lost

    def _unknown(self, row: Record, line: int) -> list[Located]:
        if row.keys() <= self._known:
            return []
        names = [name for name in row if name not in self._known]
        return [Located(line, -1, _short(name), "unknown field, remove it") for name in names[:SHOWN_NAMES]]


def _object(raw: str) -> Record | str:
    """A line as an object, or what is wrong with it."""
    try:
        row = json.loads(raw, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return "must be a JSON object"
    return row if isinstance(row, dict) else "must be a JSON object"


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")


def _parquet(stream: BinaryIO) -> pyarrow.parquet.ParquetFile:
    try:
        return pyarrow.parquet.ParquetFile(stream, pre_buffer=False)  # which would keep what was read until the end
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"the input cannot be read as Parquet: {error}") from error


def _next(batches: Iterator[pa.RecordBatch]) -> pa.RecordBatch | None:
    try:
        return next(batches, None)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"the input is damaged: {error}") from error


def _expected(contract: Contract) -> list[Feature]:
    """The columns that are judged: the features, and the target of a regression."""
    target = contract.target
    return [*contract.features, *([as_feature(target)] if target.task == "regression" else [])]


def _present(contract: Contract, names: Sequence[str]) -> list[Feature]:
    return [feature for feature in _expected(contract) if feature.name in names]


def _each(contract: Contract, table: pa.Table, judge: Callable[[Feature, pa.Array], Judged]) -> Mapping[str, Judged]:
    """Judge every column; a feature that has none is missing in every row."""
    judged = {feature.name: missing_column(feature, table.num_rows) for feature in contract.features}
    for feature in _present(contract, table.column_names):
        judged[feature.name] = judge(feature, _array(table.column(feature.name)))
    return judged


def _array(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _short(name: str) -> str:
    """A name out of a file: printable characters alone, and at most 40."""
    return name if name.isidentifier() and len(name) <= 40 else repr(name[:40])
