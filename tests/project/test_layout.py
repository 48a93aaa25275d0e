"""The files of a project, beside those of this repository."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from tests.tiny import csv_text

from hearth import params
from hearth.errors import HearthError
from hearth.project import layout
from hearth.project.layout import Project, graph, guessed_project, lay
from hearth.project.table import guess

ROOT = Path(__file__).parents[2]
GRAPH = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
ODD = [
    "a b", "x/y", "\u20ac", "__proto__", "null", "Y", "k: v", "<<", "-", "#", "{", "'", "1", "[a]", "true", "*", "&x", "%", "@",
    400 * "x", "? y", "a, b", " lead",
]  # fmt: skip


def code(stage: str) -> Sequence[str]:
    """The files of code that a stage of this repository depends on."""
    return [path for path in GRAPH["stages"][stage]["deps"] if path.startswith("src/")]


def odd_table(place: Path) -> Path:
    """A table whose columns have names that YAML, shells and browsers take for something else."""
    rows = [",".join(str((i * (at + 2) % 23) / 7) for at in range(len(ODD))) + f",{i % 2}" for i in range(60)]
    (place / "odd.csv").write_text("\n".join([",".join(f'"{name}"' for name in ODD) + ",class", *rows, ""]), encoding="utf-8")
    return place / "odd.csv"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table of each type of column."""
    (tmp_path / "t.csv").write_text(csv_text(), encoding="utf-8")
    return tmp_path / "t.csv"


@pytest.fixture
def project(table: Path) -> Project:
    """The project of it."""
    return guessed_project("a table", guess(table, "y"))


def test_one_template_makes_the_graph_of_this_repository_too() -> None:
    """To the byte: who changes the one changes the other."""
    files = [path for path in GRAPH["stages"]["ingest"]["deps"] if path.startswith("data/bundled/")]
    made = graph("rmse", files, {stage: code(stage) for stage in GRAPH["stages"]})
    assert made == (ROOT / "dvc.yaml").read_text(encoding="utf-8")
    assert tuple(GRAPH["stages"]) == layout.STAGES


def test_the_settings_of_a_project_are_those_of_this_repository_but_for_its_table(project: Project) -> None:
    """Every line outside data, features and card stands in both, comments included."""
    ours = (ROOT / "params.yaml").read_text(encoding="utf-8")
    sections = {text.split(":", 1)[0]: text for text in ours.split("\n\n")[1:]}
    own = ("data", "# The contract", "card")
    shared = {name: text for name, text in sections.items() if not name.startswith(own)}
    assert len(shared) > 6
    for text in shared.values():
        assert text.strip() in project.params


def test_a_project_has_what_two_commands_need(project: Project, table: Path, tmp_path: Path) -> None:
    """Settings that are read, a graph over them, the table as it was, git and DVC, everything staged."""
    lay(project, table, tmp_path / "made")
    made = tmp_path / "made"
    settings = params.load(made / "params.yaml")
    assert settings.contract == guess(table, "y").contract
    assert (made / settings.data.csv.path).read_bytes() == table.read_bytes()  # type: ignore[union-attr]
    stages = yaml.safe_load((made / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    assert stages["ingest"]["deps"] == ["data/table.csv", "data/feedback.csv", "hearth.version"]
    assert all("hearth.version" in stage["deps"] for stage in stages.values())
    staged = subprocess.run(["git", "diff", "--cached", "--name-only"], cwd=made, capture_output=True, text=True, check=True)
    written = {"params.yaml", "dvc.yaml", "Makefile", "README.md", ".gitignore", "data/table.csv", "data/feedback.csv"}
    assert written | {".dvc/config"} <= set(staged.stdout.splitlines())
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    listed = subprocess.run(["make"], cwd=made, capture_output=True, text=True, check=True).stdout
    assert "make repro" in listed
    assert "make serve" in listed


def test_a_lock_that_a_build_was_killed_in_is_mended_before_a_build(project: Project, table: Path, tmp_path: Path) -> None:
    """In a project as in this repository; what cannot be mended is not built on."""
    lay(project, table, tmp_path / "made")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, code in (("hearth", "0"), ("dvc", "0"), ("python", "$CODE")):
        (programs / name).write_text(f'#!/bin/sh\necho {name} "$@" >&2\nexit {code}\n', encoding="utf-8")
        (programs / name).chmod(0o755)
    make = ["make", f"BIN={programs}", "repro"]
    for code, calls in (("0", ["python -m hearth.release.mending", "dvc repro"]), ("3", ["python -m hearth.release.mending"])):
        done = subprocess.run(
            make, cwd=tmp_path / "made", env={**os.environ, "CODE": code}, capture_output=True, text=True, check=False
        )
        assert [line for line in done.stderr.splitlines() if line.startswith(("python", "dvc"))] == calls
        assert (done.returncode == 0) is (code == "0")
    ours = ["make", "--no-print-directory", "--dry-run", "--old-file=.venv/.train", "repro"]
    lines = subprocess.run(ours, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert [line.split("/bin", 1)[1].split(" ", 1)[1] for line in lines] == ["-m hearth.release.mending", "dvc repro"]


def test_names_that_yaml_takes_for_something_else_stay_names(tmp_path: Path) -> None:
    """And titles and targets too."""
    guessed = guess(odd_table(tmp_path), "class")
    lay(guessed_project("- a: {title} # ", guessed), tmp_path / "odd.csv", tmp_path / "made")
    settings = params.load(tmp_path / "made" / "params.yaml")
    assert [feature.name for feature in settings.contract.features] == ODD
    assert settings.contract == guessed.contract
    assert settings.card.title == "- a: {title} # "


def test_nothing_is_overwritten(project: Project, table: Path, tmp_path: Path) -> None:
    """A file or a folder that holds something stays; an empty folder is filled."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    for place in (tmp_path / "full", table):
        with pytest.raises(HearthError, match="is there already: name another place with --out"):
            lay(project, table, place)
    assert (tmp_path / "full" / "mine").exists()
    (tmp_path / "empty").mkdir()
    lay(project, table, tmp_path / "empty")
    assert (tmp_path / "empty" / "params.yaml").exists()


def test_what_fails_leaves_nothing(project: Project, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No half of a project, and a message with what git or DVC said."""
    before = {path.name for path in tmp_path.iterdir()}
    monkeypatch.setattr(sys, "executable", str(ROOT / "no" / "python"))
    with pytest.raises((HearthError, FileNotFoundError)):
        lay(project, table, tmp_path / "made")
    assert {path.name for path in tmp_path.iterdir()} == before
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HearthError, match="git is not installed"):
        lay(project, table, tmp_path / "made")


def test_a_large_table_is_dvcs(project: Project, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git holds sources and small files."""
    monkeypatch.setattr(layout, "LARGE", 100)
    lay(project, table, tmp_path / "made")
    assert (tmp_path / "made/data/table.csv.dvc").is_file()
    assert "/table.csv" in (tmp_path / "made/data/.gitignore").read_text()
