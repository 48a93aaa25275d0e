"""The split, the folds and the transform as files."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from tests.tiny import KINDS, Cells, Kind, arrow, cells, settings

from hearth.artifacts import write_json, write_text
from hearth.errors import DataError, ParamsError
from hearth.params import Params
from hearth.schema import APPENDED
from hearth.stages import prepare
from hearth.training import folds, table
from hearth.training.fitting import fit_transform
from hearth.training.split import holdout, repeated_folds

FILES = ("contract.json", "folds.npy", "test.parquet", "train.parquet", "transform.json")


def lay(place: Path, chosen: Params, columns: Cells) -> list[str]:
    """Write settings and a raw table; the arguments of the stage."""
    write_text(place / "params.yaml", yaml.safe_dump(chosen.model_dump(mode="json"), sort_keys=False))
    write_json(place / "raw/contract.json", chosen.contract.to_dict(), digits=None)
    pq.write_table(arrow(chosen.contract, columns), place / "raw/table.parquet")
    return ["--params", str(place / "params.yaml"), "--raw", str(place / "raw"), "--out", str(place / "prepared")]


@pytest.mark.parametrize("kind", KINDS)
def test_the_rows_are_parted_and_none_is_changed(kind: Kind, tmp_path: Path) -> None:
    """Training and test rows are those of the split, whole, with the columns that no model sees."""
    chosen = settings(kind)
    prepare.main(lay(tmp_path, chosen, cells(kind)))
    raw = arrow(chosen.contract, cells(kind))
    split = holdout(table.code(raw, chosen.contract), 0.2, 42)
    for name, rows in zip(("train", "test"), split, strict=True):
        assert pq.read_table(tmp_path / f"prepared/{name}.parquet").equals(raw.take(pa.array(rows)))


@pytest.mark.parametrize("kind", KINDS)
def test_rows_that_joined_move_no_row_of_the_table(kind: Kind, tmp_path: Path) -> None:
    """With rows behind the table, marked as such, its own training and test rows are those that they were."""
    chosen = settings(kind)
    alone, later = arrow(chosen.contract, cells(kind)), arrow(chosen.contract, cells(kind, rows=40, seed=1))
    arguments = lay(tmp_path, chosen, cells(kind))
    prepare.main(arguments)
    before = {side: pq.read_table(tmp_path / f"prepared/{side}.parquet") for side in ("train", "test")}
    grown = pa.concat_tables([alone, later]).replace_schema_metadata({APPENDED: "40"})
    pq.write_table(grown, tmp_path / "raw/table.parquet")

    prepare.main(arguments)

    after = {side: pq.read_table(tmp_path / f"prepared/{side}.parquet") for side in before}
    assert all(after[side].slice(0, before[side].num_rows).equals(before[side]) for side in before)
    assert 0 < after["test"].num_rows - before["test"].num_rows < 20
    assert sum(one.num_rows for one in after.values()) == 130
    assert [one.schema.metadata for one in after.values()] == [None, None]


@pytest.mark.parametrize("kind", KINDS)
def test_folds_and_transform_are_those_of_the_training_rows(kind: Kind, tmp_path: Path) -> None:
    """One repeat to search on and ``tuning.repeats`` to score with, and a transform that saw no test row."""
    chosen = settings(kind, prepare={"imputation": "median"})
    prepare.main(lay(tmp_path, chosen, cells(kind)))
    place = tmp_path / "prepared"
    train = table.read(place / "train.parquet", table.read_contract(place))
    assigned = folds.load(place / "folds.npy")
    assert assigned.shape == (1 + chosen.tuning.repeats, len(train))
    np.testing.assert_array_equal(assigned, repeated_folds(train, 2, 3, 42))
    written = json.loads((place / "transform.json").read_text(encoding="utf-8"))
    *_, transform = prepare.plan(table.code(arrow(chosen.contract, cells(kind)), chosen.contract), chosen)
    fitted = fit_transform(chosen.contract, train.x, chosen.prepare)
    assert json.dumps(written) == json.dumps(transform.to_dict()) == json.dumps(fitted.to_dict())


@pytest.mark.parametrize("imputation", ["native", "median", "drop"])
def test_test_rows_change_nothing_that_is_fitted(imputation: str, tmp_path: Path) -> None:
    """With other values in the test rows, training rows, folds and transform are the same bytes."""
    chosen = settings(prepare={"imputation": imputation})
    columns = cells()
    _, test = holdout(table.code(arrow(chosen.contract, columns), chosen.contract), 0.2, 42)
    spoilt = {name: list(values) for name, values in columns.items()}
    for i, row in enumerate(test.tolist()):
        spoilt["a"][row], spoilt["c"][row], spoilt["n"][row], spoilt["y"][row] = 1e6 + i, None, 9, 1e9
    for name, each in (("one", columns), ("two", spoilt)):
        prepare.main(lay(tmp_path / name, chosen, each))
    for file in FILES:
        one, two = ((tmp_path / name / "prepared" / file).read_bytes() for name in ("one", "two"))
        assert (one == two) == (file != "test.parquet")


def test_the_same_inputs_give_the_same_bytes(tmp_path: Path) -> None:
    """A second run in another place writes the same files, and these alone."""
    for name in ("one", "two"):
        prepare.main(lay(tmp_path / name, settings(), cells()))
    assert tuple(sorted(path.name for path in (tmp_path / "one/prepared").iterdir())) == FILES
    for file in FILES:
        assert (tmp_path / "one/prepared" / file).read_bytes() == (tmp_path / "two/prepared" / file).read_bytes()


def test_a_table_that_cannot_be_split_stops_before_anything_is_written(tmp_path: Path) -> None:
    """One row of a class is refused, and the result of an earlier run stays."""
    arguments = lay(tmp_path, settings("binary"), cells("binary") | {"y": ["yes", *["no"] * 89]})
    write_text(tmp_path / "prepared/old.txt", "old")
    with pytest.raises(DataError, match="cannot be split"):
        prepare.main(arguments)
    assert [path.name for path in (tmp_path / "prepared").iterdir()] == ["old.txt"]


@pytest.mark.parametrize(("lost", "error"), [("params.yaml", ParamsError), ("raw/table.parquet", DataError)])
def test_an_input_that_is_missing_is_named(lost: str, error: type[Exception], tmp_path: Path) -> None:
    """The message says which file, and nothing is written."""
    arguments = lay(tmp_path, settings(), cells())
    (tmp_path / lost).unlink()
    with pytest.raises(error, match=lost):
        prepare.main(arguments)
    assert not (tmp_path / "prepared").exists()


def test_an_aim_for_two_classes_is_refused_once_the_table_shows_more(tmp_path: Path) -> None:
    """Where the settings name no classes the table's count, and nothing is written."""
    aim = {"threshold": {"aim": "f1"}}
    arguments = lay(tmp_path, settings("multiclass"), cells("multiclass"))
    unknown = settings("multiclass", export=aim, data={"classes": []})
    write_text(tmp_path / "params.yaml", yaml.safe_dump(unknown.model_dump(mode="json"), sort_keys=False))
    with pytest.raises(ParamsError, match=r"export\.threshold\.aim: f1 needs a target of two classes, and y is of 3"):
        prepare.main(arguments)
    assert not (tmp_path / "prepared").exists()
