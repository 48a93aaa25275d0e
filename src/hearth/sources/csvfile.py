"""CSV files as tables of text, nothing interpreted yet: UTF-8, commas, a header, fields quoted by RFC 4180."""

import csv
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.csv

from hearth.errors import DataError

if TYPE_CHECKING:
    from _csv import Reader

LONGEST_ROW = 4 << 20  # bytes; some longer ones are still read, one over two such blocks is refused


@dataclass(frozen=True, slots=True)
class Text:
    """The rows of a file as strings, under the header's own names, a name that stands twice included.

    ``ragged`` counts the rows with more or fewer fields than the header, which ``table`` leaves out.
    """

    table: pa.Table
    ragged: int


def read(path: Path) -> Text:
    """Read every field as text. A byte order mark and any line ending are accepted, empty lines are skipped.

    Raises:
        DataError: the file is empty, not UTF-8, holds NUL bytes, or a row far longer than ``LONGEST_ROW``.
    """
    _require_text(path)
    names, skipped, filled = _header(path)
    ragged: list[int] = []
    if not filled:
        return Text(pa.table([pa.array([], pa.string())] * len(names), names=names), 0)
    table = _rows(path, [str(position) for position in range(len(names))], skipped, ragged)
    return Text(table.rename_columns(names), len(ragged))


def line_numbers(path: Path, width: int, rows: Collection[int]) -> dict[int, int]:
    """The line of the file on which each of ``rows`` starts; rows count from 0 and have ``width`` fields."""
    whole = (line for line, fields in _records(path) if len(fields) == width)
    numbered = zip(range(-1, max(rows, default=-1) + 1), whole, strict=False)  # the header, of that width too, is -1
    wanted = set(rows)
    return {row: line for row, line in numbered if row in wanted}


def ragged_lines(path: Path, width: int) -> Iterator[int]:
    """The lines on which rows start that do not have ``width`` fields."""
    return (line for line, fields in _records(path) if len(fields) != width)


def _require_text(path: Path) -> None:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                raise DataError(f"line {number} of the file is not UTF-8: save it as CSV in UTF-8") from error
            if b"\0" in line:
                raise DataError(f"line {number} of the file holds a NUL byte: it is damaged, or no CSV file")


def _header(path: Path) -> tuple[list[str], int, bool]:
    """The names, the rows up to them with empty ones counted, and whether any row follows."""
    with _fields(path) as reader:
        for rows, names in enumerate(reader, 1):
            if names:
                return names, rows, any(reader)
    raise DataError("the file is empty: it needs a header and rows")


def _rows(path: Path, keys: list[str], skipped: int, ragged: list[int]) -> pa.Table:
    def leave_out(row: pyarrow.csv.InvalidRow) -> str:  # pragma: no cover - Arrow's threads are not traced
        ragged.append(row.actual_columns)
        return "skip"

    try:
        return pyarrow.csv.read_csv(
            path,
            pyarrow.csv.ReadOptions(column_names=keys, skip_rows_after_names=skipped, block_size=LONGEST_ROW),
            pyarrow.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=leave_out),
            pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(keys, pa.string())),
        )
    except pa.ArrowInvalid as error:
        line, _ = max(_records(path), key=lambda record: sum(map(len, record[1])))
        limit = f"{LONGEST_ROW >> 20} MiB"
        raise DataError(f"the row from line {line} on is longer than {limit}: look for a quote that is not closed") from error


def _records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The line that each row starts on and its fields, header included, empty lines not."""
    with _fields(path) as reader:
        before = 0
        for fields in reader:
            if fields:
                yield before + 1, fields
            before = reader.line_num


@contextmanager
def _fields(path: Path) -> Iterator["Reader"]:
    limit = csv.field_size_limit(sys.maxsize)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield csv.reader(file)
    finally:
        csv.field_size_limit(limit)
