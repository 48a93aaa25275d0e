"""From an experiment to a bundle: the same bytes for the same inputs, and the answers of the model it was made of."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.tiny import KINDS, Kind, coded, settings

import hearth.training.fitting
from hearth.bundle import Bundle, Conformal, Predictor, Transform, read, write
from hearth.bundle.decision import Decision
from hearth.bundle.trained import trained_on
from hearth.params import Params
from hearth.training.assemble import VERSIONS, assemble
from hearth.training.conformal import calibrate
from hearth.training.experiment import Experiment
from hearth.training.fitting import Recipe, fit, fit_transform
from hearth.training.folds import Folds
from hearth.training.split import repeated_folds
from hearth.training.table import Table

PARAMS = {"max_depth": 3, "learning_rate": 0.25, "subsample": 0.7, "colsample_bynode": 0.6, "max_bin": 64, "reg_lambda": 2.5}
RECIPE = Recipe(8, PARAMS)
FACTS = {"data": {"sha256": "ab" * 32}}


def material(kind: Kind, **export: object) -> tuple[Table, Folds, Transform, Params]:
    """Training rows, their folds, a transform of all features, settings, some of the export changed."""
    table, chosen = coded(kind), settings(kind, export=export)
    return table, repeated_folds(table, 2, 3, 0), fit_transform(table.contract, table.x, chosen.prepare), chosen


def assembled(kind: Kind, recipe: Recipe = RECIPE, features: tuple[str, ...] = ("a", "n", "k", "s")) -> Bundle:
    """The bundle of an experiment that keeps four of five features."""
    return assemble(Experiment("select", recipe, features, ()), *material(kind), FACTS)


@pytest.mark.parametrize("kind", KINDS)
def test_assembling_twice_gives_the_same_bytes(tmp_path: Path, kind: Kind) -> None:
    """Every file and the digest are equal."""
    digests = {write(assembled(kind), tmp_path / name) for name in ("one", "two")}
    assert len(digests) == 1
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert len(names) == 7
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in names)


def test_the_order_of_a_recipes_parameters_is_no_part_of_the_digest(tmp_path: Path) -> None:
    """A recipe whose parameters are listed in another order makes the same bundle."""
    shuffled = assembled("regression", Recipe(8, dict(reversed(PARAMS.items()))))
    assert write(assembled("regression"), tmp_path / "one") == write(shuffled, tmp_path / "two")


@pytest.mark.parametrize("processors", [1, 3])
def test_the_number_of_threads_is_no_part_of_the_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processors: int
) -> None:
    """Folds fitted one by one or side by side, and fits on one thread or all, make the same bundle."""
    expected = write(assembled("multiclass"), tmp_path / "one")
    monkeypatch.setattr(hearth.training.fitting, "processors", lambda: processors)
    monkeypatch.setattr(hearth.training.fitting, "ROWS_FOR_ALL_THREADS", 1)
    assert write(assembled("multiclass"), tmp_path / "two") == expected


def test_another_input_is_another_digest(tmp_path: Path) -> None:
    """A parameter, a feature or a fact makes a difference."""
    bundle = assembled("regression")
    others = [
        assembled("regression", Recipe(8, {**PARAMS, "reg_lambda": 2.6})),
        assembled("regression", features=("a", "n", "k")),
        replace(bundle, metadata={**bundle.metadata, "data": {"sha256": "cd" * 32}}),
    ]
    assert len({write(one, tmp_path / str(i)) for i, one in enumerate([bundle, *others])}) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_a_written_bundle_answers_as_the_model_that_it_was_made_of(tmp_path: Path, kind: Kind) -> None:
    """Read back, it gives exactly the scores of the recipe fitted to all training rows."""
    table, _, transform, chosen = material(kind)
    bundle = assembled(kind)
    model = fit(table, RECIPE, transform.subset(("a", "n", "k", "s")), chosen.prepare, chosen.tuning.seed)
    model = replace(model, temperature=Decision.of(bundle.metadata).temperature)
    assert (model.temperature != 1) == (kind != "regression")
    write(bundle, tmp_path / "bundle")
    predictor = Predictor.load(tmp_path / "bundle")
    fresh = coded(kind, rows=50, seed=9)
    assert np.array_equal(predictor.scores(fresh.x), model.scores(fresh.x, fresh.contract))
    assert predictor.features == ("a", "n", "k", "s")


@pytest.mark.parametrize("kind", KINDS)
def test_the_quantile_and_the_reference_come_from_rows_not_seen(kind: Kind) -> None:
    """Calibration uses the folds that no search has used; the reference holds the out-of-fold answers of their first."""
    table, folds, _, chosen = material(kind)
    bundle = assembled(kind)
    found, searched = (calibrate(table, part, RECIPE, chosen) for part in (folds[1:], folds[:1]))
    assert bundle.conformal == found.conformal != searched.conformal
    assert np.array_equal(bundle.reference_scores, found.answers)
    assert np.array_equal(bundle.reference_rows, table.x, equal_nan=True)


def test_the_metadata_say_what_the_bundle_is(tmp_path: Path) -> None:
    """Task, winner, recipe, settings, seed, features, rows, what is watched, facts and versions can be read from it."""
    write(assembled("binary", replace(RECIPE, percentile=20)), tmp_path / "bundle")
    metadata = dict(read(tmp_path / "bundle").metadata)
    metadata.pop("contract")
    table, folds, _, chosen = material("binary")
    decided = calibrate(table, folds[1:], replace(RECIPE, percentile=20), chosen).decided
    assert metadata == {
        "task": "classification",
        "winner": "select",
        "recipe": {"rounds": 8, "params": PARAMS, "percentile": 20},
        "prepare": dict(chosen.prepare),
        "seed": chosen.tuning.seed,
        "features": ["a", "n", "k", "s"],
        "training_rows": 90,
        "monitoring": settings("binary").monitoring.model_dump(),
        "trained": trained_on(table.contract, ("a", "n", "k", "s"), table.x),
        "calibration": decided.told("accuracy")["calibration"],
        "data": {"sha256": "ab" * 32},
        "versions": VERSIONS,
    }
    assert set(VERSIONS) == {"hearth", "numpy", "scipy", "xgboost"}


def test_a_probe_is_as_many_rows_as_the_settings_say() -> None:
    """Probe and reference keep at most the numbers of rows in the settings, from the first row to the last."""
    table, folds, transform, chosen = material("regression")
    export = chosen.export.model_copy(update={"probe_rows": 5, "reference_rows": 30})
    few = chosen.model_copy(update={"export": export})
    bundle = assemble(Experiment("x", RECIPE, ("a",), ()), table, folds, transform, few, {})
    assert (len(bundle.probe_rows), len(bundle.reference_rows), len(bundle.reference_scores)) == (5, 30, 30)
    for rows in (bundle.probe_rows, bundle.reference_rows):
        assert np.array_equal(rows[[0, -1]], table.x[[0, -1]], equal_nan=True)


def test_coverage_is_the_setting() -> None:
    """The bundle's intervals promise what ``export.coverage`` says."""
    table, folds, transform, chosen = material("regression")
    wide, narrow = (
        assemble(
            Experiment("x", RECIPE, ("a", "n"), ()), table, folds, transform,
            chosen.model_copy(update={"export": chosen.export.model_copy(update={"coverage": coverage})}), {},
        ).conformal
        for coverage in (0.95, 0.5)
    )  # fmt: skip
    assert isinstance(wide, Conformal)
    assert (wide.coverage, narrow.coverage) == (0.95, 0.5)
    assert wide.quantile > narrow.quantile > 0
    assert math.isfinite(wide.quantile)
