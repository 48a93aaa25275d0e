"""Tiny projects, built once a run and copied for each test."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest
from tests.once import once
from tests.release import learning, projects
from tests.release.dying import Reaper
from tests.release.dying import reaper as start
from tests.release.learning import Learning
from tests.release.projects import Project

from hearth.artifacts import write_json
from hearth.release.registry import METADATA


@pytest.fixture(autouse=True)
def _commands_of_dvc(unmeasured: None) -> None:
    """They are not Hearth's code."""


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with three bundles; not to be changed."""
    return projects.found(once(tmp_path_factory, "project", projects.make))


@pytest.fixture
def project(original: Project, tmp_path: Path) -> Project:
    """A copy of its own."""
    return original.copy(tmp_path / "project")


@pytest.fixture(scope="session")
def learner(tmp_path_factory: pytest.TempPathFactory) -> Learning:
    """A project that can learn, with its first build; not to be changed."""
    return learning.found(once(tmp_path_factory, "learning", learning.make))


@pytest.fixture
def learning_project(learner: Learning, tmp_path: Path) -> Learning:
    """A copy of its own."""
    return learner.copy(tmp_path / "learning")


@pytest.fixture(scope="session")
def reaper() -> Iterator[Reaper]:
    """What lets changes of the champion die."""
    with start() as process:
        yield Reaper(process)
        assert process.stdin is not None
        process.stdin.close()
        process.wait()


@pytest.fixture(scope="session")
def database(original: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's database with a version for each bundle of the project: the first is champion, the third challenger."""
    folder = tmp_path_factory.mktemp("mlflow")
    client = mlflow.MlflowClient(f"sqlite:///{folder}/mlflow.db")
    client.create_registered_model("hearth")
    for number, digest in enumerate(original.digests, 1):
        write_json(folder / str(number) / METADATA, metadata(number))
        tags = {"digest": digest, "data": "dd" if number < 3 else "ee", "commit": f"{original.commits[number - 1]}-dirty"}
        client.create_model_version("hearth", str(folder / str(number)), tags=tags)
    client.set_registered_model_alias("hearth", "champion", "1")
    client.set_registered_model_alias("hearth", "challenger", "3")
    return folder / "mlflow.db"


def metadata(number: int) -> dict[str, object]:
    """What the bundle of a version says of itself."""
    score = 4.0 - number
    return {
        "task": "regression",
        "winner": "tune_full",
        "metrics": {
            "cv": {"rmse": {"mean": score, "sd": 0.5}},
            "test": {
                "rmse": {"value": score, "low": score - 1, "high": score + 1},
                "r2": {"value": None, "low": None, "high": 1},
            },
        },
        "recipe": {"rounds": 10 * number, "percentile": None, "params": {"max_depth": 3}},
        "features": ["a", "b"],
        "versions": {"xgboost": "3.2.0"},
        "data": {"source": "csv", "sha256": "dd" if number < 3 else "ee", "version": None, "rows": 9},
        "training_rows": 7,
    }


@pytest.fixture
def registered(project: Project, database: Path) -> Iterator[Project]:
    """A project with a registry of its own."""
    before = mlflow.get_tracking_uri()
    shutil.copy(database, project.root / "mlflow.db")
    yield project
    mlflow.set_tracking_uri(before)
