"""One request and its answer, as uvicorn's protocol holds them: what came whole is read, and leaves, without waiting."""

from collections.abc import Coroutine, Generator
from contextlib import suppress
from typing import Any

from starlette.types import Message
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

Run = Coroutine[object, None, None]


class Exchange(RequestResponseCycle):
    """uvicorn's, but that the head and the body of an answer leave in one packet, which costs half the system calls.

    An answer that comes in parts, and whatever else is not the rule, is uvicorn's affair.
    """

    _start: Message | None = None  # the head of an answer, until its body comes

    def take(self, body: bytes) -> None:
        """Take the whole body at once."""
        self.body = body  # type: ignore[assignment] # nothing is added to it
        self.more_body = self.waiting_for_100_continue = False

    async def receive(self) -> Message:  # type: ignore[override]
        """The body, at once if it has come."""
        if self.more_body or self.disconnected or self.response_complete or self.waiting_for_100_continue:
            return await super().receive()  # type: ignore[return-value]
        self.flow.resume_reading()
        self.message_event.clear()
        whole, self.body = bytes(self.body), bytearray()
        return {"type": "http.request", "body": whole, "more_body": False}

    async def send(self, message: Message) -> None:  # type: ignore[override]
        """Take a part of the answer."""
        if self._start is None and message["type"] == "http.response.start" and not self.response_started:
            self._start = message
            return
        start, self._start = self._start, None
        if start is not None:
            if self._whole(start, message):
                return
            await super().send(start)  # type: ignore[arg-type]
        await super().send(message)  # type: ignore[arg-type]

    def _whole(self, start: Message, message: Message) -> bool:
        """Write head and body, if that is the whole answer and nothing about it is special."""
        body: bytes = message.get("body", b"")
        headers = start["headers"]
        plain = self.keep_alive and not (self.disconnected or self.flow.write_paused or message.get("more_body"))
        if not plain or self.scope["method"] == "HEAD" or (b"content-length", b"%d" % len(body)) not in headers:
            return False
        lines = [b"%b: %b\r\n" % pair for pair in (*self.default_headers, *headers)]
        head = b"".join([STATUS_LINE[start["status"]], *lines, b"\r\n"])
        if head.count(b"\n") != len(lines) + 2:
            return False  # uvicorn says what is wrong with it
        self.response_started = self.response_complete = True
        self.transport.write(head + body)
        self.message_event.set()
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
