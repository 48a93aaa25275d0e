"""A whole table in memory, coded: what is compared at once, and not scored a chunk at a time."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hearth.bundle.transform import Matrix
from hearth.errors import DataError
from hearth.schema import Contract, Target
from hearth.scoring.chunk import SHOWN, Chunk, Format
from hearth.scoring.files import format_of, reading
from hearth.scoring.readers import Reader, open_reader

Vector = NDArray[np.float64]
ROWS = 100_000  # of a chunk


def read(path: Path, contract: Contract, given: Format | None) -> tuple[Matrix, Vector | None]:
    """The coded rows of a CSV, Parquet or JSON lines table, and the target's values where every row has one.

    Raises:
        DataError: rows do not keep the contract; the first are named.
        HearthError: the file cannot be opened, or is of no known format.
    """
    kind = format_of(path, given)
    with reading(path, kind) as (stream, size):
        reader = open_reader(stream, kind, contract, size)
        chunks = [parse() for parse in reader.chunks(ROWS)]
    _require_sound(path, reader, chunks)
    empty = np.empty((0, len(contract.names)))
    truths = np.concatenate([np.empty(0), *(_truths(chunk, contract.target) for chunk in chunks)])
    return np.vstack([empty, *(chunk.matrix(contract) for chunk in chunks)]), None if np.isnan(truths).any() else truths


def _require_sound(path: Path, reader: Reader, chunks: list[Chunk]) -> None:
    found = sum(chunk.found for chunk in chunks)
    if not found:
        return
    unit = "row" if reader.kind == "parquet" else "line"
    faults = [f"{unit} {fault.line}, {fault.field}: {fault.message}" for chunk in chunks for fault in chunk.faults][:SHOWN]
    faulty, rows = sum(chunk.faulty for chunk in chunks), sum(chunk.rows for chunk in chunks)
    more = [f"and {found - len(faults)} more"] if found > len(faults) else []
    raise DataError(
        f"{path}: {faulty} of {rows} rows do not keep the contract, and no service would take them", [*faults, *more]
    )


def _truths(chunk: Chunk, target: Target) -> Vector:
    """The target of each row, a class as its code; NaN where there is none."""
    if not target.classes:
        column = chunk.judged.get(target.name)
        return np.full(chunk.rows, np.nan) if column is None else column.values
    codes: Mapping[object, float] = {name: float(code) for code, name in enumerate(target.classes)}
    return np.array([codes.get(label, np.nan) for label in _labels(chunk, target.name)], dtype=np.float64)


def _labels(chunk: Chunk, name: str) -> list[object]:
    if isinstance(chunk.origin, pa.Table):
        if name not in chunk.origin.column_names:
            return [None] * chunk.rows
        found: list[object] = chunk.origin.column(name).to_pylist()
        return found
    return [row.get(name) for row in chunk.origin]
