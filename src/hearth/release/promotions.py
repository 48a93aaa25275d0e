"""Which bundle was champion when, why, and by whose verdict: lines that are only ever added to, in git beside the bundle.

A line is committed together with the ``dvc.lock`` that it speaks of, so that the two agree.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Literal

from hearth.errors import ReleaseError

LOG = "reports/promotions.jsonl"
Action = Literal["promote", "rollback"]


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict that a promotion rests on: the SHA-256 of its file, and what it decided."""

    sha256: str
    decision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line. ``commit`` is the one whose ``dvc.lock`` names the digest; ``time`` is UTC; ``previous`` was champion before."""

    sequence: int
    time: str
    action: Action
    digest: str
    previous: str | None
    commit: str
    verdict: Judged | None
    by: str
    why: str

    @property
    def line(self) -> str:
        """The line as the file has it, with its end."""
        return json.dumps(asdict(self), ensure_ascii=False) + "\n"


def following(
    entries: Sequence[Entry], action: Action, digest: str, *, commit: str, verdict: Judged | None = None, by: str, why: str
) -> Entry:
    """The line that comes next, now."""
    return Entry(
        sequence=len(entries) + 1,
        time=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        action=action,
        digest=digest,
        previous=entries[-1].digest if entries else None,
        commit=commit,
        verdict=verdict,
        by=by,
        why=why,
    )


def text(entries: Sequence[Entry]) -> str:
    """The file's text."""
    return "".join(entry.line for entry in entries)


def parse(content: bytes, name: str = LOG) -> list[Entry]:
    """The lines of the log, each checked to follow from the one before.

    Raises:
        ReleaseError: it says at which line the log is broken, and how.
    """
    entries: list[Entry] = []
    lines = content.decode("utf-8", "replace").removesuffix("\n").split("\n")  # not splitlines: a reason may hold U+2028
    for number, line in enumerate(lines if content else [], 1):
        entry = _entry(name, number, line)
        _require_next(name, number, entries[-1] if entries else None, entry)
        entries.append(entry)
    return entries


def champions(entries: Sequence[Entry]) -> list[Entry]:
    """The lines of the champion and of those that rollbacks would put back, the champion last.

    A promotion adds to them; a rollback takes away down to the one that it puts back.
    """
    standing: list[Entry] = []
    for entry in entries:
        digests = [one.digest for one in standing]
        if entry.action == "rollback" and entry.digest in digests:
            standing = standing[: digests.index(entry.digest)]
        standing.append(entry)
    return standing


def withdrawn(entries: Sequence[Entry]) -> set[str]:
    """The digests that a rollback took the champion's place from."""
    return {entry.previous for entry in entries if entry.action == "rollback" and entry.previous}


def judged(content: bytes, decision: str) -> Judged:
    """What the log says of the file of a verdict."""
    return Judged(sha256(content).hexdigest(), decision)


def _entry(name: str, number: int, line: str) -> Entry:
    try:
        raw = json.loads(line)
        return Entry(**{**raw, "verdict": Judged(**raw["verdict"]) if raw["verdict"] else None})
    except (ValueError, TypeError, KeyError) as error:
        raise ReleaseError(
            f"{name}, line {number} cannot be read ({error}); `git log -p {name}` shows who changed it"
        ) from error


def _require_next(name: str, number: int, last: Entry | None, entry: Entry) -> None:
    previous = last.digest if last else None
    if entry.sequence != number:
        raise ReleaseError(f"{name} breaks at line {number}: its sequence is {entry.sequence}; `git log -p {name}` shows where")
    if entry.previous != previous:
        raise ReleaseError(
            f"{name} breaks at line {number}: it follows {_short(entry.previous)}, but the champion before it was "
            f"{_short(previous)}; `git log -p {name}` shows who changed it"
        )


def _short(digest: str | None) -> str:
    return digest[:12] if digest else "none"
