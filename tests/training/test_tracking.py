"""MLflow as a log beside the build: what a run holds, and that its model is the bundle."""

import json
import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import mlflow
import pandas as pd
import pyarrow as pa
import pytest
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.types import DataType
from mlflow.types.schema import AnyType
from tests.parsed import ROOT
from tests.tiny import Kind, cells, checkout, export_arguments

from hearth import params
from hearth.bundle import Bundle, Predictor
from hearth.errors import HearthError, TrackingError
from hearth.params import TrackingParams
from hearth.stages import export
from hearth.stages.__main__ import main
from hearth.training import table, tracking
from hearth.training.assemble import assemble
from hearth.training.experiment import EXPERIMENTS, Experiment, read, read_candidates
from hearth.training.fitting import Recipe, fit_transform
from hearth.training.split import repeated_folds

FIGURES = {"select": "importance.svg", "evaluate": "comparison.svg"}
# Of MLflow's own: a type hint that it sees when it loads a model, an option of SQLAlchemy that will go.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*type hint is inferred as AnyType:UserWarning"),
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"),
]
LOADED = """
import json, sys, warnings
warnings.simplefilter("ignore")
import mlflow, pandas as pd
mlflow.set_tracking_uri(sys.argv[1])
answer = mlflow.pyfunc.load_model(sys.argv[2]).predict(pd.DataFrame(json.load(sys.stdin)))
import hearth
json.dump({"code": hearth.__file__, "answer": answer.to_dict(orient="list")}, sys.stdout)
"""


@dataclass(frozen=True)
class Build:
    """A build that was logged: where, and its runs by name."""

    place: Path
    uri: str
    runs: dict[str, Run]

    @property
    def predictor(self) -> Predictor:
        """The bundle that the build wrote."""
        return Predictor.load(self.place / "models/production")

    def model(self, name: str) -> str:
        """The URI of a run's model."""
        return f"runs:/{self.runs[name].info.run_id}/model"

    def artifacts(self, name: str, path: str) -> set[str]:
        """The artifacts of a run in a folder of it."""
        return {item.path for item in mlflow.MlflowClient(self.uri).list_artifacts(self.runs[name].info.run_id, path)}


def many_candidates(path: Path) -> None:
    """Repeat the lines of a search until they are more than MLflow takes at once."""
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([header, *(lines * 400), ""]), encoding="utf-8")


def laid(place: Path, kind: Kind) -> str:
    """Lay out what ``export`` reads, with tracking on; where its log goes."""
    uri = f"sqlite:///{place}/mlflow.db"
    where = {"enabled": True, "uri": uri, "artifacts": str(place / "mlruns"), "experiment": "tiny"}
    checkout(place, kind, tracking=where)
    for folder, name in FIGURES.items():
        (place / "reports/figures" / folder).mkdir(parents=True)
        (place / "reports/figures" / folder / name).write_text("<svg/>", encoding="utf-8")
    many_candidates(place / "models/experiments/tune_selected/candidates.csv")
    return uri


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """One logged build."""
    place = tmp_path_factory.mktemp("build")
    uri = laid(place, "regression")
    assert main(["export", *export_arguments(place)]) == 0
    client = mlflow.MlflowClient(uri)
    found = client.search_runs([client.get_experiment_by_name("tiny").experiment_id])
    return Build(place, uri, {str(run.info.run_name): run for run in found})


@pytest.fixture(autouse=True)
def _server(request: pytest.FixtureRequest) -> Iterator[None]:
    """MLflow is at the build's database where a test uses one, and afterwards where it was."""
    before = mlflow.get_tracking_uri()
    if "build" in request.fixturenames:
        mlflow.set_tracking_uri(request.getfixturevalue("build").uri)
    yield
    mlflow.set_tracking_uri(before)


def raw_rows(kind: Kind) -> pd.DataFrame:
    """Raw features with gaps, their columns in another order, without the ignored one."""
    frame = pd.DataFrame(cells(kind, rows=20, seed=3)).drop(columns=["y", "w"])
    return frame[frame.columns[::-1]]


def expected(predictor: Predictor, frame: pd.DataFrame) -> pd.DataFrame:
    """What the bundle itself says of raw rows."""
    rows = [{key: None if pd.isna(value) else value for key, value in row.items()} for row in frame.to_dict(orient="records")]
    answer = predictor.predict_rows(rows)  # type: ignore[arg-type]
    classes = predictor.contract.target.classes
    if answer.probabilities is None:
        return pd.DataFrame({"prediction": answer.value, "lower": answer.lower, "upper": answer.upper})
    named = {f"probability_{name}": answer.probabilities[:, i] for i, name in enumerate(classes)}
    return pd.DataFrame({"prediction": [classes[int(code)] for code in answer.value], **named})


def boston() -> tuple[Bundle, pd.DataFrame]:
    """A small model of the repository's own table under its own contract, and that table as pandas reads it."""
    chosen, frame = params.load(ROOT / "params.yaml"), pd.read_csv(ROOT / "data/bundled/boston.csv")
    data = table.code(pa.Table.from_pandas(frame), chosen.contract)
    experiment = Experiment("select", Recipe(6), data.contract.names, ())
    transform = fit_transform(data.contract, data.x, chosen.prepare)
    bundle = assemble(experiment, data, repeated_folds(data, 2, 2, 0), transform, chosen, {})
    return bundle, frame.drop(columns=chosen.contract.target.name)


@pytest.mark.journey
def test_a_build_prints_its_digest_alone_and_leaves_nothing_where_it_ran(tmp_path: Path) -> None:
    """As ``dvc repro`` runs it: MLflow adds no line to the build's output and no folder to its working folder."""
    laid(tmp_path / "build", "regression")
    (tmp_path / "cwd").mkdir()
    command = [sys.executable, "-m", "hearth.stages", "export", *export_arguments(tmp_path / "build")]
    done = subprocess.run(command, cwd=tmp_path / "cwd", capture_output=True, text=True, check=False)
    digest = Predictor.load(tmp_path / "build/models/production").digest
    assert (done.returncode, done.stdout, done.stderr) == (0, f"bundle {digest}\n", "")
    assert list((tmp_path / "cwd").iterdir()) == []


def test_each_experiment_is_one_finished_run_tagged_with_the_build(build: Build) -> None:
    """Three runs carry the bundle's digest, the commit, the data's sum and the winner."""
    assert set(build.runs) == set(EXPERIMENTS)
    for run in build.runs.values():
        tags = {"bundle": build.predictor.digest, "data": "ab" * 32, "winner": "tune_full", "commit": run.data.tags["commit"]}
        assert tags.items() <= run.data.tags.items()
        assert run.info.status == "FINISHED"


def test_a_run_holds_the_recipe_and_the_figures_of_its_experiment(build: Build) -> None:
    """Parameters are the recipe's, metrics those of metrics.json."""
    for name, run in build.runs.items():
        found = read(build.place / "models/experiments" / name)
        wanted = {"rounds": found.recipe.rounds, "percentile": found.recipe.percentile, **found.recipe.params}
        assert run.data.params == {key: str(value) for key, value in wanted.items()} | {"features": str(len(found.features))}
        assert {"cv_score_mean": 1.5, "cv_score_sd": 0.25, "test_score": 1.25}.items() <= run.data.metrics.items()


def test_every_candidate_is_a_step_of_a_series(build: Build) -> None:
    """The scores of a search are one series; a run without a search has none."""
    for name, run in build.runs.items():
        history = mlflow.MlflowClient(build.uri).get_metric_history(run.info.run_id, "candidate_score")
        scores = read_candidates(build.place / "models/experiments" / name)
        assert [(one.step, one.value) for one in sorted(history, key=lambda one: one.step)] == list(enumerate(scores))
        assert bool(scores) == (name != "select")


def test_a_run_holds_the_files_of_its_experiment_and_its_figures(build: Build) -> None:
    """The artifacts of a run are the experiment's folder and the figures that belong to it."""
    for name in build.runs:
        files = {"experiment/result.json", *(["experiment/candidates.csv"] if name != "select" else [])}
        assert build.artifacts(name, "experiment") == files
        assert build.artifacts(name, "figures") == {f"figures/{FIGURES['select' if name == 'select' else 'evaluate']}"}


def test_the_logged_model_of_the_winner_answers_as_the_bundle(build: Build) -> None:
    """Loaded by MLflow, the model takes raw features in any order of columns, with gaps, and equals the bundle's predictor."""
    frame = raw_rows("regression")
    answer = mlflow.pyfunc.load_model(build.model("tune_full")).predict(frame)
    pd.testing.assert_frame_equal(answer, expected(build.predictor, frame), check_exact=True)


@pytest.mark.journey
def test_the_logged_model_answers_the_same_in_another_process(build: Build, tmp_path: Path) -> None:
    """A fresh process loads the model with the code that was logged with it."""
    frame = raw_rows("regression")
    rows = json.dumps(frame.astype(object).where(frame.notna(), None).to_dict(orient="list"))
    command = [sys.executable, "-c", LOADED, build.uri, build.model("tune_full")]
    done = subprocess.run(command, input=rows, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["code"].endswith("model/code/hearth/__init__.py")
    answer = pd.DataFrame(said["answer"])
    pd.testing.assert_frame_equal(answer, expected(build.predictor, frame), check_exact=True)


def registered(client: mlflow.MlflowClient) -> tuple[dict[str, int], list[tuple[int, str]]]:
    """The aliases of the registered model, and its versions with their digests."""
    found = [(int(one.version), one.tags["digest"]) for one in client.search_model_versions("name = 'hearth'")]
    aliases = client.get_registered_model("hearth").aliases
    return {alias: int(version) for alias, version in aliases.items()}, sorted(found)


def test_a_build_registers_its_winner_once_a_digest_as_the_challenger(build: Build) -> None:
    """The version is the winner's model, with digest, data and commit; only a champion that is built again is no challenger."""
    client, digest = mlflow.MlflowClient(build.uri), build.predictor.digest
    assert registered(client) == ({"challenger": 1}, [(1, digest)])
    (version,) = client.search_model_versions("name = 'hearth'")
    assert version.run_id == build.runs["tune_full"].info.run_id
    assert version.tags == {"digest": digest, "data": "ab" * 32, "commit": build.runs["select"].data.tags["commit"]}
    frame = raw_rows("regression")
    answer = mlflow.pyfunc.load_model("models:/hearth@challenger").predict(frame)
    pd.testing.assert_frame_equal(answer, expected(build.predictor, frame), check_exact=True)

    where = TrackingParams(enabled=True, uri=build.uri, artifacts="unused", experiment="tiny")
    chosen = params.load(build.place / "params.yaml")
    bundle = export.read(build.place / "data/prepared", build.place / "reports", chosen).bundle(
        read(build.place / "models/experiments/tune_full")
    )
    places = (build.place / "models/experiments", build.place / "reports")
    client.delete_registered_model_alias("hearth", "challenger")
    client.set_registered_model_alias("hearth", "champion", "1")
    tracking.log_build(where, {"tune_full": bundle}, *places, digest, "hearth")
    assert registered(client) == ({"champion": 1}, [(1, digest)])
    tracking.log_build(where, {"tune_full": bundle}, *places, "another", "hearth")
    assert registered(client) == ({"champion": 1, "challenger": 2}, [(1, digest), (2, "another")])


def test_the_logged_model_has_a_signature_and_an_example_that_it_answers(build: Build) -> None:
    """The signature names the features, the ignored one as optional, and leaves numbers open; the example is raw rows."""
    model = mlflow.pyfunc.load_model(build.model("select"))
    inputs = {column.name: (column.type, column.required) for column in model.metadata.get_input_schema()}
    assert inputs == {
        "a": (AnyType(), False),
        "n": (AnyType(), False),
        "k": (DataType.string, False),
        "s": (DataType.boolean, False),
        "w": (AnyType(), False),
        "c": (AnyType(), True),
    }
    outputs = {column.name: column.type.name for column in model.metadata.get_output_schema()}
    assert outputs == {"prediction": "double", "lower": "double", "upper": "double"}
    assert set(model.input_example.columns) == {"a", "n", "k", "s", "c"}
    assert list(model.predict(model.input_example).columns) == list(outputs)


def test_the_logged_model_of_a_classification_names_its_classes(build: Build, tmp_path: Path) -> None:
    """A classification answers with a label as text and a probability for each class."""
    chosen = checkout(tmp_path, "multiclass")
    bundle = export.read(tmp_path / "data/prepared", tmp_path / "reports", chosen).bundle(
        read(tmp_path / "models/experiments/select")
    )
    where = TrackingParams(enabled=True, uri=build.uri, artifacts=str(tmp_path / "runs"), experiment="classes")
    tracking.log_build(where, {"select": bundle}, tmp_path / "models/experiments", tmp_path / "reports", "digest", "m")
    client, frame = mlflow.MlflowClient(build.uri), raw_rows("multiclass")
    run = client.search_runs([client.get_experiment_by_name("classes").experiment_id])[0]
    model = mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/model")
    outputs = {column.name: column.type.name for column in model.metadata.get_output_schema()}
    assert outputs == {"prediction": "string"} | dict.fromkeys(
        ("probability_low", "probability_mid", "probability_top"), "double"
    )
    pd.testing.assert_frame_equal(model.predict(frame), expected(Predictor(bundle), frame), check_exact=True)


def test_the_logged_model_refuses_a_frame_without_a_required_feature(build: Build) -> None:
    """The signature holds where a model is asked."""
    model = mlflow.pyfunc.load_model(build.model("tune_full"))
    with pytest.raises(MlflowException, match=r"missing inputs.*'c'"):
        model.predict(raw_rows("regression").drop(columns="c"))


@pytest.mark.parametrize("dtype", ["int64", "float64", "float32", "Int64", "object"])
def test_the_logged_model_takes_numbers_of_any_type(build: Build, dtype: str) -> None:
    """Whole numbers are answered alike, however pandas holds them."""
    model = mlflow.pyfunc.load_model(build.model("tune_full"))
    frame = raw_rows("regression").assign(a=range(-10, 10), n=[*range(10)] * 2, c=[0, 1] * 10)
    answer = model.predict(frame.astype(dict.fromkeys("anc", dtype)))
    pd.testing.assert_frame_equal(answer, expected(build.predictor, frame), check_exact=True)


def test_the_logged_model_takes_the_repositorys_own_table(build: Build) -> None:
    """As pandas reads it, whole columns as int64; with a gap in one of them too, which makes it float64."""
    bundle, frame = boston()
    with mlflow.start_run(experiment_id=mlflow.create_experiment("boston", (build.place / "boston").as_uri())):
        model = mlflow.pyfunc.load_model(tracking._log_model(bundle).model_uri)
    assert {frame[name].dtype.name for name in ("CHAS", "RAD", "TAX")} == {"int64"}
    pd.testing.assert_frame_equal(model.predict(frame), expected(Predictor(bundle), frame), check_exact=True)
    gap = frame.assign(CHAS=frame["CHAS"].where(frame.index % 2 == 0))
    pd.testing.assert_frame_equal(model.predict(gap), expected(Predictor(bundle), gap), check_exact=True)


def test_the_logged_model_says_where_a_number_is_text(build: Build) -> None:
    """Row and feature are named, and what is wanted there."""
    model = mlflow.pyfunc.load_model(build.model("tune_full"))
    with pytest.raises(HearthError, match="row 1, a: must be a number"):
        model.predict(raw_rows("regression").iloc[1:3].assign(a=[0.5, "much"]))


def test_the_logged_model_says_which_packages_it_needs(build: Build) -> None:
    """The requirements pin what a prediction imports, and nothing of the pipeline."""
    path = mlflow.artifacts.download_artifacts(f"{build.model('tune_full')}/requirements.txt", tracking_uri=build.uri)
    names = {line.partition("==")[0] for line in Path(path).read_text(encoding="utf-8").split()}
    assert names == {"mlflow", "numpy", "scipy", "pandas", "xgboost-cpu"}


def test_a_second_build_adds_runs_to_the_same_experiment(build: Build) -> None:
    """Runs of an experiment that is there already join it."""
    client = mlflow.MlflowClient(build.uri)
    before = client.get_experiment_by_name("tiny").experiment_id
    where = TrackingParams(enabled=True, uri=build.uri, artifacts="unused", experiment="tiny")
    tracking.log_build(where, {}, build.place, build.place, "", "m")
    assert client.get_experiment_by_name("tiny").experiment_id == before
    assert not (build.place / "unused").exists()


def test_logging_restores_what_it_hushed(build: Build) -> None:
    """Log levels, warning filters and the environment are afterwards what they were."""
    before = (dict(os.environ), logging.getLogger("mlflow").level, list(warnings.filters))
    where = TrackingParams(enabled=True, uri=build.uri, artifacts="unused", experiment="tiny")
    tracking.log_build(where, {}, build.place, build.place, "", "m")
    assert (dict(os.environ), logging.getLogger("mlflow").level, list(warnings.filters)) == before


@pytest.mark.parametrize(
    "uri",
    ["http://127.0.0.1:9", "nonsense://nowhere", "./mlruns", "postgresql+nodriver://nowhere/db", "sqlite:////dev/null/x.db"],
)
def test_a_tracking_server_that_fails_is_one_message_and_the_bundle_is_there(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    uri: str,
) -> None:
    """A URI that cannot be reached or is none ends the stage with 1 and one message; the bundle was written before."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.chdir(tmp_path)
    checkout(tmp_path, tracking={"enabled": True, "uri": uri})
    assert main(["export", *export_arguments(tmp_path)]) == 1
    output = capsys.readouterr()
    digest = Predictor.load(tmp_path / "models/production").digest
    assert output.out == f"bundle {digest}\n"
    assert output.err.startswith(f"hearth: MLflow at {uri} failed: ")
    assert "The bundle is written" in output.err
    assert "Traceback" not in output.err
    assert not (tmp_path / "mlruns").exists()


def test_artifacts_that_cannot_be_written_are_a_tracking_error(tmp_path: Path) -> None:
    """A run whose artifacts have no place is marked as failed, and the error names the way out."""
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    (tmp_path / "file").touch()
    where = {"enabled": True, "uri": uri, "artifacts": str(tmp_path / "file/runs"), "experiment": "tiny"}
    chosen = checkout(tmp_path, tracking=where)
    build = export.read(tmp_path / "data/prepared", tmp_path / "reports", chosen)
    bundles = {"select": build.bundle(read(tmp_path / "models/experiments/select"))}
    with pytest.raises(TrackingError, match="enabled: false"):
        tracking.log_build(chosen.tracking, bundles, tmp_path / "models/experiments", tmp_path / "reports", "digest", "m")
    assert [run.info.status for run in mlflow.MlflowClient(uri).search_runs(["1"])] == ["FAILED"]


def test_outside_a_repository_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commit is ``none`` where git knows of none, or where there is no git."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert tracking.commit() == "none"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert tracking.commit() == "none"


def test_the_commit_is_marked_where_the_checkout_was_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commit is git's, with ``-dirty`` after a change."""
    monkeypatch.chdir(tmp_path)
    identity = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
    (tmp_path / "file").write_text("one", encoding="utf-8")
    for words in (["init", "--quiet"], ["add", "file"], [*identity, "commit", "--quiet", "-m", "one"]):
        subprocess.run(["git", *words], check=True)
    clean = tracking.commit()
    assert len(clean) == 40
    (tmp_path / "file").write_text("two", encoding="utf-8")
    assert tracking.commit() == f"{clean}-dirty"
