"""What of the input goes to the output: rows as they came between files of one kind and out of Parquet, else typed."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from hearth.schema import Contract, Feature
from hearth.scoring.chunk import Chunk, Format, Record, as_feature
from hearth.scoring.columns import Vector
from hearth.scoring.readers import Reader


class Shape:
    """The columns that a reader's rows have in an output of format ``kind``.

    Text of CSV stays text in CSV. Where it becomes Parquet or JSON, and where JSON becomes a table, each column has the type
    that the contract gives it; the target of a classification is text.
    """

    def __init__(self, contract: Contract, reader: Reader, kind: Format) -> None:
        self._target = contract.target
        self._features = {f.name: f for f in contract.features if not f.open}  # text that is open goes on as it came
        if contract.target.task == "regression":
            self._features[contract.target.name] = as_feature(contract.target)
        self._names = tuple(reader.names)
        self._verbatim = reader.kind in (kind, "parquet")
        self.schema: pa.Schema = reader.schema or pa.schema([(name, self._type(name)) for name in self._names])

    def rows(self, chunk: Chunk) -> pa.Table | Sequence[Record]:
        """The sound rows of a chunk."""
        kept = chunk.kept()
        if self._verbatim:
            return kept
        sound = ~chunk.bad
        columns = [
            _typed(self._features[name], chunk.judged[name].values[sound]) if name in self._features else _labels(kept, name)
            for name in self._names
        ]
        return pa.table(columns, schema=self.schema)

    def _type(self, name: str) -> pa.DataType:
        return _typed(self._features[name], np.empty(0)).type if name in self._features else pa.string()


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


def _labels(rows: pa.Table | Sequence[Record], name: str) -> pa.Array:
    if isinstance(rows, pa.Table):
        return rows.column(name).combine_chunks()
    values = (row.get(name) for row in rows)
    return pa.array([None if value is None else str(value) for value in values], pa.string())
