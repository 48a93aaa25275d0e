"""What heads of requests say. The same bytes again on a connection mean the same, and need not be read again."""

import re
from collections.abc import Iterable, Mapping

from starlette.types import Scope

from api.security import presented, sealed

MOST, LONGEST = 16, 1_024  # heads of a connection, bytes of a head: more is no client that asks again and again
_END = b"\r\n\r\n"

HEAD, BODY = "hearth.head", "hearth.body"  # where the scope of a request whose head is known holds both
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)

Known = tuple[int, Mapping[str, object]]  # the length of the body, and the scope before anything was done with it


class Head:
    """What the service wants to know of a request's headers, read at once: with a known head it is known too.

    ``secret`` is the digest of the key, if there is one; ``id`` the client's for the request, empty where it is not fit to be
    repeated; ``json`` and ``plain`` say that the body may be JSON, and is not compressed.
    """

    __slots__ = ("id", "json", "plain", "secret", "seen")

    def __init__(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self.seen = seen = dict(headers)
        given = seen.get(b"x-request-id", b"").decode("latin-1")
        self.id = given if _REQUEST_ID.fullmatch(given) else ""
        kind = seen.get(b"content-type", b"application/json").partition(b";")[0].strip().lower()
        self.json = kind == b"application/json" or kind.endswith(b"+json")
        self.plain = seen.get(b"content-encoding", b"identity").strip().lower() == b"identity"
        key = presented(headers)
        self.secret = sealed(key) if key else None

    @classmethod
    def of(cls, scope: Scope) -> "Head":
        """That of a request."""
        known: Head | None = scope.get(HEAD)
        return known or cls(scope["headers"])


class Heads:
    """Of one connection: a client whose head is compared with its own learns nothing of others."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[bytes, Known] = {}

    def __len__(self) -> int:
        return len(self._known)

    def read(self, data: bytes) -> tuple[Scope, bytes] | None:
        """A scope and the body, if ``data`` is one whole request whose head is known."""
        end = data.find(_END) + len(_END)
        known = self._known.get(data[:end])
        if known is None or len(data) - end != known[0]:
            return None
        body = data[end:]
        return {**known[1], "state": {}, BODY: body}, body

    def learn(self, data: bytes, scope: Scope, length: int) -> None:
        """Take note of the head of ``data``, if that is it and ``length`` bytes of body: nothing but a length then ends it."""
        end = data.find(_END) + len(_END)
        if end <= LONGEST and len(data) - end == length:
            if len(self._known) >= MOST:
                self._known.clear()
            self._known[data[:end]] = length, {**scope, HEAD: Head.of(scope)}
