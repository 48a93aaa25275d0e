"""What a column may hold, guessed from what it holds; every guess says why."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from hearth.errors import DataError
from hearth.schema import MOST, Feature, FeatureType
from hearth.sources import cells
from hearth.sources.faults import shown

MOST_VALUES = 100  # of a category; more are an identifier or free text
OFTEN = 0.5  # share of the rows above which different texts stand for nothing that comes again
TINY = 1e-300  # below which numbers lose their digits
LONG = 60  # characters of a mean text that a person wrote
NUMERIC = 0.9  # share of the values from which a column of numbers has some that are none
TOKENS = 3  # different texts up to which they stand among numbers for one that is not known
FEW = 20  # different values up to which numbers among texts may be codes

_DATE = r"^\d{4}-\d{1,2}-\d{1,2}([T ].*)?$|^\d{1,2}[/.]\d{1,2}[/.]\d{2,4}( .*)?$"
_DECIMAL_COMMA = r"^[+-]?\d+(\.\d{3})*,\d+$"
_GROUPED = r"^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$"
_CURRENCY = r"(?:[$€£¥]|EUR|USD|GBP|CHF)"
_AMOUNT = r"[+-]?(?:\d+|\d{1,3}(?:[.,'\x{2019}\x{a0}\x{202f}]\d{3})+)(?:[.,]\d+)?"
_MARKED = rf"^(?:[+-]?{_CURRENCY}\s*)?{_AMOUNT}\s*(?:%|{_CURRENCY})?$|^\({_AMOUNT}\)$"
_IDENTIFIER = re.compile(r"(^|[^a-zA-Z])(?i:id|idx|index|key|nr|number|uuid|guid)$|[a-z](Id|ID)$|^(?i:unnamed)")


@dataclass(frozen=True, slots=True)
class Guess:
    """A feature and why it is taken for that; the reason stands in ``params.yaml`` as a comment does."""

    feature: Feature
    why: str


def column(name: str, text: pa.ChunkedArray) -> Guess:
    """The feature that a column of text is.

    Raises:
        DataError: it is neither numbers nor text that could be used; the message says what to change in the file.
    """
    known = cells.known(text, ())
    present = known.drop_null()
    if len(present) == 0:
        return _ignored(name, "no row has a value")
    required = len(present) == len(text)
    if required and len(pc.unique(present)) == 1:
        kind: FeatureType = "category" if cells.typed(name, present, "number").faults else "number"
        return _ignored(name, f"every row has the same value, {shown(present[0].as_py())}", kind)
    guess = _numeric(name, present) or _truth(name, present) or _text(name, present)
    return Guess(replace(guess.feature, required=required), guess.why) if guess.feature.use else guess


def _ignored(name: str, reason: str, kind: FeatureType = "category") -> Guess:
    return Guess(Feature(name=name, type=kind, required=False, use=False, reason=reason), f"left out: {reason}")


def amounts(name: str, present: pa.ChunkedArray, *, target: bool = False) -> cells.Column:
    """Texts as numbers, null where one is none: then they are too few different ones, or too many that are none, for amounts.

    Raises:
        DataError: they are numbers, but for how they are written or for some of them; the message says what to change.
    """
    if pc.all(pc.match_substring_regex(present, _DECIMAL_COMMA)).as_py():
        raise DataError(f"{name}: {_commas(present)}")
    read = cells.typed(name, present, "number")
    away, unknown = ("these rows", "take their rows out") if target else ("the column", "leave them empty")
    for fault in read.faults:
        if fault.text != cells.NO_NUMBER:
            raise DataError(f"{name}: {fault.text} in {fault.count} rows: use another unit, or take {away} out")
    if not read.faults or len(pc.unique(present)) <= FEW:
        return read
    (fault,) = read.faults
    if pc.all(pc.match_substring_regex(present, _MARKED)).as_py():
        raise DataError(f"{name}: {fault.count} numbers with signs or commas, such as {fault.sample}: write plain numbers")
    others = pc.unique(present.filter(pc.is_null(read.values)))
    if fault.count <= (1 - NUMERIC) * len(present) or (len(others) <= TOKENS and len(pc.unique(read.values)) > FEW):
        numbers = len(present) - fault.count
        raise DataError(
            f"{name}: {numbers} numbers, and {fault.count} values that are none, such as {fault.sample}: mend "
            f"them, or {unknown} where the number is not known"
        )
    return read


def _commas(present: pa.ChunkedArray) -> str:
    sample = shown(present[0].as_py())
    if pc.all(pc.match_substring_regex(present, _GROUPED)).as_py():
        return f"commas in numbers, such as {sample}: write decimal points, and nothing between thousands"
    return f"decimal commas, such as {sample}: write decimal points"


def _numeric(name: str, present: pa.ChunkedArray) -> Guess | None:
    read = amounts(name, present)
    return None if read.faults else _number(name, read.values)


def _number(name: str, values: pa.ChunkedArray) -> Guess:
    low, high = pc.min_max(values).as_py().values()
    whole = pc.all(pc.equal(pc.floor(values), values)).as_py() and max(abs(low), abs(high)) < cells.EXACT
    if whole and _counts_rows(name, values, low, high):
        return _ignored(name, "an identifier: every row has its own number", "integer")
    if (low, high) == (0, 1) and whole:
        return Guess(Feature(name=name, type="integer", min=0, max=1), "0 or 1")
    least, most = widened(low, high, whole=whole)
    feature = Feature(name=name, type="integer" if whole else "number", min=least, max=most)
    return Guess(feature, f"{low:g} to {high:g} in the file")


def _counts_rows(name: str, values: pa.ChunkedArray, low: float, high: float) -> bool:
    if len(pc.unique(values)) != len(values):
        return False
    return high - low + 1 == len(values) or bool(_IDENTIFIER.search(name))


def widened(low: float, high: float, *, whole: bool) -> tuple[float, float]:
    """Bounds that leave room for values not seen yet: the width of the range on either side, on 2 digits, no sign crossed."""
    width = (high - low) or abs(high) or 1.0
    least = 0.0 if low >= 0 and low - width < 0 else _rounded(low - width, math.floor)
    most = 0.0 if high <= 0 and high + width > 0 else _rounded(high + width, math.ceil)
    least, most = max(least, -MOST), min(most, MOST)
    return (float(math.floor(least)), float(math.ceil(most))) if whole else (least, most)


def _rounded(value: float, toward: object) -> float:
    """A number on 2 significant digits, down or up."""
    if not math.isfinite(value):
        return math.copysign(MOST, value)
    if abs(value) < TINY:
        return value
    step = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    number = (math.floor if toward is math.floor else math.ceil)(value / step)
    return float(f"{number * step:.6g}")


def _truth(name: str, present: pa.ChunkedArray) -> Guess | None:
    different = set(pc.unique(pc.utf8_lower(present)).to_pylist())
    return Guess(Feature(name=name, type="boolean"), "true or false") if different == {"true", "false"} else None


def _text(name: str, present: pa.ChunkedArray) -> Guess:
    different, rows = len(pc.unique(present)), len(present)
    if pc.all(pc.match_substring_regex(present, _DATE)).as_py():
        return _ignored(name, "a date: compute numbers from it where the data are made, such as a year or an age in days")
    if different > MOST_VALUES or (different > FEW and different > OFTEN * rows) or different == rows:
        return _ignored(name, f"an identifier or free text: {different} different texts in {rows} rows")
    if pc.mean(pc.utf8_length(present)).as_py() > LONG:
        return _ignored(name, "free text")
    values = tuple(sorted(pc.unique(present).to_pylist(), key=_natural))
    return Guess(Feature(name=name, type="category", values=values), f"{different} different texts")


def _natural(text: str) -> list[tuple[bool, int, str]]:
    """Order in which ``item 2`` stands before ``item 10``."""
    return list(_pieces(text))


def _pieces(text: str) -> Iterator[tuple[bool, int, str]]:
    for piece in re.findall(r"\d+|\D+", text):
        digits = piece.isascii() and piece.isdigit()
        yield (not digits, int(piece) if digits else 0, piece)
