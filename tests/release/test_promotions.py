"""The log of promotions: a chain that is only added to."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearth.errors import ReleaseError
from hearth.release.promotions import Action, Entry, Judged, champions, following, judged, parse, text, withdrawn


def chained(*steps: tuple[Action, str]) -> list[Entry]:
    """A log of these actions and digests."""
    entries: list[Entry] = []
    for action, digest in steps:
        entries.append(following(entries, action, digest, commit=f"commit of {digest}", by="Ada", why="so"))
    return entries


STEPS = st.lists(st.tuples(st.sampled_from(["promote", "rollback"]), st.sampled_from("abc")), max_size=8)


@given(STEPS)
def test_what_is_written_is_read(steps: list[tuple[Action, str]]) -> None:
    """The text of a log is a line an entry, and gives the same entries."""
    entries = chained(*steps)
    assert parse(text(entries).encode()) == entries
    assert len(text(entries).splitlines()) == len(entries)


@pytest.mark.parametrize("why", ["a\u2028b", "a\x85b", "a\r\nb\x0c", "\u2029"])
def test_a_reason_may_hold_any_end_of_a_line(why: str) -> None:
    """One that was pasted from elsewhere breaks no log."""
    entry = following([], "promote", "a", commit="c", by=f"Ada{why}", why=why)
    assert parse(text([entry, following([entry], "promote", "b", commit="c", by="Ada", why="")]).encode())[0] == entry


def test_a_line_says_who_what_when_and_why() -> None:
    """Each field stands under its name; the time is UTC."""
    entry = following([], "promote", "d" * 64, commit="c" * 40, verdict=judged(b"{}", "promote"), by="Zoë <z@x>", why="better")
    raw = json.loads(entry.line)
    assert "Zoë" in entry.line
    assert raw.pop("time").endswith("Z")
    assert raw == {
        "sequence": 1,
        "action": "promote",
        "digest": "d" * 64,
        "previous": None,
        "commit": "c" * 40,
        "verdict": {"sha256": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", "decision": "promote"},
        "by": "Zoë <z@x>",
        "why": "better",
    }
    assert parse(entry.line.encode())[0].verdict == Judged(raw["verdict"]["sha256"], "promote")


@pytest.mark.parametrize("gone", [0, 1])
def test_a_line_that_is_missing_is_told(gone: int) -> None:
    """By the line at which the chain breaks."""
    lines = text(chained(("promote", "a"), ("promote", "b"), ("promote", "c"))).splitlines(keepends=True)
    with pytest.raises(ReleaseError, match=f"log breaks at line {gone + 1}"):
        parse("".join(lines[:gone] + lines[gone + 1 :]).encode(), "log")


def test_a_digest_that_was_changed_is_told() -> None:
    """At the line after it, which follows from another."""
    broken = text(chained(("promote", "a"), ("promote", "b"))).replace('"digest": "a"', '"digest": "x"')
    with pytest.raises(ReleaseError, match=r"line 2: it follows a, but the champion before it was x; `git log -p"):
        parse(broken.encode())


@pytest.mark.parametrize("line", ["{", "[]", "{}", "\xff", '{"sequence": 1}', '{"verdict": 1}'])
def test_a_line_that_is_none_is_told(line: str) -> None:
    """With its number."""
    with pytest.raises(ReleaseError, match="line 2 cannot be read"):
        parse((text(chained(("promote", "a"))) + line + "\n").encode("latin-1"))


def test_rollbacks_take_away_what_was_promoted_after() -> None:
    """Champions stand on those that a rollback would put back; one that stood never stands twice by a rollback."""
    steps: list[tuple[Action, str]] = [("promote", "a"), ("promote", "b"), ("promote", "c"), ("rollback", "b")]
    assert [one.digest for one in champions(chained(*steps))] == ["a", "b"]
    assert [one.digest for one in champions(chained(*steps, ("rollback", "a")))] == ["a"]
    assert [one.digest for one in champions(chained(*steps, ("rollback", "c")))] == ["a", "b", "c"]
    assert [one.digest for one in champions(chained(*steps, ("promote", "a")))] == ["a", "b", "a"]
    assert withdrawn(chained(*steps)) == {"c"}
