"""HTTP as uvicorn speaks it, with the head of an answer and its body in one packet, and bounds on heads and idle clients."""

import asyncio
import secrets

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from api import errors
from api.main import Hearth
from api.ratelimit import PEER
from api.service import Service

HEAD_BYTES = 2**16  # that a head, trailers or the frames of chunks may have; up to twice that where they come with a body
HEAD_SECONDS = 30.0  # where no settings say how long a request may take


class Corked(asyncio.Transport):
    """A transport that holds a first write for the second of the same turn of the loop, and sends both in one packet.

    Head and body of an answer are two writes; one packet costs half the system calls. The rest is passed on.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._held: list[bytes] = []
        for name in _PASSED:
            setattr(self, name, getattr(transport, name))

    def write(self, data: bytes) -> None:  # type: ignore[override]
        """Hold ``data`` for what follows it in this turn, or send it with what it follows."""
        self._held.append(data)
        if len(self._held) == 1:
            self._loop.call_soon(self._flush)
        else:
            self._flush()

    def close(self) -> None:
        """Write what is held, then close."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        held, self._held = self._held, []
        if held and not self._transport.is_closing():
            self._transport.write(b"".join(held))


_PASSED = (
    "abort",
    "can_write_eof",
    "get_extra_info",
    "get_protocol",
    "get_write_buffer_limits",
    "get_write_buffer_size",
    "is_closing",
    "is_reading",
    "pause_reading",
    "resume_reading",
    "set_protocol",
    "set_write_buffer_limits",
    "write_eof",
)


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol over a corked transport, with bounds on what the application never sees.

    What is no body may have ``HEAD_BYTES``. Between two requests a client has the time of a request to send the next head
    whole and to take what it was sent.
    """

    _frame = 0  # bytes that came and were neither a whole head nor a body
    _idle: float | None = None  # since when no request is under way, None while one is
    _unsent = 0  # bytes that the client had not taken when it was last looked at
    _watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin a connection."""
        super().connection_made(Corked(transport, self.loop))
        self._idle = self.loop.time()
        self._watch = self.loop.call_later(self._limit, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """End it."""
        if self._watch is not None:
            self._watch.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came, unless it is too much that is no body."""
        for start in range(0, len(data), HEAD_BYTES):
            if self.transport.is_closing():
                return
            part = data[start : start + HEAD_BYTES]
            self._frame += len(part)
            super().data_received(part)
            if self._frame > HEAD_BYTES and not self.transport.is_closing():
                self._refuse(errors.EndlessHead(f"the head of a request may have at most {HEAD_BYTES} bytes"))

    def on_headers_complete(self) -> None:
        """Hand the request over."""
        self._frame, self._idle = 0, None
        self.scope[PEER] = True  # type: ignore[literal-required]
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of a body; the frames of small chunks may have twice its length."""
        self._frame -= 3 * len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Begin to count anew."""
        self._frame = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request, or wait for it."""
        if not self.pipeline:
            self._idle = self.loop.time()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        """Refuse what is not HTTP, in the form of every refusal."""
        self._refuse(errors.BadRequest("this is not HTTP that can be read"))

    @property
    def _service(self) -> Service | None:
        return self.app.service if isinstance(self.app, Hearth) else None

    @property
    def _limit(self) -> float:
        return self._service.settings.timeout if self._service else HEAD_SECONDS

    def _look(self) -> None:
        """Let a client go that neither sends nor takes. One timer a connection costs less than one a request."""
        unsent, closing = self.transport.get_write_buffer_size(), self.transport.is_closing()
        late = self._idle is not None and self.loop.time() - self._idle >= self._limit
        if (late or closing) and 0 < self._unsent <= unsent:
            self.transport.abort()
            return
        if late and not unsent and not closing:
            self._let_go()
        self._unsent = unsent
        self._watch = self.loop.call_later(self._limit / 2, self._look)

    def _let_go(self) -> None:
        if self._frame > 0:
            self._refuse(errors.TooSlow("the head of the request takes too long: send it in one piece"))
        else:
            self.transport.close()

    def _refuse(self, error: errors.ApiError) -> None:
        """Answer before there is a request, and close."""
        identity = secrets.token_hex(8)
        said = errors.problem(error, identity)
        own = [(b"x-request-id", identity.encode()), (b"connection", b"close")]
        lines = [b"%b: %b\r\n" % pair for pair in (*self.server_state.default_headers, *said.raw_headers, *own)]
        self.transport.write(b"".join([STATUS_LINE[error.status], *lines, b"\r\n", said.body]))
        self.transport.close()
        if (service := self._service) is not None:
            service.metrics.answered("(none)", "", error.status, 0.0)
            service.log("info", "request", request_id=identity, method="", route="(none)", status=error.status)
