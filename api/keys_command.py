"""What ``hearth keys`` does: make a key, list those that are configured, tell whose a key is."""

import errno
import os
import re
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import cast

from api.keys import NEVER, Key, KeysError, Scope, expiry, hashed, new_key, parse
from api.security import VARIABLE, Ring

MODE = 0o600  # of a key file that is made here
_DAYS = re.compile(r"[1-9][0-9]{0,4}d", re.ASCII)
_HEAD = ("NAME", "SCOPES", "EXPIRES", "LIMIT", "STATE")


def new(name: str, scopes: Sequence[str], expires: str, limit: str | None, file: Path | None) -> tuple[str, str]:
    """A new key and the line to configure, which is added to ``file`` where one is given.

    Raises:
        KeysError: a part of it is at fault, or the file cannot take it; nothing was written.
    """
    key = new_key()
    asked = cast(frozenset[Scope], frozenset(scopes))  # checked by the key itself
    line = Key(name=name, scopes=asked, expires=_last_day(expires), sha256=hashed(key), limit=limit).line
    if file is not None:
        _add(file, line)
    return key, line


def listing(file: Path | None) -> str:
    """The keys of ``file``, or of the environment, as a table."""
    rows = [_HEAD, *(_row(key) for key in _ring(file).keys)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def owner(given: str, file: Path | None) -> str:
    """Whose the key is and what it may do.

    Raises:
        KeysError: it is nobody's, or its time is over.
    """
    ring = _ring(file)
    key = ring.find(given.strip())
    if key is None:
        over = ring.expired(given.strip())
        raise KeysError("this key has expired: make another" if over else "this key is nobody's: it is not configured here")
    name, scopes, expires, limit, _ = _row(key)
    return f"{name}: {scopes}; expires {expires}; limit {limit}"


def _row(key: Key) -> tuple[str, str, str, str, str]:
    _, scopes, expires = key.line.split(":")[:3]
    return key.name, scopes, expires, key.limit or "default", "good" if time.time() < key.ends else "expired"


def _ring(file: Path | None) -> Ring:
    if file is not None:
        return Ring.configured("", file)
    named = os.environ.get(f"{VARIABLE}_FILE")
    return Ring.configured(os.environ.get(VARIABLE, ""), Path(named) if named else None)


def _last_day(text: str) -> date | None:
    today = datetime.now(UTC).date()
    try:
        last = today + timedelta(days=int(text[:-1])) if _DAYS.fullmatch(text) else expiry(text)
    except KeysError as error:
        raise KeysError(f"{error}, or a number of days such as 90d") from None
    if last is not None and last < today:
        raise KeysError(f"the key would have expired already: give a day from today on, or {NEVER}")
    return last


def _add(path: Path, line: str) -> None:
    """Add a line in one write, so that a service that reads meanwhile sees all of it or nothing; owner and mode stay."""
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        added = ("" if text.endswith("\n") or not text else "\n") + line + "\n"
        parse(text + added, str(path))
        target = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, MODE)
        try:
            _write(target, added.encode())
        finally:
            os.close(target)
    except OSError as error:
        raise KeysError(f"{path} cannot be written: {error.strerror}") from None
    except UnicodeDecodeError:
        raise KeysError(f"{path} is not text in UTF-8") from None


def _write(target: int, data: bytes) -> None:
    before = os.fstat(target).st_size
    if os.write(target, data) != len(data):  # half a line would put the whole file at fault
        os.ftruncate(target, before)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fsync(target)
