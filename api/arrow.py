"""Arrow streams that are read: columns of buffers, checked against the contract."""

import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from api import stream
from api.cells import TEXTS, numbers, values
from api.errors import Invalid
from api.rows import Matrix, Reader, too_many
from api.stream import Chunk, Columns
from hearth.schema import MOST, Contract, Feature

MEDIA = "application/vnd.apache.arrow.stream"
_BAD = "the body is not an Arrow stream that can be read: write it with an IPC stream writer, uncompressed"


def read(reader: Reader, body: bytes, most: int) -> Matrix:
    """The coded rows of a stream, shape (n, len(contract.names)). Values are checked by columns; faults are found by rows.

    Raises:
        Invalid: it is no stream, or rows do not keep the contract: every fault, by row and field.
        TooLarge: there are more than ``most`` rows.
    """
    contract = reader.contract
    try:
        columns, count = stream.columns(body, len(contract.features), most)
        if count > most:
            raise too_many(most)
        x = _matrix(contract, columns, count) if count else None
        rows = () if x is not None else _rows(contract, columns)
    except (struct.error, ValueError, IndexError, KeyError) as error:
        raise Invalid(_BAD) from error
    return reader.rows(rows, most) if x is None else x


def _matrix(contract: Contract, columns: Columns, count: int) -> Matrix | None:
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


def _coded(feature: Feature, chunks: Sequence[Chunk]) -> NDArray[np.float64] | None:
    """A column as coded floats, NaN where it is null; ``None`` where a value does not keep the contract."""
    if feature.open:
        return _texts(chunks)
    if not feature.numeric:
        return _looked_up(feature, chunks)
    parts = [part for part in map(numbers, chunks) if part]
    if len(parts) < len(chunks):
        return None
    values, missing = (np.concatenate(part) for part in zip(*parts, strict=True))
    low, high = -MOST if feature.min is None else feature.min, MOST if feature.max is None else feature.max
    good = (values >= low) & (values <= high)
    if feature.type == "integer":
        good &= values == np.floor(values)
    return np.where(missing, np.nan, values) if np.all(good | missing) else None


def _looked_up(feature: Feature, chunks: Sequence[Chunk]) -> NDArray[np.float64] | None:
    codes = {value: feature.code(value) for value in feature.values or (False, True)}
    kind = str if feature.values else bool
    found = [value for chunk in chunks for value in values(chunk, _longest(feature))]
    if not all(value is None or (isinstance(value, kind) and value in codes) for value in found):
        return None
    return np.array([np.nan if value is None else codes[value] for value in found], dtype=np.float64)  # type: ignore[index]


def _texts(chunks: Sequence[Chunk]) -> NDArray[np.float64] | None:
    """Zeros for texts that nobody will read, so that none is copied; ``None`` where there is other than text."""
    if not all((chunk.entries or chunk).kind in TEXTS for chunk in chunks):
        return None
    return np.array([np.nan if value is None else 0.0 for chunk in chunks for value in values(chunk, 0)])


def _rows(contract: Contract, columns: Columns) -> list[dict[str, object]]:
    features = {feature.name: feature for feature in contract.features}
    cells = [_cells(features.get(name), chunks) for name, chunks in columns.items()]
    return [dict(zip(columns, row, strict=True)) for row in zip(*cells, strict=True)]


def _cells(feature: Feature | None, chunks: Sequence[Chunk]) -> list[object]:
    if feature is not None and feature.open and (codes := _texts(chunks)) is not None:
        return [None if np.isnan(code) else "" for code in codes]
    longest = 0 if feature is None else _longest(feature)
    return [value for chunk in chunks for value in values(chunk, longest)]


def _longest(feature: Feature) -> int:
    """Bytes of the longest text that a feature takes."""
    return max((len(value.encode()) for value in feature.values), default=0)
