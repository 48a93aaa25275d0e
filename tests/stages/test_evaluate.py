"""The stage that reports."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.tiny import KINDS, Kind, checkout, settings

from hearth.errors import DataError
from hearth.reporting.summary import metrics_json
from hearth.stages import evaluate as stage
from hearth.training import experiment
from hearth.training.evaluate import evaluate
from hearth.training.experiment import EXPERIMENTS


def run(place: Path) -> None:
    """Run the stage in a checkout."""
    inputs = {"params": "params.yaml", "raw": "data/raw", "prepared": "data/prepared", "experiments": "models/experiments"}
    paths = {**inputs, "reports": "reports"}
    stage.main([word for name, path in paths.items() for word in (f"--{name}", str(place / path))])


def reports(place: Path) -> dict[str, bytes]:
    """What lies in the reports."""
    folder = place / "reports"
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.journey
def test_the_stage_writes_every_report_and_the_same_each_time(tmp_path: Path, kind: Kind) -> None:
    """Metrics, plots, figures, card and page: the same bytes from a second run over the first, and no old figure stays."""
    checkout(tmp_path, kind)
    data = json.loads((tmp_path / "reports/data.json").read_text(encoding="utf-8"))
    data |= {"missing": {"a": 10}, "duplicates": 0, "target": {"name": "y"}}
    (tmp_path / "reports/data.json").write_text(json.dumps(data), encoding="utf-8")
    (tmp_path / "reports/figures/evaluate").mkdir(parents=True)
    (tmp_path / "reports/figures/evaluate/old.svg").touch()
    run(tmp_path)
    first = reports(tmp_path)
    run(tmp_path)
    assert reports(tmp_path) == first
    alone = {"metrics.json", "model_card.md", "index.html", "data.json"}
    tables = {f"plots/{name}.csv" for name in ("predictions", "learning", "importance")}
    figures = set(first) - alone - tables
    assert alone | tables <= set(first)
    assert all(name.startswith("figures/evaluate/") and name.endswith(".svg") for name in figures)
    assert {"figures/evaluate/comparison.svg", "figures/evaluate/candidates.svg"} <= figures
    metrics = json.loads(first["metrics.json"])
    assert metrics["winner"] in EXPERIMENTS
    assert metrics["winner"].encode() in first["model_card.md"].replace(b"\\", b"")


def test_the_metrics_are_those_of_the_evaluation_cut_to_six_digits(tmp_path: Path) -> None:
    """``metrics.json`` is the evaluation of what the earlier stages wrote."""
    chosen = checkout(tmp_path)
    run(tmp_path)
    material = stage.material(tmp_path / "data/raw", tmp_path / "data/prepared")
    experiments = [experiment.read(tmp_path / "models/experiments" / name) for name in EXPERIMENTS]
    expected = metrics_json(evaluate(material, experiments, chosen))
    found = json.loads((tmp_path / "reports/metrics.json").read_text(encoding="utf-8"))
    assert list(found) == list(expected)
    assert found["cv"]["rmse"]["mean"] == float(f"{expected['cv']['rmse']['mean']:.6g}")  # type: ignore[index]


def test_the_material_is_the_table_its_split_and_each_ignored_column(tmp_path: Path) -> None:
    """Training and test rows make up the table; a table with an ignored column has it as one more."""
    chosen = checkout(tmp_path, "binary")
    found = stage.material(tmp_path / "data/raw", tmp_path / "data/prepared")
    assert len(found.train) + len(found.test) == len(found.everything) == 90
    assert set(found.ignored) == {"w"}
    with_it = found.ignored["w"]
    at = with_it.contract.names.index("w")
    assert with_it.contract.names == ("a", "n", "k", "s", "w", "c")
    assert np.array_equal(np.delete(with_it.x, at, axis=1), found.everything.x, equal_nan=True)
    assert np.array_equal(with_it.y, found.everything.y)
    assert found.transform.features == chosen.contract.names


def test_using_a_column_changes_nothing_else() -> None:
    """The other features, also those that are ignored, their order and the target stay."""
    contract = settings().contract
    ignored = replace(contract.features[0], use=False, reason="for the test")
    contract = replace(contract, features=(ignored, *contract.features[1:]))
    used = stage.using(contract, "w")
    assert used.features[:4] == contract.features[:4]
    assert used.features[4] == replace(contract.features[4], use=True) != contract.features[4]
    assert used.features[5:] == contract.features[5:]
    assert used.target == contract.target


def test_a_stage_that_fails_leaves_the_reports_of_the_last_run(tmp_path: Path) -> None:
    """Without an experiment nothing is written."""
    checkout(tmp_path)
    before = reports(tmp_path)
    shutil.rmtree(tmp_path / "models/experiments/select")
    with pytest.raises(DataError, match=r"select/result\.json"):
        run(tmp_path)
    assert reports(tmp_path) == before
