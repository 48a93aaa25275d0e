"""Heads of requests that came before on a connection: the same bytes again mean the same, and need not be read again."""

from collections.abc import Mapping

from starlette.types import Scope

MOST, LONGEST = 16, 1_024  # heads of a connection, bytes of a head: more is no client that asks again and again
_END = b"\r\n\r\n"

Known = tuple[int, Mapping[str, object]]  # the length of the body, and the scope before anything was done with it


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
        return {**known[1], "state": {}}, data[end:]

    def learn(self, data: bytes, scope: Scope, length: int) -> None:
        """Take note of the head of ``data``, if that is it and ``length`` bytes of body: nothing but a length then ends it."""
        end = data.find(_END) + len(_END)
        if end <= LONGEST and len(data) - end == length:
            if len(self._known) >= MOST:
                self._known.clear()
            self._known[data[:end]] = length, dict(scope)
