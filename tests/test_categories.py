"""Categories that training has not seen, missing ones, and those of no contract: the same on every way, by every encoding."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import pytest
from tests.tiny import coded, csv_text, settings

from api.errors import Invalid
from api.model import Model
from hearth.bundle import Predictor, RowError, code_rows
from hearth.bundle.distance import Levels
from hearth.bundle.drift import Sample, Thresholds, compare
from hearth.errors import DataError
from hearth.scoring import score_file
from hearth.sources.check import canonical
from hearth.training.assemble import assemble
from hearth.training.experiment import Experiment
from hearth.training.fitting import Recipe, fit_transform
from hearth.training.folds import Folds
from hearth.training.split import repeated_folds
from hearth.training.table import Table
from hearth.training.validation import cross_validate, out_of_fold

Encoding = Literal["onehot", "ordinal", "native"]
RECIPE = Recipe(8, {"max_depth": 3, "learning_rate": 0.3})
CONTRACT = settings("multiclass").contract
KNOWN = "must be one of p, q, r"
ROW: dict[str, object] = {"a": 0.5, "n": 3, "s": True, "c": 0.5}


def without_r() -> Table:
    """Training rows of which none has the last of the three values that the contract allows."""
    table = coded("multiclass", rows=120)
    return table.take(np.flatnonzero(table.x[:, CONTRACT.names.index("k")] != 2))


@pytest.fixture(scope="module", params=get_args(Encoding))
def model(request: pytest.FixtureRequest) -> Model:
    """A bundle of these rows by each encoding."""
    chosen, table = settings("multiclass", prepare={"encoding": request.param}), without_r()
    transform = fit_transform(table.contract, table.x, chosen.prepare)
    experiment = Experiment("x", RECIPE, CONTRACT.names, ())
    return Model(Predictor(assemble(experiment, table, repeated_folds(table, 2, 2, 0), transform, chosen, {}), threads=1))


def rows(*values: str | None) -> Sequence[dict[str, object]]:
    """A row for each value of the category; None is left out."""
    return [{**ROW} if value is None else {**ROW, "k": value} for value in values]


def test_a_value_of_the_contract_that_training_lacked_is_answered_with_a_warning(model: Model) -> None:
    """It gets finite probabilities, the same bits one by one, in a batch and over HTTP's reader, and is told of as unknown."""
    asked = rows("p", "q", "r", None)
    x, said = code_rows(CONTRACT, asked), model.predictor.predict_rows(asked)
    assert said.probabilities is not None
    assert np.isfinite(said.probabilities).all()
    assert [model.predictor.score_one(row) for row in x.tolist()] == said.probabilities.tolist()
    read_one = [model.reader.coded(model.reader.one(json.dumps(row).encode())) for row in asked]
    np.testing.assert_array_equal(read_one, x)
    assert [bool(model.warnings(row)) for row in x.tolist()] == [False, False, True, False]
    assert "k" in model.warnings(x[2].tolist())[0]
    assert np.isfinite(model.predictor.explain(x).values).all()


def test_a_value_outside_the_contract_is_refused_with_the_known_ones(model: Model, tmp_path: Path) -> None:
    """By the predictor, by the API and by ``hearth predict``, which then leaves it out or stops."""
    (bad,) = rows("mauve")
    with pytest.raises(RowError, match=KNOWN):
        model.predictor.predict_rows([bad])
    with pytest.raises(Invalid) as error:
        model.reader.one(json.dumps(bad).encode())
    assert KNOWN in str(error.value.errors)
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows("p", "mauve", "r", None)), encoding="utf-8")
    with pytest.raises(DataError) as stopped:
        score_file(model.predictor, source, target, given=None, count=9, skip=False)
    assert any(KNOWN in fault for fault in stopped.value.faults)
    assert any(KNOWN in line for line in score_file(model.predictor, source, target, given=None, count=9, skip=True))
    answers = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    said = model.predictor.predict_rows(rows("p", "r", None)).probabilities
    assert said is not None
    assert [[one[f"probability_{name}"] for name in CONTRACT.target.classes] for one in answers] == said.tolist()


@pytest.mark.parametrize("encoding", get_args(Encoding))
def test_a_fold_whose_training_rows_lack_a_value_answers_its_rows(encoding: Encoding) -> None:
    """Rows of the value in the validation rows alone get finite answers, and those are of rows not seen."""
    table = coded("multiclass", rows=120)
    folds: Folds = np.where(table.x[:, CONTRACT.names.index("k")] == 2, 0, np.arange(120) % 2 + 1).astype(np.int16)[None]
    prepare = settings("multiclass", prepare={"encoding": encoding}).prepare
    (answers,) = out_of_fold(cross_validate(table, folds, prepare, RECIPE, 0), 1)
    assert np.isfinite(answers).all()
    np.testing.assert_allclose(answers.sum(axis=1), 1)


def test_drift_tells_of_a_value_that_the_reference_lacks(model: Model) -> None:
    """It counts as a level of its own, and a window full of it has drifted; missing values are a test apart."""
    bundle = model.predictor.bundle
    reference = Sample(bundle.reference_rows, bundle.reference_scores)
    seen = {}
    for value in (2.0, np.nan):
        x = bundle.reference_rows.copy()
        x[:, CONTRACT.names.index("k")] = value
        report = compare(CONTRACT, reference, Sample(x, model.predictor.scores(x)), Thresholds(min_rows=30))
        assert "k" in report.drifted
        seen[str(value)] = next(column for column in report.columns if column.name == "k")
    assert isinstance(seen["2.0"].apart, Levels)
    assert seen["2.0"].apart.unseen == ("r",)
    assert seen["nan"].apart is None
    assert seen["nan"].missing.test is not None
    assert seen["nan"].missing.test.drifted


def test_a_table_with_a_value_outside_the_contract_is_not_read(tmp_path: Path) -> None:
    """Ingestion names the column and the values that are known."""
    (tmp_path / "t.csv").write_text(csv_text("multiclass").replace(",q,", ",mauve,", 1), encoding="utf-8")
    with pytest.raises(DataError) as error:
        canonical(tmp_path / "t.csv", CONTRACT, 10)
    assert "not one of p, q, r" in str(error.value)
