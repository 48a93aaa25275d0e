"""Rows of named values against the contract: every fault of every row, or a coded matrix."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hearth.bundle.transform import Matrix
from hearth.errors import DataError
from hearth.schema import MOST, Contract, Feature

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one field of one row; ``row`` counts from 0. The message never echoes the value."""

    row: int
    field: str
    message: str


class RowError(DataError):
    """Some rows do not keep the contract; ``found`` has each fault."""

    def __init__(self, found: Sequence[Fault]) -> None:
        self.found = tuple(found)
        super().__init__("rows do not keep the contract", [f"row {f.row}, {f.field}: {f.message}" for f in found])


def code_rows(contract: Contract, rows: Sequence[Row]) -> Matrix:
    """Code rows in any order of columns as the matrix (n, len(contract.names)); null or left out is NaN.

    Raises:
        RowError: with every fault: a required feature is missing, a field is unknown, a value is of another type, not finite,
            out of range, or not among a category's values.
    """
    found = [fault for index, row in enumerate(rows) for fault in row_faults(contract, index, row)]
    if found:
        raise RowError(found)
    coded = [[feature.code(row.get(feature.name)) for feature in contract.used] for row in rows]
    return np.array(coded, dtype=np.float64).reshape(len(rows), len(contract.names))


def code_columns(contract: Contract, columns: Mapping[str, Sequence[object]], rows: int) -> Matrix:
    """Code columns that have passed the contract's check, ``rows`` values each; one that is not there is NaN."""
    x = np.full((rows, len(contract.names)), np.nan)
    for at, feature in enumerate(contract.used):
        values = columns.get(feature.name)
        if values is not None:
            x[:, at] = [feature.code(value) for value in values]
    return x


def row_faults(contract: Contract, index: int, row: Row) -> Iterator[Fault]:
    """Every fault of one row, in the contract's order, unknown fields last."""
    for feature in contract.features:
        message = value_fault(feature, row.get(feature.name))
        if message:
            yield Fault(index, feature.name, message)
    known = {feature.name for feature in contract.features}
    for name in row:
        if name not in known:
            yield Fault(index, name, "unknown field, remove it")


def value_fault(feature: Feature, value: object) -> str:
    """What is wrong with a value, or an empty string; says what is allowed. A numpy scalar is the value that it holds."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None:
        return "required, but missing" if feature.required else ""
    if feature.type == "category":
        known = isinstance(value, str) and value in feature.values
        return "" if known else f"must be one of {', '.join(feature.values)}"
    if feature.type == "boolean":
        return "" if isinstance(value, bool) else "must be true or false"
    return _number_fault(feature, value)


def _number_fault(feature: Feature, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"must be {'an integer' if feature.type == 'integer' else 'a number'}"
    if isinstance(value, float) and not math.isfinite(value):
        return "must be finite"
    if abs(value) > MOST:  # also of an int that no float can hold
        return f"must be at most {MOST:g} in size"
    return _range_fault(feature, float(value))


def _range_fault(feature: Feature, value: float) -> str:
    """The range is that of the float which the model sees: of an integer beyond 2^53, the nearest."""
    if feature.type == "integer" and not value.is_integer():
        return "must be an integer"
    if feature.min is not None and value < feature.min:
        return f"must be at least {feature.min:g}"
    if feature.max is not None and value > feature.max:
        return f"must be at most {feature.max:g}"
    return ""
