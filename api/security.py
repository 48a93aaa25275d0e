"""Who is asking: the key in a request, and the ring of those that are configured."""

import hashlib
import hmac
import logging
import os
import stat
import time
from collections.abc import Iterable
from pathlib import Path

from api.keys import DAY, SCOPES, Key, KeysError, Scope, hashed, new_key, parse

__all__ = ["DAY", "REFUSED", "SCOPES", "Key", "KeysError", "Ring", "Scope", "hashed", "new_key", "parse", "presented", "sealed"]

REFUSED = b""  # what ``presented`` returns for two different keys at once: it is no key's
VARIABLE = "HEARTH_API_KEYS"
LONGEST = 256  # bytes of a presented key that are looked at
LOOK = 1.0  # seconds at least between two looks at a key file
SETTLED = 2.0  # seconds after which a change of a file can be told from an earlier one by its times
MOST = 2**20  # bytes of a key file

_log = logging.getLogger(__name__)


def presented(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """The key in a request's raw ASGI headers (names in lower case): ``X-API-Key: KEY`` or ``Authorization: Bearer KEY``.

    ``None`` where there is none, ``REFUSED`` where there are two that differ.
    """
    found: bytes | None = None
    for name, value in headers:
        if name == b"x-api-key":
            given = value.strip()
        elif name == b"authorization" and value[:7].lower() == b"bearer ":
            given = value[7:].strip()
        else:
            continue
        if found is not None and found != given:
            return REFUSED
        found = given
    return found


class Digest(bytes):
    """The SHA-256 of what a client presents."""

    __slots__ = ()


def sealed(given: str | bytes) -> Digest | None:
    """The digest that a ring looks for, made once where a key is asked for again and again; None of what is longer than any."""
    raw = given.encode("utf-8", "replace") if isinstance(given, str) else given
    return Digest(hashlib.sha256(raw).digest()) if len(raw) <= LONGEST else None


class Ring:
    """The configured keys, looked up by what a client presents; those of a file follow it while the service runs.

    The file is looked at once a second at most, when a key is asked for. When it vanished or is at fault, the keys read last
    stay good, ``fault`` says why, and the log does, once. A good file replaces all keys: one that it no longer holds is
    nobody's. Not for several threads.
    """

    def __init__(self, keys: Iterable[Key], file: Path | None = None) -> None:
        self.fault: str | None = None
        self._file = None if file is None else _File(file)
        self._looked = float("-inf")
        self._use(tuple(keys))

    @classmethod
    def configured(cls, text: str, file: Path | None) -> "Ring":
        """The keys of ``HEARTH_API_KEYS`` or of the file in ``HEARTH_API_KEYS_FILE``.

        Raises:
            KeysError: there are none, both are given, the file cannot be read, or a key is at fault.
        """
        if file is None:
            return cls(parse(text, VARIABLE))
        if text.strip():
            raise KeysError(f"set {VARIABLE} or {VARIABLE}_FILE, not both")
        ring = cls((), file)
        ring.find(REFUSED)  # reads the file
        if ring.fault is not None:
            raise KeysError(ring.fault)
        return ring

    @property
    def keys(self) -> tuple[Key, ...]:
        """The keys as they are configured, expired ones too."""
        return self._keys

    def find(self, given: str | bytes, now: float | None = None) -> Key | None:
        """The key that was presented, if it is known and has not expired at ``now`` (seconds since 1970; default: now)."""
        now = time.time() if now is None else now
        if self._file is not None and not 0 <= now - self._looked < LOOK:
            self._look(self._file, now)
        found = self._known(given)
        return None if found is None or now >= found.ends else found

    def expired(self, given: str | bytes, now: float | None = None) -> bool:
        """Whether a key that ``find`` does not return is one whose time is over: its owner may be told so."""
        found = self._known(given)
        return found is not None and (time.time() if now is None else now) >= found.ends

    def _known(self, given: str | bytes) -> Key | None:
        digest = given if isinstance(given, Digest) else sealed(given)
        if digest is None:
            return None
        for known, key in self._index.get(digest[:2], ()):
            if hmac.compare_digest(known, digest):
                return key
        return None

    def _use(self, keys: tuple[Key, ...]) -> None:
        # Indexed by two bytes of the hash, so that a thousand keys cost what one does; the rest is compared in constant time.
        # What the time of a look-up may tell is about a hash, from which no key is found.
        self._keys = keys
        self._index: dict[bytes, list[tuple[bytes, Key]]] = {}
        for key in keys:
            digest = bytes.fromhex(key.sha256)
            self._index.setdefault(digest[:2], []).append((digest, key))

    def _look(self, file: "_File", now: float) -> None:
        self._looked = now
        try:
            text = file.changed()
            keys = self._keys if text is None else parse(text, str(file.path))
        except KeysError as error:
            file.forget()
            self._say(str(error))
            return
        if text is not None:
            self._use(keys)
            self._say(None)

    def _say(self, fault: str | None) -> None:
        if fault is not None and fault != self.fault and self._keys:
            _log.warning("the keys read before stay good: %s", fault)
        if fault is None and self.fault is not None:
            _log.warning("the key file is good again")
        self.fault = fault

    def __repr__(self) -> str:
        return f"Ring({', '.join(key.name for key in self._keys)})"


class _File:
    """A key file that is read when it is another than the one read last."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read: tuple[int, ...] | None = None

    def forget(self) -> None:
        """Read it again next time."""
        self._read = None

    def changed(self) -> str | None:
        """The text of a file not read before, ``None`` where it is the same.

        Raises:
            KeysError: it cannot be read as text.
        """
        try:
            found = self.path.stat()
            mark = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
            if mark == self._read:
                return None
            data = self._bytes(found)
        except OSError as error:
            raise KeysError(f"{self.path} cannot be read: {error.strerror}") from None
        # A file may change twice within one tick of its clock: one that has just changed is read once more.
        self._read = mark if abs(time.time() - found.st_ctime) > SETTLED else None
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise KeysError(f"{self.path} is not text in UTF-8") from None

    def _bytes(self, found: os.stat_result) -> bytes:
        if not stat.S_ISREG(found.st_mode):
            raise KeysError(f"{self.path} is not a file: it must hold keys, one a line")
        with self.path.open("rb") as file:
            data = file.read(MOST + 1)
        if len(data) > MOST:
            raise KeysError(f"{self.path} is larger than {MOST} bytes: it must hold keys, one a line")
        return data
