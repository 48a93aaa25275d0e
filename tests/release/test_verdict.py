"""The file of a verdict: stable bytes, read back as it was, refused where it is not one."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError
from tests.tiny import settings

from hearth.errors import GateError
from hearth.release.verdict import Outcome, Rule, Side, Verdict, differences, read

RULE = Rule(alpha=0.05, min_rows=200, folds=5, repeats=5, seed=0)
SIDE = Side(digest="ab" * 32, sha256={"table": "cd" * 32}, rows={"table": 506})
OUTCOME = Outcome(
    metric="rmse",
    rows=300,
    candidate=3.123456789,
    champion=3.5,
    difference=-1 / 3,
    low=-0.5,
    high=-0.1,
    confidence=0.9,
    p_value=1e-9,
)


def verdict(**changed: object) -> Verdict:
    """A verdict with some fields changed."""
    fields: dict[str, object] = {
        "decision": "promote",
        "method": "rows",
        "reasons": ("one", "two"),
        "candidate": SIDE,
        "champion": SIDE,
        "outcome": OUTCOME,
        "rule": RULE,
        "rule_in_words": RULE.words,
        "by": "ö",
        "versions": {"hearth": "1"},
    }
    return Verdict.model_validate(fields | changed)


@pytest.mark.parametrize("changed", [{}, {"champion": None, "outcome": None, "method": "first"}, {"decision": "keep"}])
def test_what_is_written_is_read_back_the_same(tmp_path: Path, changed: dict[str, object]) -> None:
    """To the last figure, and writing it again gives the same bytes."""
    made = verdict(**changed)
    made.write(tmp_path / "new" / "verdict.json")
    again = read(tmp_path / "new" / "verdict.json")
    assert again == made
    assert again.text().encode() == (tmp_path / "new" / "verdict.json").read_bytes()


def test_figures_have_six_digits() -> None:
    """Also before they are written, so that a decision is made on what the file shows."""
    assert OUTCOME.candidate == 3.12346
    assert OUTCOME.difference == -0.333333
    assert '"difference": -0.333333,' in verdict().text()


def test_only_a_promotion_is_one() -> None:
    """Whoever asks `promoted` need not know the words."""
    assert verdict().promoted
    assert not verdict(decision="keep").promoted


def test_the_rule_comes_from_the_settings_and_says_what_it_is() -> None:
    """Each of its numbers stands in its words."""
    chosen = settings(release={"alpha": 0.01, "min_rows": 321}, evaluate={"folds": 7, "repeats": 4, "seed": 9})
    rule = Rule.of(chosen)
    assert (rule.alpha, rule.min_rows, rule.folds, rule.repeats, rule.seed) == (0.01, 321, 7, 4, 9)
    assert all(word in rule.words for word in ("0.01", "321", "7-fold", "4 times"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Invalid JSON"),
        (verdict().text()[:-50], "Invalid JSON"),
        (verdict().text().replace('"format": 1', '"format": 2'), "format"),
        (verdict().text().replace('"promote"', '"maybe"'), "decision"),
        (verdict().text().replace('"alpha": 0.05', '"alpha": 0.7'), "rule.alpha"),
        (verdict().text().replace('"rows": 300', '"rows": "300"'), "outcome.rows"),
        (verdict().text().replace('"by"', '"time": 1, "by"'), "time"),
    ],
)
def test_what_is_no_verdict_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """With the field that is wrong; half a file, another format, an unknown or ill-typed field."""
    (tmp_path / "verdict.json").write_text(text, encoding="utf-8")
    with pytest.raises(GateError, match=r"verdict\.json is not a verdict") as error:
        read(tmp_path / "verdict.json")
    assert said in str(error.value)


def test_a_missing_verdict_is_refused(tmp_path: Path) -> None:
    """By name, with what writes it."""
    with pytest.raises(GateError, match=r"none\.json cannot be read: No such file.* hearth gate writes it"):
        read(tmp_path / "none.json")


def test_a_verdict_does_not_change_and_holds_no_infinity() -> None:
    """It is evidence."""
    with pytest.raises(ValidationError):
        verdict().decision = "keep"
    with pytest.raises(ValidationError):
        OUTCOME.model_validate({**OUTCOME.model_dump(), "p_value": float("nan")})


def test_a_verdict_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole, and nothing beside it."""
    verdict().write(tmp_path / "verdict.json")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        verdict(decision="keep").write(tmp_path / "verdict.json")
    assert read(tmp_path / "verdict.json") == verdict()
    assert [path.name for path in tmp_path.iterdir()] == ["verdict.json"]


def test_what_differs_is_named_by_its_place() -> None:
    """A line a value, old and new; nothing where nothing does."""
    assert differences(verdict(), verdict()) == []
    changed = verdict(reasons=("one", "three", "four"), outcome=OUTCOME.model_copy(update={"p_value": 0.5}))
    assert differences(verdict(), changed) == [
        "reasons.1: two in the file, three now",
        "outcome.p_value: 1e-09 in the file, 0.5 now",
        "reasons.2: None in the file, four now",
    ]
    assert differences(verdict(), verdict(versions={})) == [
        "versions.hearth: 1 in the file, None now",
        "versions: None in the file, {} now",
    ]
    assert "outcome" in json.loads(verdict().text())
