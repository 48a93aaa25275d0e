"""HTTP as uvicorn speaks it, with bounds on heads and idle clients; a row is answered in the turn in which it came."""

import asyncio
import secrets
from urllib.parse import unquote

import httptools
from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from api import errors
from api.answers import WHOLE
from api.edge import TASK
from api.exchange import Begun, Exchange
from api.heads import Heads
from api.main import Hearth
from api.ratelimit import PEER
from api.service import Service

HEAD_BYTES = 2**16  # that a head, trailers or the frames of chunks may have; up to twice that where they come with a body
HEAD_SECONDS = 30.0  # where no settings say how long a request may take
AT_ONCE = (
    "/predict"  # begun without a task, which would cost, with the turn of the loop that it waits for, as much as the model
)


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol with exchanges of ours, and bounds on what the application never sees.

    What is no body may have ``HEAD_BYTES``. Between two requests a client has the time of a request to send the next head
    whole and to take what it was sent.
    """

    _due: Exchange | None = None  # one to begin at once, when what came is read
    _fresh = True  # whether the next byte begins a request
    _frame = 0  # bytes that came and were neither a whole head nor a body
    _idle: float | None = None  # since when no request is under way, None while one is
    _unsent = 0  # bytes that the client had not taken when it was last looked at
    _watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin a connection."""
        super().connection_made(transport)
        self._heads = Heads()
        self._idle = self.loop.time()
        self._watch = self.loop.call_later(self._limit, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """End it."""
        if self._watch is not None:
            self._watch.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came, unless it is too much that is no body."""
        fresh = self._fresh and self._idle is not None and not self.transport.is_closing()
        known = self._heads.read(data) if fresh else None
        if known is None:
            self._parse(data, fresh=fresh)
            return
        scope, body = known
        self._idle = None
        self.cycle = exchange = Exchange(scope, self, keep_alive=True, body=body)
        self._begin(exchange)

    def _parse(self, data: bytes, *, fresh: bool) -> None:
        for start in range(0, len(data), HEAD_BYTES):
            if self.transport.is_closing():
                return
            part = data[start : start + HEAD_BYTES]
            self._frame += len(part)
            super().data_received(part)
            if self._due is not None:
                self._begin_due(self._due, data if fresh else b"")
            if self._frame > HEAD_BYTES and not self.transport.is_closing():
                self._refuse(errors.EndlessHead(f"the head of a request may have at most {HEAD_BYTES} bytes"))

    def on_message_begin(self) -> None:
        """Take note that a request begins."""
        self._fresh = False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Hand the request over."""
        self._frame = 0
        scope: Scope = self.scope  # type: ignore[assignment]
        parser, url = self.parser, httptools.parse_url(self.url)
        path, version = url.path.decode("ascii"), parser.get_http_version()
        scope["method"], scope["http_version"] = parser.get_method().decode("ascii"), version
        scope["path"], scope["raw_path"] = unquote(path) if "%" in path else path, url.path
        scope["query_string"] = url.query or b""
        scope[PEER] = scope[WHOLE] = True
        before: RequestResponseCycle | None = self.cycle
        self._idle = None
        self.cycle = exchange = Exchange(
            scope,
            self,
            keep_alive=version != "1.0" and parser.should_keep_alive(),
            waiting_for_100_continue=self.expect_100_continue,
        )
        if before is not None and not before.response_complete:
            self.flow.pause_reading()
            self.pipeline.appendleft((exchange, self.app))
        elif path == AT_ONCE:
            self._due = exchange
        else:
            self._start_asgi_task(exchange, self.app)

    def on_body(self, body: bytes) -> None:
        """Take a part of a body; the frames of small chunks may have twice its length."""
        self._frame -= 3 * len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Begin to count anew."""
        self._frame, self._fresh = 0, True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request, or wait for it: no timer, ``_look`` finds who keeps it waiting."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._idle = self.loop.time()

    def _begin_due(self, exchange: Exchange, data: bytes) -> None:
        """Begin what is due; ``data`` is what came, if it began with a request."""
        self._due = None
        if self.transport.is_closing():
            return
        plain = exchange.keep_alive and not self.expect_100_continue and not self.parser.should_upgrade()
        if plain and self._fresh:
            self._heads.learn(data, exchange.scope, len(exchange.body))  # type: ignore[arg-type]
        self._begin(exchange)

    def _begin(self, exchange: Exchange) -> None:
        """Run a request as far as it goes without waiting; a task goes on with what is left, if any."""
        run = exchange.run_asgi(self.app)
        try:
            waits_for = run.send(None)
        except StopIteration:
            return
        task = self.loop.create_task(Begun(run, waits_for))
        exchange.scope[TASK] = task  # type: ignore[literal-required]
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

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
            service.unrouted(identity, "", error.status)
