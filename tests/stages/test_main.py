"""The only door from ``dvc.yaml`` to the stages."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests.tiny import raw_params

from hearth.stages import ingest
from hearth.stages.__main__ import BOOSTING, STAGES, main

ROOT = Path(__file__).parents[2]


def test_every_stage_has_a_module_and_every_module_is_a_stage() -> None:
    """The names are those of the modules beside ``__main__``, and hold all stages of dvc.yaml."""
    modules = {path.stem for path in (ROOT / "src/hearth/stages").glob("*.py") if not path.stem.startswith("_")}
    graph = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    assert modules == STAGES
    assert set(graph) == STAGES - {"nested"}


@pytest.mark.parametrize("argv", [[], ["unknown"], ["__main__"], ["ingest.py"]])
def test_an_unknown_stage_is_one_message_that_names_those_there_are(
    capsys: pytest.CaptureFixture[str], argv: list[str]
) -> None:
    """The exit code is 1 and nothing is imported."""
    assert main(argv) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith(f"hearth: no stage {argv[0] if argv else ''!r}; there are evaluate, export, ingest")


def test_the_rest_of_the_arguments_go_to_the_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage that ends well is exit code 0."""
    heard: list[list[str]] = []
    monkeypatch.setattr(ingest, "main", heard.append)
    assert main(["ingest", "--a", "b"]) == 0
    assert heard == [["--a", "b"]]


def test_what_a_person_can_mend_is_one_message_and_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Settings that cannot be used are named, without a traceback, before anything is written."""
    raw = raw_params()
    raw["prepare"]["test_size"] = 2.0
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")
    out = tmp_path / "out"
    assert main(["prepare", "--params", str(tmp_path / "params.yaml"), "--raw", str(tmp_path), "--out", str(out)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("hearth: ")
    assert "prepare.test_size" in error
    assert not out.exists()


def test_what_is_a_fault_of_the_code_is_no_message() -> None:
    """Any other error is raised as it is."""
    with pytest.raises(SystemExit):
        main(["prepare", "--unknown"])


@pytest.mark.usefixtures("unmeasured")
def test_a_stage_that_boosts_does_not_import_what_xgboost_would_drag_in() -> None:
    """In a fresh process a search is imported without pandas and without a plotting or reporting library."""
    code = (
        "import sys; from hearth.imports import boosting; boosting(); import hearth.stages.tune_full;"
        "print(sorted({'pandas', 'matplotlib', 'mlflow', 'jinja2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout == "[]\n"
    assert BOOSTING < STAGES


@pytest.mark.usefixtures("unmeasured")
def test_the_module_runs_as_a_command(tmp_path: Path) -> None:
    """``python -m hearth.stages`` ends with the exit code of ``main`` and its message on standard error."""
    command = [sys.executable, "-m", "hearth.stages", "prepare", "--params", "absent.yaml", "--raw", "x", "--out", "y"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("hearth: there is no absent.yaml")
    assert list(tmp_path.iterdir()) == []
