"""Rows coded by the contract: what every experiment works on."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hearth.bundle.derived import complete
from hearth.bundle.transform import Matrix
from hearth.errors import DataError
from hearth.schema import APPENDED, Contract, Feature

Vector = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Table:
    """``x`` (n, len(contract.names)) coded features and ``y`` (n,) the target, class codes for a classification."""

    contract: Contract
    x: Matrix
    y: Vector

    @property
    def seen(self) -> Matrix:
        """What models see: ``x`` and the derived features, shape (n, len(contract.columns))."""
        return complete(self.contract, self.x)

    def take(self, rows: Rows) -> "Table":
        """The same table with these rows, in their order."""
        return Table(self.contract, self.x[rows], self.y[rows])

    def __len__(self) -> int:
        return len(self.y)


def read_contract(folder: Path) -> Contract:
    """The contract that lies beside a table.

    Raises:
        DataError: the file is missing or is no contract.
    """
    path = folder / "contract.json"
    try:
        return Contract.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}. Run the stage that writes it: dvc repro.") from error


def read_arrow(path: Path) -> pa.Table:
    """A table as the stages write it.

    Raises:
        DataError: the file is missing or is no Parquet.
    """
    try:
        return pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"{path} cannot be read: {error}. Run the stage that writes it: dvc repro.") from error


def appended(table: pa.Table) -> int:
    """How many rows, the last ones, joined the table from outside its source."""
    return int((table.schema.metadata or {}).get(APPENDED, 0))


def read(path: Path, contract: Contract) -> Table:
    """Read and code a Parquet file whose columns keep the contract."""
    return code(read_arrow(path), contract)


def code(table: pa.Table, contract: Contract) -> Table:
    """Code an Arrow table that keeps the contract."""
    x = np.empty((table.num_rows, len(contract.names)), dtype=np.float64)
    for i, feature in enumerate(contract.used):
        x[:, i] = _coded(table.column(feature.name), feature)
    return Table(contract, x, _target(table.column(contract.target.name), contract))


def _coded(column: pa.ChunkedArray, feature: Feature) -> Vector:
    if feature.type == "category":
        column = pc.index_in(column, value_set=pa.array(feature.values, pa.string()), skip_nulls=True)
    return _floats(column)


def _target(column: pa.ChunkedArray, contract: Contract) -> Vector:
    classes = contract.target.classes
    return _floats(pc.index_in(column, value_set=pa.array(classes, pa.string())) if classes else column)


def _floats(column: pa.ChunkedArray) -> Vector:
    values: Vector = column.cast(pa.float64(), safe=False).to_numpy()  # a large integer loses digits, as float() would
    return values
