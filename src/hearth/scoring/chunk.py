"""A chunk of rows between reading and writing: as it came, as the model sees it, and what is wrong with it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from itertools import islice

import numpy as np
import pyarrow as pa

from hearth.bundle.transform import Matrix
from hearth.schema import Contract, Feature, Target
from hearth.scoring.columns import Judged, Mask, Vector

SHOWN = 20  # faults that are told in full; the rest is counted
Record = Mapping[str, object]


@dataclass(frozen=True, slots=True, order=True)
class Located:
    """One fault, where it stands in the file: the line, or the row from 1 where the format has no lines."""

    line: int
    order: int
    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """``origin`` are the rows as they came; ``judged`` has a column for each feature and, where it came, for the target.

    ``faults`` are the first ``SHOWN`` at most. ``lost`` rows could not even be split into fields and are in none of the
    columns. ``size`` is what the chunk counts for in the progress bar.
    """

    origin: pa.Table | Sequence[Record]
    judged: Mapping[str, Judged]
    faults: Sequence[Located]
    bad: Mask
    lost: int
    size: int

    @property
    def rows(self) -> int:
        """Rows read."""
        return len(self.bad) + self.lost

    @property
    def faulty(self) -> int:
        """Rows at fault."""
        return int(self.bad.sum()) + self.lost

    def matrix(self, contract: Contract) -> Matrix:
        """The sound rows as the contract codes them."""
        x = np.empty((len(self.bad), len(contract.names)))
        for at, name in enumerate(contract.names):
            x[:, at] = self.judged[name].values
        return x[~self.bad] if self.bad.any() else x

    def kept(self) -> pa.Table | Sequence[Record]:
        """The sound rows as they came."""
        if not self.bad.any():
            return self.origin
        if isinstance(self.origin, pa.Table):
            return self.origin.filter(pa.array(~self.bad))
        return [row for row, bad in zip(self.origin, self.bad.tolist(), strict=True) if not bad]


def judged_faults(judged: Mapping[str, Judged], line: Callable[[], Sequence[int]]) -> list[Located]:
    """The first faults of a chunk; ``line`` gives each row's line and is asked only where there is a fault."""
    if not any(column.bad.any() for column in judged.values()):
        return []
    lines = line()
    found = (fault for order, (name, column) in enumerate(judged.items()) for fault in _first(column, order, name, lines))
    return nsmallest(SHOWN, found)


def _first(column: Judged, order: int, name: str, lines: Sequence[int]) -> Iterator[Located]:
    for row in islice(np.flatnonzero(column.bad).tolist(), SHOWN):
        yield Located(lines[row], order, name, column.why(row))


def any_bad(judged: Mapping[str, Judged], rows: int) -> Mask:
    """The rows of which any column is at fault."""
    bad = np.zeros(rows, dtype=np.bool_)
    for column in judged.values():
        bad |= column.bad
    return bad


def missing_column(feature: Feature, rows: int) -> Judged:
    """The column of a feature that the table leaves out."""
    return Judged(np.full(rows, np.nan), np.full(rows, feature.required), lambda _: "required, but missing")


def as_feature(target: Target) -> Feature:
    """The target of a regression as a column that may be there, and empty."""
    return Feature(name=target.name, type="number", required=False)


def typed(contract: Contract, judged: Mapping[str, Judged], labels: pa.Array | None) -> pa.Table:
    """Columns of the contract's types out of what the model sees; ``labels`` is a classification's target, where it came."""
    columns = {f.name: _typed(f, judged[f.name].values) for f in contract.features if f.name in judged}
    target = contract.target.name
    if target in judged:
        columns[target] = _typed(as_feature(contract.target), judged[target].values)
    if labels is not None:
        columns[target] = labels
    return pa.table(columns)


def _typed(feature: Feature, values: Vector) -> pa.Array:
    numbers = pa.array(values, mask=np.isnan(values))
    if feature.type == "category":
        return pa.array(feature.values, pa.string()).take(numbers.cast(pa.int32()))
    if feature.type == "boolean":
        return numbers.cast(pa.uint8()).cast(pa.bool_())
    return numbers.cast(pa.int64()) if feature.type == "integer" and _exact(feature) else numbers


def _exact(feature: Feature) -> bool:
    """Whether the contract keeps the integers within 2^53, where floats hold them exactly."""
    return all(bound is not None and abs(bound) <= 2**53 for bound in (feature.min, feature.max))
