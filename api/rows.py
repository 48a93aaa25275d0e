"""Rows as JSON against the contract: at the speed of a compiled decoder where they keep it, with every fault where not."""

import codecs
import json
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from api.errors import Invalid, TooLarge
from api.faults import Read, Row, faults, refusal
from hearth.bundle import Fault, RowError, code_rows
from hearth.schema import MOST, Contract, Feature

Value = float | bool | str | None
Values = tuple[Value, ...]
Matrix = NDArray[np.float64]
Decode = Callable[[bytes], Struct]
ROW_BYTES = 2**16  # no single row is longer, or if it has many features, than so many bytes of each
FEATURE_BYTES = 256
NAN = float("nan")
NO_FIELD = (*map(chr, range(32)), '"', "\\")  # what msgspec takes in no field's name
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError)  # what the decoder raises; the latter of its own accord, undocumented

_astuple: Callable[[object], Values] = msgspec.structs.astuple  # type: ignore[assignment]


class Reader:
    """Reads the rows of one contract. What the decoder refuses is looked at again by ``hearth.bundle``, whose word counts."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self._decode, self._decode_many = _decoders(contract)
        self._width = len(contract.used)
        self._most = max(ROW_BYTES, FEATURE_BYTES * len(contract.features))
        self._codes = [_codes(feature) for feature in contract.used]
        self._plain = not any(self._codes)
        self._numbers = all(feature.numeric for feature in contract.features)
        self.columns = _columns(contract)

    def one(self, body: bytes) -> Values:
        """The values of the used features in the contract's order, ``None`` where one is missing.

        Raises:
            Invalid: with every fault.
            TooLarge: no row is that long.
        """
        if len(body) > self._most:
            raise TooLarge(f"one row takes at most {self._most} bytes: /predict/batch takes more")
        try:
            return _astuple(self._decode(body))[: self._width]
        except UNREADABLE:
            row = _object(body)
            self._checked([row], single=True)
            return self._natural(row)

    def coded(self, values: Values) -> list[float]:
        """Values as the floats that the model takes, NaN where one is missing."""
        if self._plain:
            return [NAN if value is None else value for value in values]  # type: ignore[misc]
        return [
            NAN if value is None else value if codes is None else codes[value]  # type: ignore[misc]
            for value, codes in zip(values, self._codes, strict=True)
        ]

    def many(self, body: bytes, most: int) -> Matrix:
        """The coded rows of ``{"instances": [...]}``, shape (n, len(contract.names)).

        Raises:
            Invalid: with every fault, by row and field.
            TooLarge: there are more than ``most`` rows.
        """
        if body.count(b"{") > 2 * (most + 1):  # before memory is spent on them; a value may hold a brace or two
            raise too_many(most)
        try:
            rows: list[Struct] = self._decode_many(body).instances  # type: ignore[attr-defined]
        except UNREADABLE:
            return self.rows(_instances(body, most), most)
        _within(len(rows), most)
        return self._matrix(rows)

    def rows(self, rows: Sequence[Read], most: int) -> Matrix:
        """Rows of named values, coded; where one has another shape, the fault stands in its place.

        Raises:
            Invalid: with every fault, by row and field.
            TooLarge: there are more than ``most`` rows.
        """
        _within(len(rows), most)
        return self._checked(rows, single=False)

    def _matrix(self, rows: Sequence[Struct]) -> Matrix:
        if self._numbers:  # numpy reads None as NaN
            values = np.fromiter(chain.from_iterable(map(_astuple, rows)), np.float64)
            return values.reshape(len(rows), -1)[:, : self._width]
        coded = [self.coded(_astuple(row)[: self._width]) for row in rows]
        return np.array(coded, dtype=np.float64).reshape(len(rows), self._width)

    def _checked(self, rows: Sequence[Read], *, single: bool) -> Matrix:
        """The coded rows, or every fault of them."""
        shaped = [row for row in rows if not isinstance(row, Fault)]
        if len(shaped) < len(rows):
            found = [fault for index, row in enumerate(rows) for fault in faults(self.contract, index, row)]
            raise refusal(self.contract, rows, found, single=single)
        try:
            return code_rows(self.contract, shaped)
        except RowError as error:
            raise refusal(self.contract, rows, error.found, single=single) from None

    def _natural(self, row: Row) -> Values:
        return tuple(_value(feature, row.get(feature.name)) for feature in self.contract.used)


def bounds(feature: Feature) -> tuple[float, float]:
    """The least and the greatest number that a feature takes; where the contract says none, those of single precision."""
    return -MOST if feature.min is None else feature.min, MOST if feature.max is None else feature.max


def too_many(most: int) -> TooLarge:
    """The refusal of a batch with too many rows."""
    return TooLarge(f"one call takes at most {most} rows: send several")


def _within(count: int, most: int) -> None:
    if count > most:
        raise too_many(most)
    if count == 0:
        raise Invalid("there is no row: send at least one")


def _decoders(contract: Contract) -> tuple[Decode, Decode]:
    """What decodes a row and a batch; where a name cannot be a field's, nothing, so that every row gets a second look."""
    if _unnamable(feature.name for feature in contract.features):
        return _undecided, _undecided
    row = _struct(contract)
    batch = msgspec.defstruct("Batch", [("instances", _list_of(row))], forbid_unknown_fields=True)
    return msgspec.json.Decoder(row).decode, msgspec.json.Decoder(batch).decode


def _columns(contract: Contract) -> Callable[..., object]:
    """What is encoded as an object of columns: it takes one for each of the contract's names, in their order."""
    names = contract.names
    if _unnamable(names):
        return lambda *columns: dict(zip(names, columns, strict=True))
    fields = [(f"f{i}", Values) for i, _ in enumerate(names)]
    return msgspec.defstruct("Columns", fields, rename={f"f{i}": name for i, name in enumerate(names)}, gc=False)


def _unnamable(names: Iterable[str]) -> bool:
    """Whether a name cannot be a field's."""
    return any(character in name for name in names for character in NO_FIELD)


def _undecided(_: bytes) -> Struct:
    raise msgspec.ValidationError("these names are no fields")


def _struct(contract: Contract) -> type[Struct]:
    """The used features first, so that they are the head of the tuple; field names need not be Python's."""
    ordered = [*contract.used, *(feature for feature in contract.features if not feature.use)]
    fields = [
        (f"f{i}", _type(feature)) if feature.required else (f"f{i}", _type(feature) | None, None)
        for i, feature in enumerate(ordered)
    ]
    names = {f"f{i}": feature.name for i, feature in enumerate(ordered)}
    return msgspec.defstruct("Row", fields, rename=names, forbid_unknown_fields=True, kw_only=True, gc=False)


def _list_of(row: type[Struct]) -> type:
    return list[row]  # type: ignore[valid-type]


def _type(feature: Feature) -> type:
    if feature.type == "boolean":
        return bool
    if feature.open:
        return str
    if feature.type == "category":
        return Literal[feature.values]  # type: ignore[return-value]
    low, high = bounds(feature)
    step = 1 if feature.type == "integer" else None
    return Annotated[float, Meta(ge=low, le=high, multiple_of=step)]  # type: ignore[return-value]


def _codes(feature: Feature) -> dict[Value, float] | None:
    if feature.type == "category":
        return {value: float(code) for code, value in enumerate(feature.values)}
    return {False: 0.0, True: 1.0} if feature.type == "boolean" else None


def _value(feature: Feature, value: object) -> Value:
    return float(value) if feature.numeric and value is not None else value  # type: ignore[arg-type,return-value]


def parsed(body: bytes) -> object:
    """The body as plain JSON values.

    Raises:
        Invalid: it is not JSON in UTF-8, or is nested too deeply.
    """
    if not body:
        raise Invalid("the body is empty: send JSON")
    if body.startswith(codecs.BOM_UTF8):
        raise Invalid("the body is not JSON: it begins with a byte order mark, leave that out")
    try:
        return json.loads(body.decode())
    except UnicodeDecodeError:
        raise Invalid("the body is not UTF-8") from None
    except RecursionError:
        raise Invalid("the body is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise Invalid(f"the body is not JSON: {error.msg} at character {error.pos}") from None
    except ValueError:
        raise Invalid("the body is not JSON that can be read: a number has too many digits") from None


def _object(body: bytes) -> Row:
    value = parsed(body)
    if not isinstance(value, dict):
        raise Invalid("the body must be one JSON object: the features of one row by name")
    return value


def _instances(body: bytes, most: int) -> Sequence[Read]:
    if body.count(b"[") > 2 * (most + 1):
        raise Invalid("the body is not a batch: a row holds no lists")
    value = parsed(body)
    rows = value.get("instances") if isinstance(value, dict) else None
    if not isinstance(rows, list) or len(value) != 1:  # type: ignore[arg-type]
        raise Invalid('the body must be {"instances": [...]} and nothing else: a list of rows')
    _within(len(rows), most)
    no_object = "must be a JSON object: the features of one row by name"
    return [row if isinstance(row, dict) else Fault(i, "", no_object) for i, row in enumerate(rows)]
