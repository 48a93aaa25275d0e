"""The stage that writes the bundle: verified, the same everywhere, and independent of the log."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.tiny import KINDS, Kind, checkout, export_arguments

from hearth import params
from hearth.bundle import Predictor, read, verify
from hearth.errors import DataError
from hearth.stages import export
from hearth.training import experiment, table
from hearth.training.fitting import fit


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[Kind, Path]:
    """A checkout of each kind, its bundle exported."""
    found: dict[Kind, Path] = {}
    for kind in KINDS:
        found[kind] = tmp_path_factory.mktemp(kind)
        checkout(found[kind], kind)
        export.main(export_arguments(found[kind]))
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_the_stage_writes_a_bundle_that_verifies_and_prints_its_digest(
    places: dict[Kind, Path], capsys: pytest.CaptureFixture[str], kind: Kind
) -> None:
    """Written again, the bundle has the digest that is printed and that was there before."""
    digest = verify(places[kind] / "models/production")
    export.main(export_arguments(places[kind]))
    assert capsys.readouterr().out == f"bundle {digest}\n"
    assert verify(places[kind] / "models/production") == digest


@pytest.mark.parametrize("kind", KINDS)
def test_the_bundle_is_the_winner_fitted_to_the_training_rows(places: dict[Kind, Path], kind: Kind) -> None:
    """Its answers are those of the winning recipe and features on all training rows, its facts those of the reports."""
    place = places[kind]
    predictor = Predictor.load(place / "models/production")
    chosen = experiment.read(place / "models/experiments/tune_full")
    build = export.read(place / "data/prepared", place / "reports", params.load(place / "params.yaml"))
    transform = build.transform.subset(chosen.features)
    model = fit(build.train, chosen.recipe, transform, build.settings.prepare, build.settings.tuning.seed)
    model = replace(model, temperature=predictor.decision.temperature)
    test = table.read(place / "data/prepared/test.parquet", build.train.contract)
    assert np.array_equal(predictor.scores(test.x), model.scores(test.x, test.contract))
    assert predictor.metadata["winner"] == "tune_full"
    assert predictor.metadata["data"] == {"source": "csv", "version": None, "sha256": "ab" * 32, "rows": len(build.train)}
    assert set(predictor.metadata["metrics"]) == {"cv", "test"}  # type: ignore[call-overload]


def test_the_winner_is_the_one_that_the_report_names(places: dict[Kind, Path], tmp_path: Path) -> None:
    """The stage fits the experiment that metrics.json has fixed, with the features that it keeps."""
    place = places["regression"]
    metrics = (place / "reports/metrics.json").read_text(encoding="utf-8")
    reports = tmp_path / "reports"
    reports.mkdir()
    (reports / "metrics.json").write_text(metrics.replace('"winner": "tune_full"', '"winner": "select"'), encoding="utf-8")
    (reports / "data.json").write_bytes((place / "reports/data.json").read_bytes())
    arguments = export_arguments(place)
    arguments[arguments.index("--reports") + 1] = str(reports)
    arguments[arguments.index("--out") + 1] = str(tmp_path / "bundle")
    export.main(arguments)
    bundle = read(tmp_path / "bundle")
    assert bundle.metadata["winner"] == "select"
    assert bundle.transform.features == experiment.read(place / "models/experiments/select").features
    assert len(bundle.transform.features) < len(bundle.contract.names)


def test_after_a_sample_the_bundle_is_judged_by_its_folds_of_all_training_rows(places: dict[Kind, Path]) -> None:
    """Models that learnt from a sample err more than the one that is served."""
    place = places["regression"]
    build = export.read(place / "data/prepared", place / "reports", params.load(place / "params.yaml"))
    chosen = experiment.read(place / "models/experiments/tune_full")
    assert build.bundle(chosen).metadata["metrics"]["cv"] == build.metrics["tune_full"]["cv"]  # type: ignore[index]
    whole = {"rmse": {"mean": 1.5, "sd": 0.1}}
    of_sample = {**build.metrics, "sample": {"rows": 60}, "training_cv": {"tune_full": whole}}
    found = replace(build, metrics=of_sample).bundle(chosen).metadata["metrics"]
    assert found == {"cv": whole, "test": build.metrics["tune_full"]["test"]}


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize(
    "environment",
    [
        pytest.param({"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "1"}, marks=pytest.mark.journey),
        {"OMP_NUM_THREADS": "2", "PYTHONHASHSEED": "4711", "LC_ALL": "C", "TZ": "Asia/Tokyo"},
    ],
)
def test_threads_hash_seed_locale_and_folder_are_no_part_of_the_digest(
    places: dict[Kind, Path], tmp_path: Path, environment: dict[str, str]
) -> None:
    """Other processes with other environments, from other working folders, write the same bytes."""
    place, out = places["multiclass"], tmp_path / "a folder" / "bundle"
    arguments = export_arguments(place)
    arguments[arguments.index("--out") + 1] = str(out)
    done = subprocess.run(
        [sys.executable, "-m", "hearth.stages", "export", *arguments],
        env=os.environ | environment, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    digest = verify(place / "models/production")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"bundle {digest}\n", "")
    assert verify(out) == digest
    assert {path.name for path in tmp_path.iterdir()} == {"a folder"}


@pytest.mark.usefixtures("unmeasured")
def test_with_tracking_off_mlflow_is_not_even_imported(places: dict[Kind, Path], tmp_path: Path) -> None:
    """The stage runs where MLflow cannot be found, and leaves no file of it."""
    code = "import sys; sys.modules['mlflow'] = None; from hearth.stages.__main__ import main; sys.exit(main(sys.argv[1:]))"
    arguments = export_arguments(places["regression"])
    arguments[arguments.index("--out") + 1] = str(tmp_path / "bundle")
    subprocess.run([sys.executable, "-c", code, "export", *arguments], cwd=tmp_path, capture_output=True, check=True)
    assert verify(tmp_path / "bundle") == verify(places["regression"] / "models/production")
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_where_the_log_goes_is_no_part_of_the_digest(
    places: dict[Kind, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With tracking on the bundle is the same, and every experiment's bundle goes to the log with its digest."""
    from hearth.training import tracking  # noqa: PLC0415 - MLflow takes seconds to import

    logged: list[object] = []
    monkeypatch.setattr(tracking, "log_build", lambda *arguments: logged.extend(arguments))
    place = places["regression"]
    text = (place / "params.yaml").read_text(encoding="utf-8")
    (tmp_path / "params.yaml").write_text(text.replace("enabled: false", "enabled: true"), encoding="utf-8")
    arguments = export_arguments(place)
    arguments[arguments.index("--params") + 1] = str(tmp_path / "params.yaml")
    arguments[arguments.index("--out") + 1] = str(tmp_path / "bundle")
    export.main(arguments)
    digest = verify(place / "models/production")
    assert verify(tmp_path / "bundle") == digest
    where, bundles, experiments, reports, logged_digest, model = logged
    assert getattr(where, "enabled", None) is True
    assert isinstance(bundles, dict)
    assert {name: bundle.metadata["winner"] for name, bundle in bundles.items()} == {
        name: name for name in experiment.EXPERIMENTS
    }
    assert (experiments, reports, logged_digest, model) == (place / "models/experiments", place / "reports", digest, "hearth")


def test_a_stage_that_fails_leaves_the_bundle_of_the_last_run(places: dict[Kind, Path], tmp_path: Path) -> None:
    """Where an experiment is missing the bundle stays as it was."""
    place = places["binary"]
    digest = verify(place / "models/production")
    arguments = export_arguments(place)
    arguments[arguments.index("--experiments") + 1] = str(tmp_path)
    with pytest.raises(DataError, match="dvc repro"):
        export.main(arguments)
    assert verify(place / "models/production") == digest
