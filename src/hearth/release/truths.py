"""Truths that came back through the service as rows of a table: sifted, typed by the contract, as CSV."""

import io
import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.csv

from hearth.bundle.rows import value_fault
from hearth.schema import MOST, Contract, Feature, Target

TYPES = {"number": pa.float64(), "integer": pa.int64(), "category": pa.string(), "boolean": pa.bool_()}


@dataclass(frozen=True, slots=True)
class Returned:
    """Predicted rows and what they turned out to be, oldest first; every column has an entry a row.

    ``features`` are the values as they were asked, by column; ``tellers`` the key that told each truth.
    """

    features: Mapping[str, Sequence[object]] = field(default_factory=dict)
    actual: Sequence[object] = ()
    tellers: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Sifted:
    """``table`` is what may be learned from.

    ``suspect`` counts the rows left out by the key that told them, ``impossible`` by what is wrong with them.
    """

    table: pa.Table
    suspect: Mapping[str, int]
    impossible: Mapping[str, int]

    def told(self) -> list[str]:
        """What was left out and why, a line each."""
        return [
            *(f"{n} truths told by {key} left out: they do not agree with the others'" for key, n in self.suspect.items()),
            *(f"{n} rows left out: {why}" for why, n in self.impossible.items()),
        ]


def sifted(returned: Returned, contract: Contract, suspects: Collection[str]) -> Sifted:
    """The rows as a table of the contract, without those of suspect keys and those that do not keep the contract.

    A column that the contract no longer has is dropped, one that a row lacks is missing. ``contract`` knows its classes.
    """
    trusted = [i for i, teller in enumerate(returned.tellers) if teller not in suspects]
    faults = {i: _fault(returned, i, contract) for i in trusted}
    kept = [i for i in trusted if not faults[i]]
    columns = {feature.name: returned.features.get(feature.name) for feature in contract.features}
    values = {
        feature.name: _typed(feature, [column[i] if column else None for i in kept])
        for feature, column in zip(contract.features, columns.values(), strict=True)
    }
    kind = pa.float64() if contract.target.task == "regression" else pa.string()
    target = {contract.target.name: pa.array([returned.actual[i] for i in kept], kind)}
    return Sifted(
        pa.table(values | target),
        Counter(teller for teller in returned.tellers if teller in suspects),
        Counter(fault for fault in faults.values() if fault),
    )


def csv_bytes(table: pa.Table) -> bytes:
    """A table as CSV with a header, every value in full."""
    buffer = io.BytesIO()
    pyarrow.csv.write_csv(table, buffer, pyarrow.csv.WriteOptions(quoting_style="needed"))
    return buffer.getvalue()


def _fault(returned: Returned, row: int, contract: Contract) -> str:
    """The first fault of a row; empty where it keeps the contract. A missing value is data, as in any table."""
    for feature in contract.features:
        value = returned.features[feature.name][row] if feature.name in returned.features else None
        if value is not None and (fault := value_fault(feature, value)):
            return f"{feature.name} {fault}"
    return _target_fault(contract.target, returned.actual[row])


def _target_fault(target: Target, actual: object) -> str:
    if target.task == "classification":
        return "" if actual in target.classes else f"{target.name} must be one of {', '.join(target.classes)}"
    number = isinstance(actual, int | float) and not isinstance(actual, bool)
    fits = number and math.isfinite(actual) and abs(actual) <= MOST  # type: ignore[arg-type]
    return "" if fits else f"{target.name} must be a finite number"


def _typed(feature: Feature, values: Sequence[object]) -> pa.Array:
    whole = feature.type == "integer"
    return pa.array([int(one) if whole and one is not None else one for one in values], TYPES[feature.type])  # type: ignore[call-overload]
