"""Derived features: computed alike in training and in serving, for one row and for many."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.tiny import KINDS, Kind, coded, settings

from hearth.bundle import Bundle, Predictor, read, write
from hearth.bundle.derived import complete
from hearth.bundle.explained import explained
from hearth.schema import Contract, Feature, Target
from hearth.training.assemble import assemble
from hearth.training.experiment import Experiment
from hearth.training.fitting import Recipe, fit_transform
from hearth.training.split import repeated_folds
from hearth.training.table import Table

DERIVED = {"r": "a / (c + 1)", "q": "r ** 2 + s - log(n)"}


def table(kind: Kind) -> Table:
    """The tiny table whose contract derives two features, the second from the first."""
    plain = coded(kind)
    derived = tuple(Feature(name=name, type="number", required=False, expression=text) for name, text in DERIVED.items())
    return replace(plain, contract=replace(plain.contract, derived=derived))


def bundle(kind: Kind) -> Bundle:
    """A bundle of a model that sees one plain feature and both derived ones."""
    data, chosen = table(kind), settings(kind)
    transform = fit_transform(data.contract, data.seen, chosen.prepare)
    experiment = Experiment("select", Recipe(8, {"max_depth": 3}), ("r", "k", "q"), ())
    facts = {"data": {"sha256": "ab" * 32}}
    return assemble(experiment, data, repeated_folds(data, 2, 3, 0), transform, chosen, facts)


def test_a_matrix_is_completed_by_what_its_columns_give() -> None:
    """In single precision; what is missing, or not finite, is missing."""
    data = table("regression")
    seen = complete(data.contract, data.x)
    assert data.contract.columns == ("a", "n", "k", "s", "c", "r", "q")
    np.testing.assert_array_equal(seen[:, :5], data.x)
    np.testing.assert_array_equal(seen[:, 5], (data.x[:, 0] / (data.x[:, 4] + 1)).astype(np.float32))
    gaps = np.isnan(data.x[:, [0, 1, 3]]).any(axis=1) | (data.x[:, 1] == 0)
    np.testing.assert_array_equal(np.isnan(seen[:, 6]), gaps)
    assert complete(coded("regression").contract, data.x) is data.x


@pytest.mark.parametrize("kind", KINDS)
def test_every_door_of_a_predictor_computes_them(tmp_path: Path, kind: Kind) -> None:
    """Rows of names without them, many at once and one alone, before and after a round trip: the same bits."""
    made = bundle(kind)
    write(made, tmp_path / "bundle")
    predictor, data = Predictor(read(tmp_path / "bundle"), threads=1), table(kind)
    assert predictor.features == ("r", "k", "q")
    assert predictor.engine == "forest"
    many = predictor.scores(data.x)
    np.testing.assert_array_equal([predictor.score_one(row) for row in data.x.tolist()], many)
    row: dict[str, object] = {"a": 0.5, "n": 3, "k": "q", "s": True, "c": 0.25}
    coded_row = np.array([[0.5, 3, 1, 1, 0.25]])
    np.testing.assert_array_equal(predictor.predict_rows([row]).value, predictor.predict(coded_row).value)
    assert set(explained(predictor, row)["contributions"]) == {"r", "k", "q"}  # type: ignore[call-overload]


def test_a_derived_feature_decides() -> None:
    """The model learns what only the formula shows: it is computed, not a column of zeros."""
    predictor = Predictor(bundle("regression"), threads=1)
    low, high = np.array([[-2, 3, 1, 1, 0.5]]), np.array([[2, 3, 1, 1, 0.5]])
    assert predictor.scores(high)[0] - predictor.scores(low)[0] > 1


@pytest.mark.parametrize(
    ("derived", "said"),
    [
        ({"r": "later + x", "later": "x + 1"}, "r: later is no number or boolean among the features"),
        ({"r": "kind + x"}, "r: kind is no number or boolean among the features"),
        ({"r": "unused * 2"}, "r: unused is no number or boolean"),
        ({"r": "x +"}, "r: 'x +' is no expression"),
    ],
)
def test_a_formula_over_what_is_not_there_is_refused(derived: dict[str, str], said: str) -> None:
    """By the name of the feature that it should make."""
    contract = Contract(
        target=Target(name="y", task="regression"),
        features=(
            Feature(name="x", type="number"),
            Feature(name="kind", type="category", values=("a", "b")),
            Feature(name="grade", type="category", values=("a", "b"), ordered=True),
            Feature(name="unused", type="number", use=False, reason="known too late"),
        ),
        derived=tuple(Feature(name=name, type="number", expression=text) for name, text in derived.items()),
    )
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 - the message is compared below
        complete(contract, np.ones((2, 3)))
    assert said in str(refusal.value)
    graded = replace(contract, derived=(Feature(name="r", type="number", expression="grade + x"),))
    np.testing.assert_array_equal(complete(graded, np.ones((2, 3)))[:, 3], [2, 2])
