"""Nested cross-validation: the whole search anew inside each outer fold."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.tiny import KINDS, Kind, checkout, coded, settings

from hearth.stages import nested
from hearth.training.conformal import calibrate
from hearth.training.experiment import EXPERIMENTS
from hearth.training.fitting import fit, fit_transform
from hearth.training.folds import pairs
from hearth.training.metrics import OBJECTIVE, metrics
from hearth.training.split import repeated_folds, sampled

SMALL = {"candidates": 2, "folds": 2, "repeats": 1}


@pytest.mark.parametrize("kind", KINDS)
def test_the_stage_reports_every_metric_and_who_won_how_often(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: Kind
) -> None:
    """Means over the outer folds are written and printed; as many winners as folds, all of them experiments."""
    chosen = checkout(tmp_path, kind, tuning=SMALL)
    out = tmp_path / "reports/nested.json"
    nested.main(["--params", str(tmp_path / "params.yaml"), "--raw", str(tmp_path / "data/raw"), "--out", str(out)])
    found = json.loads(out.read_text(encoding="utf-8"))
    assert sum(found["winners"].values()) == chosen.evaluate.folds * chosen.evaluate.repeats
    assert set(found["winners"]) <= set(EXPERIMENTS)
    assert OBJECTIVE[chosen.data.task] in found["cv"]
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed] == list(found["cv"])


def test_of_a_large_table_a_sample_is_searched(tmp_path: Path) -> None:
    """The outer folds are those of the sample that the evaluation takes, and the file says how many rows of how many."""
    chosen = checkout(tmp_path, tuning=SMALL, evaluate={"rows": 60})
    out, report = tmp_path / "reports/nested.json", chosen.evaluate
    nested.main(["--params", str(tmp_path / "params.yaml"), "--raw", str(tmp_path / "data/raw"), "--out", str(out)])
    found, data = json.loads(out.read_text(encoding="utf-8")), coded()
    part = data.take(sampled(data, 60, report.folds, report.seed))
    folds = pairs(repeated_folds(part, report.folds, report.repeats, report.seed))
    scores = [nested.outer_fold(part.take(train), part.take(valid), chosen)[1]["rmse"] for train, valid in folds]
    assert found["cv"]["rmse"]["mean"] == float(f"{np.mean(scores):.6g}")
    assert found["sample"] == {"rows": 60, "of": 90}


def test_an_outer_fold_is_searched_without_its_validation_rows() -> None:
    """Other truths in the rows that measure change the measure, and neither the winner nor any answer."""
    data, chosen = coded(), settings(tuning=SMALL)
    rows = np.arange(len(data))
    train, valid = data.take(rows[rows % 3 > 0]), data.take(rows[rows % 3 == 0])
    name, measured = nested.outer_fold(train, valid, chosen)
    moved, shifted = nested.outer_fold(train, replace(valid, y=valid.y + 100), chosen)
    assert name == moved
    assert shifted["rmse"] > 90 > measured["rmse"]


def test_an_outer_fold_is_measured_with_the_best_recipe_on_all_its_training_rows() -> None:
    """The measure is that of the winner of searches on the training rows' own folds, fitted to those rows."""
    data, chosen = coded(), settings(tuning=SMALL)
    rows = np.arange(len(data))
    train, valid = data.take(rows[rows % 3 > 0]), data.take(rows[rows % 3 == 0])
    best = nested.best_of(train, repeated_folds(train, 2, 2, chosen.prepare.seed), chosen)
    transform = fit_transform(train.contract, train.x, chosen.prepare).subset(best.features)
    model = fit(train, best.recipe, transform, chosen.prepare, chosen.tuning.seed)
    expected = metrics("regression", valid.y, model.scores(valid.x, valid.contract))
    assert nested.outer_fold(train, valid, chosen) == (best.name, expected)


def test_an_outer_fold_of_a_classification_is_measured_as_its_bundle_would_answer() -> None:
    """Temperature and threshold are those of the training rows' own folds."""
    data, chosen = coded("binary"), settings("binary", tuning=SMALL, export={"threshold": {"aim": "f1"}})
    rows = np.arange(len(data))
    train, valid = data.take(rows[rows % 3 > 0]), data.take(rows[rows % 3 == 0])
    folds = repeated_folds(train, 2, 2, chosen.prepare.seed)
    best = nested.best_of(train, folds, chosen)
    decision = calibrate(train, folds[1:], best.recipe, chosen).decision
    transform = fit_transform(train.contract, train.x, chosen.prepare).subset(best.features)
    model = replace(fit(train, best.recipe, transform, chosen.prepare, chosen.tuning.seed), temperature=decision.temperature)
    expected = metrics("classification", valid.y, model.scores(valid.x, valid.contract), decision.threshold)
    assert decision.threshold != 0.5
    assert nested.outer_fold(train, valid, chosen) == (best.name, expected)


def test_the_best_of_an_outer_fold_has_the_lowest_score_of_the_three() -> None:
    """The winner comes from all three experiments, run on the rows that are given."""
    data, chosen = coded(), settings(tuning=SMALL)
    best = nested.best_of(data, repeated_folds(data, 2, 2, 0), chosen)
    assert best.name in EXPERIMENTS
    assert len(best.folds) == 2
