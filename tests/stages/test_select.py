"""The stage that keeps the features that matter."""

import math
from pathlib import Path

import numpy as np
import pytest
from tests.tiny import KINDS, Kind, checkout, coded, settings

from hearth.stages import select as stage
from hearth.training import experiment, folds, table
from hearth.training.experiment import score
from hearth.training.fitting import Recipe
from hearth.training.selection import default_attribution
from hearth.training.split import repeated_folds


@pytest.mark.parametrize("kind", KINDS)
def test_features_below_the_percentile_go(kind: Kind) -> None:
    """What is kept has at least the percentile of mean absolute SHAP value of a default model on all the rows."""
    data, chosen = coded(kind), settings(kind, selection={"percentile": 60})
    found, attribution = stage.select(data, repeated_folds(data, 2, 2, 0), chosen)
    sizes = dict(zip(attribution.features, attribution.importance, strict=True))
    least = np.percentile(list(sizes.values()), 60)
    assert found.features == tuple(name for name in data.contract.names if sizes[name] >= least)
    assert len(found.features) == 2
    assert np.array_equal(attribution.values, default_attribution(data, chosen.prepare, chosen.tuning.seed).values)


@pytest.mark.parametrize("kind", KINDS)
def test_the_score_is_that_of_defaults_with_a_choice_in_each_fold(kind: Kind) -> None:
    """The recipe has XGBoost's defaults and the percentile, and is scored on the folds that no search uses."""
    data, chosen = coded(kind), settings(kind)
    assigned = repeated_folds(data, 2, 3, 0)
    found, _ = stage.select(data, assigned, chosen)
    assert found.recipe == Recipe(100, {}, chosen.selection.percentile)
    assert found.folds == score(data, assigned[1:], chosen.prepare, found.recipe, chosen.tuning.seed)
    assert len(found.folds) == 4
    assert all(math.isfinite(value) for fold in found.folds for value in fold.values())


def test_the_stage_writes_the_experiment_and_its_figures(tmp_path: Path) -> None:
    """Written and read back, the experiment is the one of the training rows; the figures are SVG, the same each time."""
    chosen = checkout(tmp_path, "multiclass")
    prepared = tmp_path / "data/prepared"
    common = ["--params", str(tmp_path / "params.yaml"), "--prepared", str(prepared)]
    for name in ("one", "two"):
        stage.main([*common, "--out", str(tmp_path / name / "out"), "--figures", str(tmp_path / name / "figures")])
    train = table.read(prepared / "train.parquet", chosen.contract)
    expected, _ = stage.select(train, folds.load(prepared / "folds.npy"), chosen)
    found = experiment.read(tmp_path / "one/out")
    assert (found.name, found.recipe, found.features) == ("select", expected.recipe, expected.features)
    drawn = {path.name: path.read_bytes() for path in (tmp_path / "one/figures").iterdir()}
    assert {"importance.svg", "beeswarm.svg"} <= set(drawn)
    assert all(b"<svg" in content for content in drawn.values())
    assert drawn == {path.name: path.read_bytes() for path in (tmp_path / "two/figures").iterdir()}
    assert (tmp_path / "one/out/result.json").read_bytes() == (tmp_path / "two/out/result.json").read_bytes()
