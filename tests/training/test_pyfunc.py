"""The face that a bundle shows to MLflow: frames of raw features in, answers out."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.tiny import KINDS, Kind, cells, coded, settings

from hearth.bundle import Predictor, RowError, write
from hearth.training.assemble import assemble
from hearth.training.experiment import Experiment
from hearth.training.fitting import Recipe, fit_transform
from hearth.training.pyfunc import BundleModel, _load_pyfunc
from hearth.training.split import repeated_folds


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[Kind, Path]:
    """A bundle of each kind."""
    found: dict[Kind, Path] = {}
    for kind in KINDS:
        table, chosen = coded(kind), settings(kind)
        transform = fit_transform(table.contract, table.x, chosen.prepare)
        experiment = Experiment("x", Recipe(6), table.contract.names, ())
        found[kind] = tmp_path_factory.mktemp(kind) / "bundle"
        write(assemble(experiment, table, repeated_folds(table, 2, 2, 0), transform, chosen, {}), found[kind])
    return found


def frame(kind: Kind) -> pd.DataFrame:
    """Raw features with gaps."""
    return pd.DataFrame(cells(kind, rows=20, seed=3)).drop(columns="y")


@pytest.mark.parametrize("kind", KINDS)
def test_the_answers_are_those_of_the_predictor(folders: dict[Kind, Path], kind: Kind) -> None:
    """Values with their interval, or labels with a column of probability for each class, at the index of the frame."""
    predictor = Predictor.load(folders[kind])
    rows = frame(kind).set_axis(range(100, 120))
    answer = _load_pyfunc(str(folders[kind])).predict(rows)
    expected = predictor.predict(coded(kind, rows=20, seed=3).x)
    assert list(answer.index) == list(rows.index)
    if expected.probabilities is None:
        assert list(answer.columns) == ["prediction", "lower", "upper"]
        columns = [expected.value, expected.lower, expected.upper]
        assert all(
            np.array_equal(answer[name], column) for name, column in zip(answer, columns, strict=True) if column is not None
        )
    else:
        classes = predictor.contract.target.classes
        assert list(answer.columns) == ["prediction", *(f"probability_{name}" for name in classes)]
        assert np.array_equal(answer.iloc[:, 1:].to_numpy(), expected.probabilities)
        assert answer["prediction"].tolist() == [classes[int(code)] for code in expected.value]


def test_columns_may_come_in_any_order_and_the_optional_not_at_all(folders: dict[Kind, Path]) -> None:
    """A column left out is a gap in every row."""
    model, rows = _load_pyfunc(str(folders["regression"])), frame("regression")
    expected = model.predict(rows.assign(a=None))
    pd.testing.assert_frame_equal(model.predict(rows[["c", "w", "s", "n", "k"]]), expected)
    assert not expected.equals(model.predict(rows))


@pytest.mark.parametrize(
    "types", [{"n": "Int64", "s": "boolean", "k": "string"}, {"n": "float64", "s": object, "k": "category"}]
)
def test_any_type_of_column_that_holds_the_values_will_do(folders: dict[Kind, Path], types: dict[str, str]) -> None:
    """Nullable and plain columns, whole numbers as floats, categories: the answers are the same."""
    model, rows = _load_pyfunc(str(folders["regression"])), frame("regression")
    pd.testing.assert_frame_equal(model.predict(rows.astype(types)), model.predict(rows))


@pytest.mark.parametrize("gap", [None, float("nan"), pd.NA])
def test_a_gap_is_whatever_pandas_calls_missing(folders: dict[Kind, Path], gap: float | None) -> None:
    """None, NaN and NA are one and the same."""
    model, rows = _load_pyfunc(str(folders["regression"])), frame("regression").astype(object)
    pd.testing.assert_frame_equal(
        model.predict(rows.assign(k=pd.Series([gap] * len(rows), dtype="object"))), model.predict(rows.drop(columns="k"))
    )


def test_every_fault_is_named(folders: dict[Kind, Path]) -> None:
    """An unknown category, a fraction for a whole number, an unknown column, a missing required one: all are named at once."""
    rows = (
        frame("regression")
        .astype({"n": object, "k": object})
        .iloc[:2]
        .drop(columns="c")
        .assign(k=["zzz", "p"], n=[1, 2.5], z=1)
    )
    with pytest.raises(RowError) as caught:
        BundleModel(Predictor.load(folders["regression"])).predict(rows)
    assert {(fault.row, fault.field) for fault in caught.value.found} == {
        (0, "k"),
        (0, "z"),
        (0, "c"),
        (1, "n"),
        (1, "z"),
        (1, "c"),
    }


def test_a_frame_is_left_as_it_was(folders: dict[Kind, Path]) -> None:
    """Predicting changes nothing in its argument."""
    rows = frame("binary")
    before = rows.copy(deep=True)
    _load_pyfunc(str(folders["binary"])).predict(rows)
    pd.testing.assert_frame_equal(rows, before)
