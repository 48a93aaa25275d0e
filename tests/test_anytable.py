"""Any table gets to a served, explained, watched prediction, or is refused in words that a person can act on."""

from pathlib import Path

import pytest
from benchmarks.anytable.hostile import COLUMNS, DAMAGES, NAMES, Hostile, files, written
from benchmarks.anytable.trial import tried
from benchmarks.anytable.way import TINY, asked, built, configure, hearth
from hypothesis import HealthCheck, given, settings
from tests.laws import drawn

pytestmark = pytest.mark.journey

SHORT = [name for name in NAMES if name.isprintable() and len(name) < 100]
FEW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example)


@given(files())
@settings(max_examples=drawn(60), deadline=None, suppress_health_check=FEW)
def test_whatever_the_file_there_is_a_project_or_a_message(file: Hostile) -> None:
    """Settings that say what was guessed, or one error whose lines a terminal can show; nothing else is ever raised."""
    assert tried(file, whole=False)[0] in ("guessed", "refused")


@given(files(sound=True))
@settings(max_examples=drawn(30), deadline=None, suppress_health_check=FEW)
def test_what_surrounds_a_sound_column_leads_to_a_project_or_a_message(file: Hostile) -> None:
    """The same of files that have what a model needs."""
    assert tried(file, whole=False)[0] in ("guessed", "refused")


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_read_or_says_what_to_change(damage: str) -> None:
    """Marks, line ends, encodings, zero bytes, rows of other lengths, quotes, and files that are no table at all."""
    content = DAMAGES[damage](written(["a", "b", "y"], ["number", "text", "whole"], 60))
    outcome, message = tried(Hostile(content, "y"), whole=False)
    harmless = damage in {"none", "mark", "windows", "mac", "open", "spread", "tail"}
    assert outcome == ("guessed" if harmless else "refused"), message
    assert harmless == (message == "")


@pytest.mark.parametrize("kind", COLUMNS)
def test_a_column_of_any_kind_is_used_left_out_or_says_what_to_change(kind: str) -> None:
    """As a feature and as the target."""
    for columns in (["number", kind, "whole"], ["number", "text", kind]):
        outcome, message = tried(Hostile(written(["a", "b", "y"], columns, 60), "y"), whole=False)
        assert (outcome == "refused") == bool(message)


@pytest.mark.parametrize(
    ("columns", "goal"),
    [
        (["number", "text", "truth", "missing", "once", "small", "near", "words", "large", "gaps"], "negative"),
        (["one gap", "beyond", "labels", "emoji", "markup", "quotes", "tiny", "date"], "rare"),
    ],
)
def test_odd_tables_are_served_explained_and_watched(columns: list[str], goal: str) -> None:
    """Names that YAML, JSON, HTML or Python take for something else; a byte order mark and the line ends of Windows."""
    kinds = [columns[i % len(columns)] for i in range(len(SHORT) - 1)]
    if goal == "rare":
        kinds, goal = kinds[:12], "truth"
    content = DAMAGES["windows"](DAMAGES["mark"](written([*SHORT[: len(kinds)], "y"], [*kinds, goal], 60)))
    assert tried(Hostile(content, "y"), whole=True) == ("served", "")


def test_five_hundred_columns_get_all_the_way(tmp_path: Path) -> None:
    """By the command, through every stage, to the service."""
    names = [*(f"column {i}" for i in range(500)), "class"]
    kinds = [("number", "text", "gaps", "truth", "missing")[i % 5] for i in range(500)]
    (tmp_path / "wide.csv").write_bytes(written(names, [*kinds, "text"], 80))
    done = hearth("init", str(tmp_path / "wide.csv"), "--target", "class", "--out", str(tmp_path / "wide"))
    assert (done.code, done.err) == (0, "")
    configure(tmp_path / "wide", TINY)
    assert built(tmp_path / "wide").code == 0
    assert asked(tmp_path / "wide", singly=2).rows > 200
