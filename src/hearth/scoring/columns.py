"""Whole columns against the contract: the floats that a model sees, and which rows are at fault.

The verdict on every value is that of ``hearth.bundle.rows.value_fault``, which also says why; here it is reached for all
values at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from hearth.bundle.rows import value_fault
from hearth.schema import MOST, Feature
from hearth.sources.cells import FALSE, MISSING, TRUE

Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]

_NUMBER = r"^[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|(?i:inf|infinity))$"
_NUMERIC = frozenset({int, float, type(None)})


@dataclass(frozen=True, slots=True)
class Judged:
    """A column: ``values`` (n,) with NaN where missing, ``bad`` (n,), and ``why`` a row is bad."""

    values: Vector
    bad: Mask
    why: Callable[[int], str]


def of_arrow(feature: Feature, column: pa.Array) -> Judged:
    """Judge a column whose type ``accepts`` the feature."""
    values = _floats(_coded(feature, column))
    bad = _bad(feature, values, _mask(pc.is_null(column)))
    return Judged(values, bad, lambda row: value_fault(feature, column[row].as_py()))


def accepts(feature: Feature, kind: pa.DataType) -> bool:
    """Whether a column of this type can hold the feature at all."""
    if pa.types.is_null(kind):
        return True
    if feature.type == "category":
        return _textual(kind.value_type if pa.types.is_dictionary(kind) else kind)
    if feature.type == "boolean":
        return bool(pa.types.is_boolean(kind))
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def of_text(feature: Feature, column: pa.Array) -> Judged:
    """Judge a column of text, null where empty. ``MISSING`` of ``hearth.sources.cells`` stand for a missing value."""
    markers = pa.array(sorted(MISSING.difference(feature.values)), pa.string())
    text = pc.if_else(pc.is_in(column, markers), None, column)
    missing = _mask(pc.is_null(text))
    values = _floats(_parsed(feature, text))
    return Judged(values, _bad(feature, values, missing), lambda row: value_fault(feature, _read(feature, text[row].as_py())))


def of_objects(feature: Feature, column: Sequence[object]) -> Judged:
    """Judge a column of values as JSON has them."""
    if feature.numeric and _NUMERIC.issuperset(map(type, column)):
        return _of_numbers(feature, column)
    bad = np.array([bool(value_fault(feature, value)) for value in column], dtype=np.bool_)
    coded = [float("nan") if wrong else feature.code(value) for value, wrong in zip(column, bad.tolist(), strict=True)]
    return Judged(np.array(coded, dtype=np.float64), bad, lambda row: value_fault(feature, column[row]))


def _of_numbers(feature: Feature, column: Sequence[object]) -> Judged:
    try:
        values = np.array(column, dtype=np.float64)  # None becomes NaN
    except OverflowError:
        values = np.array([_clipped(value) for value in column], dtype=np.float64)
    missing = np.isnan(values)
    if missing.any():
        missing = np.array([value is None for value in column], dtype=np.bool_)
    return Judged(values, _bad(feature, values, missing), lambda row: value_fault(feature, column[row]))


def _clipped(value: object) -> float:
    try:
        return float("nan") if value is None else float(value)  # type: ignore[arg-type]
    except OverflowError:
        return float("inf")


def _bad(feature: Feature, values: Vector, missing: Mask) -> Mask:
    good = ~np.isnan(values)
    if feature.numeric:
        good = (values >= _least(feature)) & (values <= _most(feature))
    if feature.type == "integer":
        good &= values == np.floor(values)
    bad: Mask = ~good & ~missing
    return bad | missing if feature.required else bad


def _least(feature: Feature) -> float:
    return -MOST if feature.min is None else max(feature.min, -MOST)


def _most(feature: Feature) -> float:
    return MOST if feature.max is None else min(feature.max, MOST)


def _coded(feature: Feature, column: pa.Array) -> pa.Array:
    """Floats, null where missing or unknown."""
    if feature.type == "category":
        kind = column.type
        plain = column.dictionary_decode() if pa.types.is_dictionary(kind) else column
        if feature.open:
            return pc.if_else(pc.is_valid(plain), 0.0, None)
        return pc.index_in(plain.cast(pa.string()), value_set=pa.array(feature.values, pa.string()))
    return column.cast(pa.uint8()) if feature.type == "boolean" else column


def _parsed(feature: Feature, text: pa.Array) -> pa.Array:
    if feature.type == "category":
        return _coded(feature, text)
    return _truths(text) if feature.type == "boolean" else _numbers(text)


def _truths(text: pa.Array) -> pa.Array:
    lower = pc.utf8_lower(text)
    legal = pc.is_in(lower, pa.array([*TRUE, *FALSE]))
    return pc.if_else(legal, pc.is_in(lower, pa.array(TRUE)), None).cast(pa.uint8())


def _numbers(text: pa.Array) -> pa.Array:
    try:
        return text.cast(pa.float64())
    except pa.ArrowInvalid:
        trimmed = pc.utf8_trim_whitespace(text)
        legal = pc.match_substring_regex(trimmed, _NUMBER)
        return pc.if_else(legal, trimmed, None).cast(pa.float64())


def _read(feature: Feature, text: str | None) -> object:
    """One cell of text as the value that it stands for; text that stands for none stays text."""
    if text is None or feature.type == "category":
        return text
    value = _floats(_parsed(feature, pa.array([text])))[0]
    if feature.type == "boolean":
        return text if np.isnan(value) else bool(value)
    return text if np.isnan(value) else float(value)


def _floats(column: pa.Array) -> Vector:
    floats: Vector = pc.fill_null(column.cast(pa.float64(), safe=False), float("nan")).to_numpy(zero_copy_only=False)
    return floats


def _mask(column: pa.Array) -> Mask:
    mask: Mask = column.to_numpy(zero_copy_only=False)
    return mask


def _textual(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))
