"""Real rows and what the bundle says of them: what is asked, and what an answer must hold."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hearth.bundle import Predictor, code_rows
from hearth.bundle.transform import Matrix
from hearth.schema import Feature

Vector = NDArray[np.float64]
Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Sample:
    """``rows`` as clients write them, every field of the contract; ``scaled`` as the booster sees them, ``columns`` wide.

    ``value``, ``lower`` and ``upper`` are what ``Predictor`` says in process.
    """

    rows: Sequence[Row]
    table: pa.Table
    scaled: Matrix
    columns: tuple[str, ...]
    value: Vector
    lower: Vector
    upper: Vector
    digest: str
    coverage: float

    def __len__(self) -> int:
        return len(self.rows)


def read(bundle: Path, table: Path, most: int) -> Sample:
    """The first rows of a table, again and again until there are ``most``.

    Raises:
        SystemExit: the bundle is not one of a regression.
    """
    predictor = Predictor.load(bundle, threads=1)
    contract = predictor.contract
    if contract.target.outputs > 1:
        raise SystemExit("the benchmark compares servers on a regression")
    found = pq.read_table(table).select([feature.name for feature in contract.features])
    found = found.take(np.arange(most) % len(found))
    rows = [written(contract.features, row) for row in found.to_pylist()]
    coded = code_rows(contract, rows)
    said = predictor.predict(coded)
    if said.lower is None or said.upper is None:
        raise SystemExit("the bundle gives no intervals")
    at = [contract.names.index(name) for name in predictor.features]
    return Sample(
        rows=rows,
        table=found,
        scaled=predictor.bundle.transform.apply(coded[:, at]),
        columns=predictor.features,
        value=said.value,
        lower=said.lower,
        upper=said.upper,
        digest=predictor.digest,
        coverage=predictor.bundle.conformal.coverage,
    )


def written(features: Sequence[Feature], row: Row) -> Row:
    """A row as JSON has it: whole numbers where the contract wants them, nothing where a value is missing."""
    kept = {feature: row[feature.name] for feature in features if row[feature.name] is not None}
    return {each.name: int(value) if each.type == "integer" else value for each, value in kept.items()}  # type: ignore[call-overload]


def compact(value: object) -> bytes:
    """JSON without spaces, on one line."""
    return json.dumps(value, separators=(",", ":")).encode()
