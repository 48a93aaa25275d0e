"""Rows of one build put to another."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from tests.tiny import KINDS, Kind, arrow, cells, coded, settings

from hearth.bundle.rows import row_faults
from hearth.errors import GateError
from hearth.release.coding import accepted, both, code, same_features
from hearth.schema import Contract, Feature
from hearth.training.table import Table

CONTRACT = settings().contract
TABLE = arrow(CONTRACT, cells())


def changed(name: str, **fields: object) -> Contract:
    """The contract with one feature changed."""
    features = [replace(one, **fields) if one.name == name else one for one in CONTRACT.features]  # type: ignore[arg-type]
    return replace(CONTRACT, features=tuple(features))


def with_column(feature: Feature) -> Contract:
    """The contract with one feature more."""
    return replace(CONTRACT, features=(*CONTRACT.features, feature))


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_is_accepted_whole_by_its_own_contract(kind: Kind) -> None:
    """And is coded as ever."""
    contract = settings(kind).contract
    table = arrow(contract, cells(kind))
    assert accepted(table, contract).all()
    assert np.array_equal(code(table, contract).x, coded(kind).x, equal_nan=True)
    assert np.array_equal(code(table, contract).y, coded(kind).y)


@pytest.mark.parametrize(
    "contract",
    [
        changed("a", min=-1, max=0.5),
        changed("a", required=True),
        changed("n", max=4),
        changed("k", values=("q", "p")),
        changed("k", values=("q", "p"), required=True),
        changed("s", required=True),
        with_column(Feature(name="new", type="category", values=("u", "v"), required=False)),
    ],
)
def test_a_row_is_accepted_where_the_service_would_accept_it(contract: Contract) -> None:
    """The same rows are refused as by the check of the service's requests."""
    names = [feature.name for feature in contract.used if feature.name in TABLE.column_names]
    refused = [list(row_faults(contract, 0, row)) for row in TABLE.select(names).to_pylist()]
    assert accepted(TABLE, contract).tolist() == [not faults for faults in refused]


def test_rows_that_one_side_refuses_are_left_out_and_counted() -> None:
    """What is left is coded by each contract, row beside row."""
    narrow = changed("n", max=4)
    rows = both([TABLE, TABLE.slice(0, 10)], CONTRACT, narrow)
    kept = accepted(TABLE, narrow)
    assert 0 < rows.left_out == (~kept).sum() + (~kept[:10]).sum()
    assert len(rows) == kept.sum() + kept[:10].sum()
    assert np.array_equal(rows.candidate.x, rows.champion.x, equal_nan=True)
    assert np.array_equal(rows.candidate.x[: kept.sum()], coded().x[kept], equal_nan=True)


def test_an_optional_feature_that_a_table_lacks_is_missing_in_every_row() -> None:
    """Of whatever type."""
    for feature in (
        Feature(name="new", type="category", values=("u", "v"), required=False),
        Feature(name="new", type="integer", required=False),
        Feature(name="new", type="boolean", required=False),
    ):
        assert np.isnan(code(TABLE, with_column(feature)).x[:, -1]).all()


@pytest.mark.parametrize(
    ("contract", "said"),
    [
        (with_column(Feature(name="new", type="number")), "new is missing, which one of the two requires"),
        (replace(CONTRACT, target=replace(CONTRACT.target, name="z")), "z, the target, is missing"),
        (changed("c", type="category", values=("0.5",), min=None, max=None), "c is a category to the one"),
        (changed("k", type="number", values=()), "k is a number to the one"),
        (changed("c", max=-1, min=None), "no row keeps the contracts of both"),
    ],
)
def test_rows_that_cannot_be_put_to_both_are_refused(contract: Contract, said: str) -> None:
    """With what is wrong, and what to do."""
    with pytest.raises(GateError, match=said) as error:
        both([TABLE], CONTRACT, contract)
    assert "promote by hand" in str(error.value)


def test_every_fault_of_a_table_is_told_at_once() -> None:
    """A line each."""
    with pytest.raises(GateError) as error:
        code(TABLE.drop_columns(["c", "y"]), changed("k", type="number", values=()))
    assert str(error.value).count("\n  - ") == 3


def test_the_same_features_are_the_same_row_whatever_its_target() -> None:
    """Gaps are equal to gaps, and 0 to -0."""
    x = np.array([[1.0, np.nan], [0.0, 2.0], [1.0, 2.0]])
    contract = replace(CONTRACT, features=CONTRACT.features[:2])
    rows = Table(contract, x, np.array([1.0, 2.0, 3.0]))
    others = Table(contract, np.array([[-0.0, 2.0], [1.0, np.nan]]), np.array([9.0, 9.0]))
    assert same_features(rows, others).tolist() == [True, True, False]


def test_a_column_of_other_arrow_types_is_coded_all_the_same() -> None:
    """Whole numbers where the contract says number."""
    at = TABLE.column_names.index("n")
    floats = TABLE.set_column(at, "n", TABLE["n"].cast(pa.float64()))
    assert np.array_equal(code(floats, changed("n", type="number")).x, coded().x, equal_nan=True)
