"""``hearth gate``: exit codes, the file, and what is refused before it is touched."""

import json
import os
import shutil
from functools import partial
from pathlib import Path

import pytest
from tests.cli.conftest import Call
from tests.tiny import cells, checkout, export_arguments

from hearth.cli.gate import KEPT
from hearth.release import verdict
from hearth.stages import export

BUNDLE = "models/production"


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three checkouts with their bundles: a poor champion, a good candidate of the same table, a classifier."""
    found = tmp_path_factory.mktemp("places")
    slow = {"rounds": {"low": 2, "high": 2, "integer": True}, "learning_rate": {"low": 0.05, "high": 0.05}}
    good = {"rounds": {"low": 40, "high": 40, "integer": True}, "learning_rate": {"low": 0.3, "high": 0.3}}
    checkout(found / "champion", columns=cells(rows=120), tuning={"space": slow}, evaluate={"folds": 3, "repeats": 2})
    checkout(found / "candidate", columns=cells(rows=120), tuning={"space": good})
    checkout(found / "classifier", "binary")
    for place, winner in (("champion", "tune_full"), ("candidate", "tune_full"), ("classifier", "tune_full")):
        assert json.loads((found / place / "reports/metrics.json").read_text())["winner"] == winner
        export.main(export_arguments(found / place))
    return found


@pytest.fixture
def gate(hearth: Call, places: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    """Calls ``hearth gate`` in an empty folder, with the settings of the champion's checkout."""
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(places / "champion/params.yaml", tmp_path / "params.yaml")
    return partial(hearth, "gate")


def test_a_better_candidate_exits_0_and_a_worse_one_3(gate: Call, places: Path) -> None:
    """Either verdict is written; what is printed has both bundles, the difference, and the decision."""
    code, out, err = gate(places / "candidate", places / "champion")
    assert (code, err) == (0, "")
    first = verdict.read(Path("reports/verdict.json"))
    assert first.promoted
    assert first.champion
    assert out.splitlines()[-1] == "Decision: promote."
    assert all(word in out for word in (first.candidate.digest[:12], first.champion.digest[:12], "90 % interval", "rmse"))
    code, out, err = gate(places / "champion", places / "candidate", "--out", "other.json")
    assert (code, err) == (KEPT, "") == (3, "")
    assert verdict.read(Path("other.json")).decision == "keep"
    assert verdict.read(Path("reports/verdict.json")) == first


def test_the_first_exits_0_and_the_same_again_3(gate: Call, places: Path) -> None:
    """No champion is no obstacle; the same digest is nothing new."""
    code, out, err = gate(places / "candidate")
    assert (code, err) == (0, "")
    assert "There is no champion" in out
    assert verdict.read(Path("reports/verdict.json")).method == "first"
    code, out, err = gate(places / "candidate", places / "candidate")
    assert (code, err) == (3, "")
    assert "nothing to compare" in out


def test_a_build_is_named_by_its_bundle_or_by_its_checkout(
    gate: Call, places: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The data lie beside, or where an option says; the place of neither is in the verdict."""
    arguments = ("--by", "me", "--out")
    assert gate(places / "candidate", places / "champion", *arguments, "one.json")[0] == 0
    assert gate(places / "candidate" / BUNDLE, places / "champion" / BUNDLE, *arguments, "two.json")[0] == 0
    shutil.copytree(places / "candidate" / BUNDLE, tmp_path / "elsewhere")
    shutil.copytree(places / "champion/data", tmp_path / "old")
    shutil.copytree(places / "champion" / BUNDLE, tmp_path / "champion")
    data = ("--candidate-data", places / "candidate/data", "--champion-data", tmp_path / "old")
    assert gate("elsewhere", "champion", *data, *arguments, "three.json")[0] == 0
    texts = {Path(f"{name}.json").read_bytes() for name in ("one", "two", "three")}
    assert len(texts) == 1
    assert str(places).encode() not in texts.pop()
    monkeypatch.chdir(places / "candidate" / BUNDLE)
    four = tmp_path / "four.json"
    assert gate(".", "../../../champion", "--params", tmp_path / "params.yaml", *arguments, four)[0] == 0
    assert four.read_bytes() == (tmp_path / "one.json").read_bytes()


@pytest.mark.parametrize("champion", [True, False])
def test_a_replay_gives_the_verdict_again(gate: Call, places: Path, champion: bool) -> None:
    """To the byte, by the rule and the name in the file, whatever the settings say now; nothing is written."""
    sides = [places / "candidate", *([places / "champion"] if champion else [])]
    assert gate(*sides, "--by", "me")[0] == 0
    Path("params.yaml").unlink()
    before = Path("reports/verdict.json").stat()
    code, _, err = gate(*sides, "--replay", "reports/verdict.json")
    assert (code, err) == (0, "")
    after = Path("reports/verdict.json").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_replay_says_what_comes_out_otherwise(gate: Call, places: Path) -> None:
    """Exit code 1 for a file with another figure, or for other builds."""
    assert gate(places / "candidate", places / "champion")[0] == 0
    path = Path("reports/verdict.json")
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"method": "recipes"', '"method": "rows"'), encoding="utf-8")
    code, _, err = gate(places / "candidate", places / "champion", "--replay", path)
    assert code == 1
    assert err == f"hearth: {path} does not come out again:\n  - method: rows in the file, recipes now\n"
    path.write_text(text + " \n", encoding="utf-8")
    code, _, err = gate(places / "candidate", places / "champion", "--replay", path)
    assert code == 1
    assert "its bytes are not those" in err
    path.write_text(text, encoding="utf-8")
    code, _, err = gate(places / "champion", places / "candidate", "--replay", path)
    assert code == 1
    assert "  - decision: promote in the file, keep now\n" in err


def test_who_asks_is_the_user_of_git_or_hearth(gate: Call, places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless an option names one."""
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, os.devnull)
    expected = {"hearth": (), "ci": ("--by", "ci")}
    for name, options in expected.items():
        assert gate(places / "candidate", *options)[0] == 0
        assert verdict.read(Path("reports/verdict.json")).by == name
    Path("git.ini").write_text("[user]\nname = Ada\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "git.ini")
    gate(places / "candidate")
    assert verdict.read(Path("reports/verdict.json")).by == "Ada"
    monkeypatch.setenv("PATH", "")
    gate(places / "candidate")
    assert verdict.read(Path("reports/verdict.json")).by == "hearth"


def damaged(place: Path, name: str, data: bytes | None) -> None:
    """Overwrite a file of a checkout, or remove it."""
    if data is None:
        (place / name).unlink()
    else:
        (place / name).write_bytes(data)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        (f"{BUNDLE}/manifest.json", None, "manifest.json cannot be read"),
        (f"{BUNDLE}/model.ubj", b"x", "model.ubj is not the file that was written"),
        ("data/prepared/train.parquet", None, "train.parquet cannot be read"),
        ("data/prepared/test.parquet", b"PAR1", "test.parquet cannot be read"),
        ("data/raw/table.parquet", None, "table.parquet cannot be read"),
    ],
)
@pytest.mark.parametrize("side", ["candidate", "champion"])
def test_what_cannot_be_judged_exits_1_and_leaves_the_verdict_as_it_was(
    gate: Call, places: Path, tmp_path: Path, name: str, data: bytes | None, said: str, side: str
) -> None:
    """A missing or damaged file of either: no half verdict, no promotion."""
    for each in ("candidate", "champion"):
        shutil.copytree(places / each, tmp_path / each)
    damaged(tmp_path / side, name, data)
    Path("verdict.json").write_text("old")
    code, out, err = gate("candidate", "champion", "--out", "verdict.json")
    assert (code, out) == (1, "")
    assert err.startswith("hearth: ")
    assert said in err
    assert Path("verdict.json").read_text() == "old"


def test_builds_of_different_targets_exit_1(gate: Call, places: Path) -> None:
    """As a fault of the call, not as a candidate that is not better."""
    code, out, err = gate(places / "classifier", places / "champion")
    assert (code, out) == (1, "")
    assert "they answer different questions" in err
    assert not Path("reports").exists()


@pytest.mark.parametrize(
    ("words", "said"), [(("--out", "."), ". cannot be written"), (("--by", "a\udcff"), "no text in UTF-8")]
)
def test_a_verdict_that_cannot_be_written_exits_1(gate: Call, places: Path, words: tuple[str, ...], said: str) -> None:
    """It is the caller's to mend."""
    code, _, err = gate(places / "candidate", *words)
    assert (code, said in err) == (1, True)
    assert not Path("reports/verdict.json").exists()


def test_settings_that_cannot_be_used_exit_1(gate: Call, places: Path) -> None:
    """And a folder without any data."""
    Path("params.yaml").unlink()
    code, _, err = gate(places / "candidate")
    assert code == 1
    assert "there is no params.yaml: run this in the folder of a project" in err
    shutil.copyfile(places / "champion/params.yaml", "params.yaml")
    code, _, err = gate(places / "candidate", "--candidate-data", places)
    assert code == 1
    assert "prepared/train.parquet cannot be read" in err or "raw/table.parquet cannot be read" in err
