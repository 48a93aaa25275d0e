"""Where MLflow's files lie, seen from anywhere."""

import sqlite3
from pathlib import Path

import pytest

from hearth.params import TrackingParams
from hearth.release.places import database, located, shared


def tracking(uri: str, artifacts: str = "runs") -> TrackingParams:
    """Settings."""
    return TrackingParams(enabled=True, uri=uri, artifacts=artifacts, experiment="x")


@pytest.mark.parametrize(
    ("uri", "there"),
    [
        ("sqlite:///mlflow.db", "sqlite:////home/mlflow.db"),
        ("sqlite:////var/mlflow.db", "sqlite:////var/mlflow.db"),
        ("http://mlflow:5000", "http://mlflow:5000"),
    ],
)
def test_a_relative_database_is_one_of_the_root(uri: str, there: str) -> None:
    """Others are what they are."""
    assert located(tracking(uri), Path("/home")).uri == there


def test_only_sqlite_has_a_file() -> None:
    """The path as the settings write it."""
    assert database(tracking("sqlite:///a/b.db")) == Path("a/b.db")
    assert database(tracking("postgresql://x/y")) is None


def test_a_worktree_logs_to_the_main_checkout(tmp_path: Path) -> None:
    """Also where nothing was logged before: database and artifacts come to lie there."""
    root, tree = tmp_path / "root", tmp_path / "tree"
    root.mkdir()
    tree.mkdir()
    shared(tracking("sqlite:///log/mlflow.db"), root, tree)
    with sqlite3.connect(tree / "log/mlflow.db") as connection:
        connection.execute("create table t (x)")
    connection.close()
    (tree / "runs/artifact").touch()
    assert (root / "log/mlflow.db").stat().st_size > 0
    assert (root / "runs/artifact").exists()
    assert (tree / "runs").resolve() == root / "runs"


def test_what_is_absolute_or_elsewhere_needs_no_link(tmp_path: Path) -> None:
    """Nothing is made in the worktree."""
    shared(tracking("sqlite:////var/x.db", "s3://bucket/runs"), tmp_path, tmp_path / "tree")
    shared(tracking("http://mlflow", str(tmp_path / "runs")), tmp_path, tmp_path / "tree")
    assert not (tmp_path / "tree").exists()
