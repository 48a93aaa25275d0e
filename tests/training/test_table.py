"""Rows coded by the contract."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.tiny import CLASSES, Kind, arrow, cells, settings

from hearth.errors import DataError
from hearth.training.table import Table, code, read, read_arrow, read_contract


def test_every_cell_is_coded_as_the_contract_codes_one_value(kind: Kind, table: Table) -> None:
    """Numbers, booleans, categories and gaps become what ``Feature.code`` makes of them, which serving uses."""
    columns = cells(kind)
    expected = [[feature.code(value) for value in columns[feature.name]] for feature in table.contract.used]
    np.testing.assert_array_equal(table.x.T, expected)


def test_a_column_that_is_not_used_is_left_out(table: Table) -> None:
    """A column with ``use: false`` is no column of the matrix."""
    assert table.contract.names == ("a", "n", "k", "s", "c")
    assert table.x.shape == (90, 5)


def test_a_target_of_classes_is_coded_by_position(kind: Kind, table: Table) -> None:
    """Class names become their positions in the contract, numbers stay."""
    target = cells(kind)["y"]
    classes = CLASSES[kind]
    np.testing.assert_array_equal(table.y, [classes.index(str(value)) for value in target] if classes else target)


def test_an_integer_beyond_double_precision_is_rounded_as_float_does() -> None:
    """A large integer is coded by its nearest double, not refused."""
    contract = settings().contract
    columns = cells()
    columns["n"][1] = 2**60 + 1
    assert code(arrow(contract, columns), contract).x[1, 1] == float(2**60 + 1)


def test_taken_rows_keep_their_order(table: Table) -> None:
    """``take`` picks rows of features and target alike."""
    taken = table.take(np.array([5, 2, 2]))
    assert len(taken) == 3
    np.testing.assert_array_equal(taken.x, table.x[[5, 2, 2]])
    np.testing.assert_array_equal(taken.y, table.y[[5, 2, 2]])


def test_a_written_table_is_read_back(kind: Kind, table: Table, tmp_path: Path) -> None:
    """Parquet and its contract give the coded table again."""
    (tmp_path / "contract.json").write_text(json.dumps(table.contract.to_dict()), encoding="utf-8")
    pq.write_table(arrow(table.contract, cells(kind)), tmp_path / "table.parquet")
    contract = read_contract(tmp_path)
    again = read(tmp_path / "table.parquet", contract)
    assert contract == table.contract
    np.testing.assert_array_equal(again.x, table.x)
    np.testing.assert_array_equal(again.y, table.y)


def test_a_column_in_chunks_is_one_column() -> None:
    """How Arrow cuts a column into chunks changes nothing."""
    contract = settings().contract
    whole = arrow(contract, cells())
    cut = pa.concat_tables([whole.slice(0, 7), whole.slice(7)])
    np.testing.assert_array_equal(code(cut, contract).x, code(whole, contract).x)


@pytest.mark.parametrize("content", [None, "", "[1]", "{}", '{"target": 1, "features": []}'])
def test_what_is_no_contract_is_refused_by_name(content: str | None, tmp_path: Path) -> None:
    """A contract that is missing or broken names its file and the way out."""
    if content is not None:
        (tmp_path / "contract.json").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=r"contract\.json cannot be read.*dvc repro"):
        read_contract(tmp_path)


@pytest.mark.parametrize("content", [None, b"", b"PAR1 but no more"])
def test_what_is_no_parquet_is_refused_by_name(content: bytes | None, tmp_path: Path) -> None:
    """A table that is missing or broken names its file and the way out."""
    path = tmp_path / "table.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"table\.parquet cannot be read.*dvc repro"):
        read_arrow(path)
