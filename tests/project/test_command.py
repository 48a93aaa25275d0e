"""``hearth init``: what it says and what it refuses."""

import sys
from pathlib import Path

import pytest
import yaml
from tests.tiny import csv_text

from hearth import cli


def said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str, str]:
    """The exit code of a call, and what it wrote."""
    monkeypatch.setattr(sys, "argv", ["hearth", "init", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return end.value.code, *capsys.readouterr()


def test_what_was_assumed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Task, type and reason of each column, and what to do next; a second time nothing is touched."""
    monkeypatch.chdir(tmp_path)
    Path("sales.csv").write_text(csv_text("multiclass"), encoding="utf-8")
    code, out, err = said(monkeypatch, capsys, "sales.csv", "--target", "y")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "classification of 'y', 90 rows: the target is text, 3 different ones"
    assert lines[3] == "  'k'  category  3 different texts, may be missing"
    assert lines[-1] == "Correct what is wrong in sales/params.yaml, then: cd sales && make repro && make serve"
    before = Path("sales/params.yaml").read_bytes()
    code, out, err = said(monkeypatch, capsys, "sales.csv", "--target", "y")
    assert (code, out) == (1, "")
    assert "sales is there already: name another place with --out" in err
    assert Path("sales/params.yaml").read_bytes() == before


def test_a_preset_is_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder of its name, or of the name given, which is not touched a second time."""
    monkeypatch.chdir(tmp_path)
    code, out, err = said(monkeypatch, capsys, "--preset", "obesity")
    assert (code, err) == (0, "")
    assert "classification of 'NObeyesdad', 16 features, by the preset obesity, which `make repro` downloads from https:" in out
    assert out.splitlines()[-1].endswith("Next: cd obesity && make repro && make serve")
    ingest = yaml.safe_load(Path("obesity/dvc.yaml").read_text(encoding="utf-8"))["stages"]["ingest"]
    assert ingest["deps"] == ["data/feedback.csv", "hearth.version"]
    assert "https://" in Path("obesity/README.md").read_text(encoding="utf-8")
    before = Path("obesity/params.yaml").read_bytes()
    code, out, err = said(monkeypatch, capsys, "--preset", "obesity")
    assert (code, out) == (1, "")
    assert "obesity is there already" in err
    assert Path("obesity/params.yaml").read_bytes() == before


@pytest.mark.parametrize("name", ["a\nb.csv", "odd\udcff.csv"])
def test_a_path_that_no_line_can_hold_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """Line ends, and bytes that are no text; the message can be printed."""
    monkeypatch.chdir(tmp_path)
    Path(name).write_text(csv_text(), encoding="utf-8")
    code, out, err = said(monkeypatch, capsys, name, "--target", "y")
    assert (code, out) == (1, "")
    assert err == f"hearth: {name!a}: a path must be text on one line, rename it\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("none.csv", "--target", "y"), "none.csv is no file that can be read"),
        ((".", "--target", "y"), ". is no file that can be read"),
        (("sales.csv", "--target", "z"), "there is no column 'z'"),
        (("sales.csv", "--target", "y", "--task", "ranking"), "'ranking' is not one of"),
        (("sales.csv",), "Missing option '--target'"),
        ((), "name a CSV file and --target COLUMN, or a --preset"),
        (("sales.csv", "--target", "y", "--data", "sales.csv"), "--data goes with --preset"),
        (("--preset", "obesity", "--target", "y"), "a preset has its own target and task"),
        (("--preset", "obesity", "sales.csv"), "sales.csv is a file: with --preset that is the folder to make"),
        (("--preset", "obesity", "a", "--out", "b"), "both name the folder to make"),
        (("--preset", "obesity", "--data", "none.csv"), "none.csv is no file that can be read"),
        (("sales.csv", "--target", "y", "--out", "sales.csv/x"), "is it yours to read, and --out a place to write?"),
        (("sales.csv", "--target", "y", "--out", 300 * "x"), "File name too long: is it yours to read"),
    ],
)
def test_a_call_at_fault_says_what_to_change(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    words: str,
) -> None:
    """With exit code 1 and nothing made."""
    monkeypatch.chdir(tmp_path)
    Path("sales.csv").write_text(csv_text(), encoding="utf-8")
    code, out, err = said(monkeypatch, capsys, *arguments)
    assert (code, out) == (1, "")
    assert words in err
    assert [path.name for path in tmp_path.iterdir()] == ["sales.csv"]
