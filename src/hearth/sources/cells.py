"""From text to the types of the contract: whole columns at a time, by Arrow."""

from collections.abc import Collection
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from hearth.schema import MOST, Contract, Feature, FeatureType, Target
from hearth.sources.faults import Fault, marked

MISSING = frozenset({"", "NA", "NaN", "nan", "null"})
TRUE, FALSE = ("true", "yes", "1", "1.0"), ("false", "no", "0", "0.0")
NO_NUMBER = "not a number"
EXACT = 2.0**53  # whole numbers below it are exact as floats, which is how models see them

_NUMBER = r"^[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|(?i:inf|infinity))$"


@dataclass(frozen=True, slots=True)
class Column:
    """Typed values, null where missing or at fault, and the faults."""

    values: pa.ChunkedArray
    faults: list[Fault] = field(default_factory=list)


def parse(text: pa.Table, contract: Contract) -> tuple[pa.Table, list[Fault]]:
    """Type the contract's columns, in its order and the target last; a missing one is left out, another is ignored.

    Of a name that stands twice in ``text`` the first is read. Missing values become null; a missing target is a fault.
    """
    wanted: tuple[Feature | Target, ...] = (*contract.features, contract.target)
    names = text.column_names
    columns = {part.name: _column(text[names.index(part.name)], part) for part in wanted if part.name in names}
    table = pa.table({name: column.values for name, column in columns.items()})
    return table, [fault for column in columns.values() for fault in column.faults]


def _column(text: pa.ChunkedArray, part: Feature | Target) -> Column:
    if isinstance(part, Feature):
        return typed(part.name, known(text, part.values), part.type)
    present = known(text, part.classes)
    column = typed(part.name, present, "number" if part.task == "regression" else "category")
    return Column(column.values, [*marked(part.name, "no value of the target", pc.is_null(present)), *column.faults])


def known(text: pa.ChunkedArray, values: Collection[str]) -> pa.ChunkedArray:
    """The same text, null where it stands for a missing value; ``values`` of the contract stand for themselves."""
    tokens = pa.array(sorted(MISSING.difference(values)), pa.string())
    return pc.if_else(pc.is_in(text, tokens), None, text)


def typed(name: str, text: pa.ChunkedArray, kind: FeatureType) -> Column:
    """Text as values of ``kind``: float64, int64, string or bool."""
    if kind == "category":
        return Column(text)
    if kind == "boolean":
        return _booleans(name, text)
    numbers = _numbers(name, text)
    return numbers if kind == "number" else _integers(name, text, numbers)


def _booleans(name: str, text: pa.ChunkedArray) -> Column:
    lower = pc.utf8_lower(text)
    legal = pc.is_in(lower, pa.array([*TRUE, *FALSE]))
    values = pc.if_else(legal, pc.is_in(lower, pa.array(TRUE)), None)
    bad = pc.and_(pc.is_valid(text), pc.invert(legal))
    return Column(values, marked(name, "neither true nor false", bad, text))


def _numbers(name: str, text: pa.ChunkedArray) -> Column:
    values, bad = _floats(text)
    infinite, beyond = pc.is_inf(values), pc.greater(pc.abs(values), MOST)
    large = pc.and_(beyond, pc.invert(infinite))
    faults = [
        *marked(name, NO_NUMBER, bad, text),
        *marked(name, "infinite", infinite, text),
        *marked(name, f"beyond {MOST:.3g} in size, where models see infinity", large, text),
    ]
    return Column(pc.if_else(beyond, None, values), faults)


def _floats(text: pa.ChunkedArray) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """The floats nearest to the text, null where it is none, and where that is so."""
    try:
        values = pc.cast(text, pa.float64())
    except pa.ArrowInvalid:
        values = None
    if values is not None and not pc.any(pc.is_nan(values), min_count=0).as_py():
        return values, pc.is_nan(values)
    trimmed = pc.utf8_trim_whitespace(text)
    legal = pc.match_substring_regex(trimmed, _NUMBER)
    return pc.cast(pc.if_else(legal, trimmed, None), pa.float64()), pc.invert(legal)


def _integers(name: str, text: pa.ChunkedArray, numbers: Column) -> Column:
    values = numbers.values
    whole = pc.and_(pc.equal(pc.floor(values), values), pc.less(pc.abs(values), EXACT))
    fault = marked(name, "not a whole number below 2^53", pc.invert(whole), text)
    return Column(pc.cast(pc.if_else(whole, values, None), pa.int64()), [*numbers.faults, *fault])
