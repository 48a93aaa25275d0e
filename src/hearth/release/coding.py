"""Rows of one build put to another: the same rows coded by two contracts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hearth.errors import GateError
from hearth.schema import Contract, Feature
from hearth.training import table as coding
from hearth.training.split import groups
from hearth.training.table import Rows, Table

Mask = NDArray[np.bool_]

_ADVICE = "Keep the columns as they were, or promote by hand (hearth registry promote)."


@dataclass(frozen=True, slots=True)
class Pair:
    """The same rows as the candidate's and as the champion's contract code them; ``left_out`` are rows that one refuses."""

    candidate: Table
    champion: Table
    left_out: int

    def take(self, rows: Rows) -> "Pair":
        """The same with these rows."""
        return Pair(self.candidate.take(rows), self.champion.take(rows), self.left_out)

    def __len__(self) -> int:
        return len(self.candidate)


def both(tables: Sequence[pa.Table], candidate: Contract, champion: Contract) -> Pair:
    """The rows of all tables that keep both contracts, coded by each.

    Raises:
        GateError: a table lacks what a contract needs, or no row keeps both.
    """
    sides = [_stacked([code(one, contract) for one in tables]) for contract in (candidate, champion)]
    kept = np.concatenate([accepted(one, candidate) & accepted(one, champion) for one in tables])
    rows = np.flatnonzero(kept)
    if len(rows) == 0:
        raise GateError(f"no row keeps the contracts of both builds: there is nothing to compare them on. {_ADVICE}")
    return Pair(sides[0].take(rows), sides[1].take(rows), int((~kept).sum()))


def code(table: pa.Table, contract: Contract) -> Table:
    """Code a table that another contract may have shaped: an optional feature that it lacks is missing in every row.

    Raises:
        GateError: the table lacks the target or a required feature, or holds numbers for a category or the reverse.
    """
    faults = [*_faults(table, contract)]
    if faults:
        raise GateError("\n".join([f"rows of one build cannot be put to the other. {_ADVICE}", *faults]))
    for feature in contract.used:
        if feature.name not in table.column_names:
            kind = pa.string() if feature.type == "category" else pa.float64()
            table = table.append_column(feature.name, pa.nulls(table.num_rows, kind))
    return coding.code(table, contract)


def _faults(table: pa.Table, contract: Contract) -> Iterator[str]:
    if contract.target.name not in table.column_names:
        yield f"  - {contract.target.name}, the target, is missing"
    for feature in contract.used:
        if feature.name in table.column_names:
            if pa.types.is_string(table.schema.field(feature.name).type) != (feature.type == "category"):
                yield f"  - {feature.name} is a {feature.type} to the one and something else to the other"
        elif feature.required:
            yield f"  - {feature.name} is missing, which one of the two requires"


def accepted(table: pa.Table, contract: Contract) -> Mask:
    """Which rows keep a contract: nothing required is missing, no number is out of range, no category unknown."""
    x = code(table, contract).x
    kept = [_kept(x[:, at], _missing(table, feature.name), feature) for at, feature in enumerate(contract.used)]
    mask: Mask = np.logical_and.reduce(kept)
    return mask


def same_features(rows: Table, others: Table) -> Mask:
    """Which rows have the features of one of the others, gaps included: to a model they are the same row."""
    group = groups(_stacked([rows, others]))
    mask: Mask = np.isin(group[: len(rows)], group[len(rows) :])
    return mask


def _stacked(tables: Sequence[Table]) -> Table:
    x, y = np.concatenate([one.x for one in tables]), np.concatenate([one.y for one in tables])
    return Table(tables[0].contract, x, y)


def _missing(table: pa.Table, name: str) -> Mask:
    if name not in table.column_names:
        return np.ones(table.num_rows, dtype=bool)
    mask: Mask = table[name].is_null().to_numpy()
    return mask


def _kept(column: NDArray[np.float64], missing: Mask, feature: Feature) -> Mask:
    low, high = (bound if bound is not None else end for bound, end in ((feature.min, -np.inf), (feature.max, np.inf)))
    inside: Mask = (column >= low) & (column <= high)  # of a category's unknown value NaN, which is not
    return inside | (missing & (not feature.required))
