"""Keys as they are configured.

A key is ``hearth_`` and 256 random bits. What is configured is one line of text without the key itself::

    NAME:SCOPES:EXPIRY:SHA256[:LIMIT]
    dashboard:predict+feedback:2027-01-01:9f86d081...:1000/minute

Scopes are joined by ``+``; the expiry is the last day (UTC) on which the key is good, or ``never``; the hash is that of the
whole key; the limit is the key's own, where it has one.
"""

import hashlib
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Literal, cast, get_args

from api.ratelimit import LimitError, read_limit
from hearth.errors import HearthError

Scope = Literal["predict", "feedback", "monitor", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
PREFIX = "hearth_"
NEVER = "never"
NO_KEY = "holds no key. Make one: hearth keys new NAME --scope predict"
FORM = "NAME:SCOPES:EXPIRY:SHA256[:LIMIT]"
DAY = 86_400.0

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_PLAIN = re.compile(PREFIX + r"[A-Za-z0-9_-]{32,}", re.ASCII)
_SPACE = re.compile(r"[ \t\r]+")
_EMPTY = hashlib.sha256(b"").hexdigest()


class KeysError(HearthError):
    """Configured keys are at fault. Tells the line, never what it holds: somebody may have put a key itself there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One configured key. ``expires`` is its last day (UTC), ``limit`` its own rate limit such as ``1000/minute``.

    ``ends`` follows from ``expires``: seconds since 1970 from which on the key is no longer good, or infinity.

    Raises:
        KeysError: a field is at fault; the message holds none of it.
    """

    name: str
    scopes: frozenset[Scope]
    expires: date | None
    sha256: str = field(repr=False)
    limit: str | None = None
    ends: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse what could not be written as a line, or would be no lock."""
        if not _NAME.fullmatch(self.name):
            raise KeysError("the name must be 1 to 64 letters, digits, dots, dashes or underscores, a letter or digit first")
        if not self.scopes or not self.scopes <= set(SCOPES):
            raise KeysError(f"scopes are one or more of {', '.join(SCOPES)}, joined by +")
        if not _HASH.fullmatch(self.sha256):
            raise KeysError("the SHA-256 must be 64 hexadecimal digits")
        if self.sha256 == _EMPTY:
            raise KeysError("the SHA-256 is that of an empty key, which would let everybody in")
        if self.limit is not None:
            _check_limit(self.limit)
        object.__setattr__(self, "ends", _end(self.expires))

    @property
    def line(self) -> str:
        """The key as it is configured; ``parse`` reads it back."""
        scopes = "+".join(scope for scope in SCOPES if scope in self.scopes)
        fields = [self.name, scopes, self.expires.isoformat() if self.expires else NEVER, self.sha256]
        return ":".join([*fields, self.limit] if self.limit else fields)


def new_key() -> str:
    """A new key."""
    return PREFIX + secrets.token_urlsafe(32)


def hashed(key: str) -> str:
    """SHA-256 of a key, in hex, as it is configured."""
    return hashlib.sha256(key.encode()).hexdigest()


def parse(text: str, where: str) -> tuple[Key, ...]:
    """Read configured keys, separated by white space; a line that starts with ``#`` is a comment.

    Raises:
        KeysError: a key is at fault, a name or a hash is there twice, or there is no key at all. Says ``where``, the line, and
            what is allowed.
    """
    keys: list[Key] = []
    names, hashes = dict[str, str](), dict[str, str]()
    for place, entry in _entries(text):
        try:
            key = _key(entry)
            _once(names, key.name, place, "name")
            _once(hashes, key.sha256, place, "SHA-256")
        except KeysError as error:
            raise KeysError(f"{where}, {place}: {error}") from None
        keys.append(key)
    if not keys:
        raise KeysError(f"{where} {NO_KEY}")
    return tuple(keys)


def expiry(text: str) -> date | None:
    """The last day of a key, from ``2027-01-01`` or ``never``.

    Raises:
        KeysError: it is neither.
    """
    if text == NEVER:
        return None
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise KeysError(f"the expiry must be a day such as 2027-01-01, or {NEVER}")


def _entries(text: str) -> Iterator[tuple[str, str]]:
    """Each entry, with where it stands."""
    for number, line in enumerate(text.split("\n"), 1):
        entries = [entry for entry in _SPACE.split(line) if entry]
        if entries and entries[0].startswith("#"):
            continue
        for position, entry in enumerate(entries, 1):
            yield f"line {number}" + (f", key {position}" if len(entries) > 1 else ""), entry


def _key(entry: str) -> Key:
    fields = entry.split(":")
    if any(_PLAIN.search(each) for each in fields):
        raise KeysError(
            f"this looks like a key itself. Only its SHA-256 belongs here, as {FORM}; since the key was written down, "
            "make another: hearth keys new NAME --scope predict"
        )
    if len(fields) not in (4, 5):
        raise KeysError(f"a key is configured as {FORM}, and hearth keys new prints that")
    name, scopes, until, digest = fields[:4]
    return Key(
        name=name,
        scopes=cast(frozenset[Scope], frozenset(scopes.split("+"))),
        expires=expiry(until),
        sha256=digest.lower(),
        limit=fields[4] if len(fields) == 5 else None,
    )


def _once(seen: dict[str, str], value: str, place: str, what: str) -> None:
    if value in seen:
        raise KeysError(f"the {what} is that of {seen[value]} already")
    seen[value] = place


def _check_limit(text: str) -> None:
    try:
        read_limit(text)
    except LimitError as error:
        raise KeysError(str(error)) from None


def _end(last: date | None) -> float:
    return float("inf") if last is None else datetime(last.year, last.month, last.day, tzinfo=UTC).timestamp() + DAY
