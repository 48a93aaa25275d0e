"""Truths that came back through the service as rows of a table: sifted, typed by the contract, as CSV."""

import io
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.csv

from hearth.bundle.rows import value_fault
from hearth.schema import MOST, Contract, Feature, Target
from hearth.sources.cells import EXACT

TYPES = {"number": pa.float64(), "integer": pa.int64(), "category": pa.string(), "boolean": pa.bool_()}


@dataclass(frozen=True, slots=True)
class Returned:
    """Predicted rows and what they turned out to be, oldest first; every column has an entry a row.

    ``features`` are the values as they were asked, by column; ``doubts`` say why a truth is not to be learned from, and are
    empty where nothing speaks against it.
    """

    features: Mapping[str, Sequence[object]] = field(default_factory=dict)
    actual: Sequence[object] = ()
    doubts: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Sifted:
    """``table`` is what may be learned from; ``left`` counts the rows that were left out by the reason."""

    table: pa.Table
    left: Mapping[str, int]


def sifted(returned: Returned, contract: Contract) -> Sifted:
    """The rows as a table of the contract, without those that are in doubt or do not keep the contract.

    A column that the contract no longer has is dropped, one that a row lacks is missing. ``contract`` knows its classes.
    """
    why = [doubt or _fault(returned, i, contract) for i, doubt in enumerate(returned.doubts)]
    kept = [i for i, reason in enumerate(why) if not reason]
    nothing = [None] * len(why)
    columns = {one.name: _typed(one, returned.features.get(one.name, nothing), kept) for one in contract.features}
    kind = pa.float64() if contract.target.task == "regression" else pa.string()
    target = {contract.target.name: pa.array([returned.actual[i] for i in kept], kind)}
    return Sifted(pa.table(columns | target), Counter(reason for reason in why if reason))


def csv_bytes(table: pa.Table) -> bytes:
    """A table as CSV with a header, every value in full."""
    buffer = io.BytesIO()
    pyarrow.csv.write_csv(table, buffer, pyarrow.csv.WriteOptions(quoting_style="needed"))
    return buffer.getvalue()


def _fault(returned: Returned, row: int, contract: Contract) -> str:
    """The first fault of a row; empty where it keeps the contract. A missing value is data, as in any table."""
    for feature in contract.features:
        value = returned.features[feature.name][row] if feature.name in returned.features else None
        if value is not None and (fault := value_fault(feature, value) or _size_fault(feature, value)):
            return f"{feature.name} {fault}"
    return _target_fault(contract.target, returned.actual[row])


def _size_fault(feature: Feature, value: object) -> str:
    """A model takes the nearest float for any integer; a table holds what is exact."""
    return "must be below 2^53" if feature.type == "integer" and abs(float(value)) >= EXACT else ""  # type: ignore[arg-type]


def _target_fault(target: Target, actual: object) -> str:
    if target.task == "classification":
        return "" if actual in target.classes else f"{target.name} must be one of {', '.join(target.classes)}"
    number = isinstance(actual, int | float) and not isinstance(actual, bool)
    fits = number and math.isfinite(actual) and abs(actual) <= MOST  # type: ignore[arg-type]
    return "" if fits else f"{target.name} must be a finite number"


def _typed(feature: Feature, column: Sequence[object], rows: Sequence[int]) -> pa.Array:
    values, kind = [column[i] for i in rows], TYPES[feature.type]
    return pa.array(values, pa.float64()).cast(kind) if feature.type == "integer" else pa.array(values, kind)
