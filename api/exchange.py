"""One request and its answer, as uvicorn's protocol holds them: what came whole is read, and leaves, without waiting."""

import asyncio
import logging
from collections.abc import Coroutine, Generator
from contextlib import suppress
from typing import Any

from starlette.types import Message, Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

Run = Coroutine[object, None, None]


class Exchange(RequestResponseCycle):
    """uvicorn's, but that an answer that is whole (``WHOLE``) leaves in one packet, which costs half the system calls.

    One that comes in parts, and whatever else is not the rule, is uvicorn's affair.
    """

    # What uvicorn sets in each is here once, where it begins as the same in all.
    logger, access_logger = logging.getLogger("uvicorn.error"), logging.getLogger("uvicorn.access")
    access_log = disconnected = response_started = response_complete = False
    chunked_encoding, expected_content_length = None, 0
    _event: asyncio.Event | None = None

    def __init__(
        self,
        scope: Scope,
        line: HttpToolsProtocol,
        *,
        keep_alive: bool,
        waiting_for_100_continue: bool = False,
        body: bytes | None = None,
    ) -> None:
        """A request on a ``line``; ``body`` is the whole, None while it is still to come."""
        self.scope = scope  # type: ignore[assignment] # uvicorn's type of it names each entry
        self.transport, self.flow, self.on_response = line.transport, line.flow, line.on_response_complete
        self.default_headers = line.server_state.default_headers
        self.keep_alive, self.waiting_for_100_continue = keep_alive, waiting_for_100_continue
        self.more_body = body is None
        self.body = bytearray() if body is None else body  # type: ignore[assignment] # nothing is added to a whole one

    @property
    def message_event(self) -> asyncio.Event:  # type: ignore[override]
        """Set when there is something to receive; made for those that wait for it."""
        if self._event is None:
            self._event = asyncio.Event()
        return self._event

    async def receive(self) -> Message:  # type: ignore[override]
        """The body, at once if it has come."""
        if self.more_body or self.disconnected or self.response_complete or self.waiting_for_100_continue:
            return await super().receive()  # type: ignore[return-value]
        self.flow.resume_reading()
        if self._event is not None:
            self._event.clear()
        whole, self.body = bytes(self.body), bytearray()
        return {"type": "http.request", "body": whole, "more_body": False}

    async def send(self, message: Message) -> None:  # type: ignore[override]
        """Take an answer, or a part of it."""
        whole = message["type"] == "http.response.start" and "body" in message
        if whole and self._written(message["status"], message["headers"], message["body"]):
            return
        await super().send(message)  # type: ignore[arg-type]
        if whole:
            await super().send({"type": "http.response.body", "body": message["body"]})

    def _written(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> bool:
        """Write a whole answer, if nothing about it is special."""
        plain = self.keep_alive and not (self.response_started or self.disconnected or self.flow.write_paused)
        if not plain or self.scope["method"] == "HEAD" or (b"content-length", b"%d" % len(body)) not in headers:
            return False
        lines = list(map(b": ".join, (*self.default_headers, *headers)))
        head = b"\r\n".join(lines)
        if head.count(b"\n") != len(lines) - 1:
            return False  # uvicorn says what is wrong with it
        self.response_started = self.response_complete = True
        self.transport.write(b"".join((STATUS_LINE[status], head, b"\r\n\r\n", body)))
        if self._event is not None:
            self._event.set()
        self.on_response()
        return True


class Begun(Run):
    """A coroutine that was begun already, for a task to go on with: it waits first for what it waited for then."""

    def __init__(self, run: Run, waits_for: object) -> None:
        self._run, self._first = run, [waits_for]

    def send(self, value: None) -> object:
        """Go on."""
        return self._first.pop() if self._first else self._run.send(value)

    def throw(self, *error: Any) -> object:  # noqa: ANN401 - three signatures, of which Python's own is the contract
        """Go on with an error."""
        self._first.clear()
        return self._run.throw(*error)

    def close(self) -> None:
        """End it."""
        self._run.close()

    def __await__(self) -> Generator[object, None, None]:
        with suppress(StopIteration):
            while True:
                yield self.send(None)
