"""What came back, as rows of a table."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from tests.laws import drawn

from hearth.release.truths import Returned, csv_bytes, sifted
from hearth.schema import Contract, Feature, Target
from hearth.sources import feedback

FEATURES = (
    Feature(name="size", type="number", min=-1e30, max=1e30, required=False),
    Feature(name="rooms", type="integer", min=0),
    Feature(name="kind", type="category", values=("flat", "NA", 'a "b", c', "new\nline")),
    Feature(name="sold", type="boolean", required=False),
    Feature(name="note", type="number", use=False, reason="known too late"),
)
REGRESSION = Contract(features=FEATURES, target=Target(name="y", task="regression"))
LABELS = Contract(features=FEATURES, target=Target(name="y", task="classification", classes=("no", "yes")))


def came(actual: list[object], doubts: list[str] | None = None, **features: list[object]) -> Returned:
    """Rows that came back."""
    return Returned(features=features, actual=actual, doubts=doubts or [""] * len(actual))


def test_rows_become_a_table_of_the_contract() -> None:
    """Types and order are the contract's; what a row lacks is missing, what the contract lacks is dropped."""
    rows = came([1.5, 2], rooms=[3.0, 4], kind=["flat", None], sold=[True, None], gone=[1, 2])

    found = sifted(rows, REGRESSION)

    assert found.table.to_pylist() == [
        {"size": None, "rooms": 3, "kind": "flat", "sold": True, "note": None, "y": 1.5},
        {"size": None, "rooms": 4, "kind": None, "sold": None, "note": None, "y": 2.0},
    ]
    assert [str(kind) for kind in found.table.schema.types] == ["double", "int64", "string", "bool", "double", "double"]
    assert not found.left


def test_what_is_in_doubt_and_what_cannot_be_is_left_out_with_its_reason() -> None:
    """Rows are counted by what speaks against them: the doubt that they came with, else their first fault."""
    rows = came([1.0] * 6, ["", "told by x", "told by x", "", "", ""], rooms=[1, 2, -1, -1, 2**53, 1.5], kind=["flat"] * 6)

    found = sifted(rows, REGRESSION)

    assert found.table["rooms"].to_pylist() == [1]
    assert found.left == {
        "told by x": 2,
        "rooms must be at least 0": 1,
        "rooms must be below 2^53": 1,
        "rooms must be an integer": 1,
    }


@pytest.mark.parametrize(
    ("contract", "actual", "left"),
    [
        (REGRESSION, [1, 2.5, True, "3", float("nan"), 1e39], {"y must be a finite number": 4}),
        (LABELS, ["yes", "no", "maybe", 1.0, True], {"y must be one of no, yes": 3}),
    ],
)
def test_a_truth_that_is_none_of_the_target_is_left_out(contract: Contract, actual: list[object], left: dict[str, int]) -> None:
    """A number that models can see for a regression, one of the classes for a classification."""
    found = sifted(came(actual, rooms=[1] * len(actual)), contract)

    assert found.table.num_rows == 2
    assert found.left == left


def test_no_rows_are_a_table_too() -> None:
    """Its columns are there."""
    assert sifted(Returned(), LABELS).table.schema.names == ["size", "rooms", "kind", "sold", "note", "y"]


@hypothesis(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=drawn(40))
@given(
    rows=st.lists(
        st.tuples(
            st.none() | st.floats(-1e30, 1e30),
            st.integers(0, 2**53 - 1),
            st.none() | st.sampled_from(FEATURES[2].values),
            st.none() | st.booleans(),
            st.floats(-1e38, 1e38),
        ),
        max_size=8,
    )
)
def test_what_is_written_is_read_as_it_was(rows: list[tuple[object, ...]], tmp_path: Path) -> None:
    """The stage that reads the file finds every value, to the last bit, and no fault."""
    columns = dict(zip(("size", "rooms", "kind", "sold"), (list(column) for column in zip(*rows, strict=True)), strict=False))
    table = sifted(came([row[4] for row in rows], **columns), REGRESSION).table
    path = tmp_path / "feedback.csv"
    path.write_bytes(csv_bytes(table))

    assert feedback.read(path, REGRESSION).equals(table)
    assert table.num_rows == len(rows)


def test_labels_are_written_as_they_are(tmp_path: Path) -> None:
    """Also those that would elsewhere stand for a missing value."""
    contract = Contract(features=FEATURES, target=Target(name="y", task="classification", classes=("NA", "true", "1")))
    table = sifted(came(["NA", "true", "1"], rooms=[1, 2, 3]), contract).table
    (tmp_path / "feedback.csv").write_bytes(csv_bytes(table))

    assert feedback.read(tmp_path / "feedback.csv", contract)["y"].to_pylist() == ["NA", "true", "1"]
