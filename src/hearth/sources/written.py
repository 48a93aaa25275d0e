"""Tables that come with types of their own, written down as the CSV that every check starts from."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv

from hearth.errors import SourceError


def from_arrow(batches: Iterable[pa.RecordBatch], schema: pa.Schema, path: Path, what: str) -> None:
    """Write batches of rows; what is missing becomes an empty field, numbers keep every digit.

    Raises:
        SourceError: a column of ``what`` holds lists, objects or bytes, which CSV cannot.
    """
    try:
        with pyarrow.csv.CSVWriter(path, schema) as writer:
            for batch in batches:
                writer.write(batch)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        nested = [repr(field.name) for field in schema if pa.types.is_nested(field.type) or pa.types.is_binary(field.type)]
        raise SourceError(
            f"{what} cannot be read as a table of numbers, texts and booleans ({error}): leave out or convert "
            f"{', '.join(nested) or 'the columns of other types'}"
        ) from error


def from_rows(names: Sequence[str], rows: Iterable[Sequence[object]], path: Path) -> int:
    """Write rows of Python values, ``None`` as an empty field; returns how many there were."""
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        for row in rows:
            writer.writerow(row)
            count += 1
    return count
