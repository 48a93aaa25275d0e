"""The protocol with nothing beneath it: what is answered when, and in how many packets."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from inspect import signature
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.server import ServerState

from api.answers import send_whole
from api.edge import TASK
from api.exchange import Begun, Exchange
from api.heads import BODY, HEAD, MOST, Heads
from api.protocol import AT_ONCE, Protocol

POST = b"POST %b HTTP/1.1\r\nContent-Length: 4\r\n\r\n"
ONE = POST % AT_ONCE.encode() + b"body"


class Wire(asyncio.Transport):
    """What was written, a packet each."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 50000), "sockname": ("192.0.2.2", 80)})
        self.packets: list[bytes] = []
        self.closed = False

    def write(self, data: object) -> None:
        """Take note of a packet."""
        assert isinstance(data, bytes)
        self.packets.append(data)

    def close(self) -> None:
        """Take note."""
        self.closed = True

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self.closed

    def pause_reading(self) -> None:
        """Take no note."""

    def resume_reading(self) -> None:
        """Take no note."""


@dataclass
class Line:
    """A connection to an app, and the bodies that the app was sent."""

    app: ASGIApp
    wire: Wire = field(default_factory=Wire)
    state: ServerState = field(default_factory=ServerState)

    def __post_init__(self) -> None:
        config = Config(self.app, http=Protocol, log_config=None, ws="none", proxy_headers=False)
        self.protocol = Protocol(config=config, server_state=self.state, app_state={})
        self.protocol.connection_made(self.wire)

    def send(self, data: bytes) -> list[bytes]:
        """Have data come; the packets that left meanwhile."""
        before = len(self.wire.packets)
        self.protocol.data_received(data)
        return self.wire.packets[before:]


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with what came."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message["body"], message["more_body"]
    await send_whole(Response(body, headers={"x-path": scope["path"]}), scope, receive, send)


async def turns(count: int = 3) -> None:
    """Have tasks go on."""
    for _ in range(count):
        await asyncio.sleep(0)


def on(app: ASGIApp, act: Callable[[Line], Awaitable[None]]) -> Line:
    """Act on a line to an app, in a loop."""

    async def run() -> Line:
        line = Line(app)
        await act(line)
        line.protocol.connection_lost(None)
        return line

    return asyncio.run(run())


def test_one_row_is_answered_before_the_turn_ends() -> None:
    """In one packet, without a task; any other path has to wait for its turn."""

    async def act(line: Line) -> None:
        (packet,) = line.send(ONE)
        head, _, body = packet.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert body == b"body"
        assert not line.state.tasks
        assert line.send(POST % b"/other" + b"body") == []
        assert len(line.state.tasks) == 1
        await asyncio.sleep(0)
        assert line.wire.packets[1].startswith(b"HTTP/1.1 200 OK\r\nx-path: /other\r\n")

    assert on(echo, act).state.total_requests == 2


def test_a_request_that_comes_in_parts_is_answered_when_it_is_whole() -> None:
    """A task goes on with one that was begun and has to wait; others then wait for it in turn."""

    async def act(line: Line) -> None:
        assert line.send(ONE[:10]) == []
        assert line.send(ONE[10:-2]) == []
        assert line.send(ONE[-2:] + ONE) == []
        assert len(line.state.tasks) == 1
        await turns()
        assert [packet[-4:] for packet in line.wire.packets] == [b"body", b"body"]
        assert not line.state.tasks or all(task.done() for task in line.state.tasks)

    on(echo, act)


def test_what_waits_can_be_ended() -> None:
    """The task that goes on with a request is told in its scope, and ending it ends the request where it waits."""
    ended = []

    async def patient(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append(scope[TASK])
            await send_whole(Response("late", 503), scope, receive, send)

    async def act(line: Line) -> None:
        line.send(ONE)
        (task,) = line.state.tasks
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        assert ended == [task]
        assert line.wire.packets[0].startswith(b"HTTP/1.1 503 ")

    on(patient, act)


def test_after_what_is_no_http_nothing_is_answered() -> None:
    """Of a packet whose end cannot be read, the connection is closed with one refusal."""

    async def act(line: Line) -> None:
        (packet,) = line.send(ONE + b"\x00\x00")
        assert packet.startswith(b"HTTP/1.1 400 ")
        assert line.wire.closed
        await asyncio.sleep(0)
        assert len(line.wire.packets) == 1

    on(echo, act)


def test_an_answer_in_parts_is_sent_in_parts() -> None:
    """As uvicorn sends it: its head does not wait for its end."""

    async def parts(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for part in (b"a", b"b", b""):
            await send({"type": "http.response.body", "body": part, "more_body": bool(part)})

    async def act(line: Line) -> None:
        assert b"".join(line.send(ONE)).endswith(b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n")

    on(parts, act)


def test_an_answer_in_one_packet_has_what_others_put_on_its_head() -> None:
    """They need not know that the message with the head holds the body too."""

    async def act(line: Line) -> None:
        (packet,) = line.send(ONE.replace(b"\r\n\r\n", b"\r\nOrigin: http://a.test\r\n\r\n"))
        head, _, body = packet.partition(b"\r\n\r\n")
        assert b"access-control-allow-origin: *" in head
        assert body == b"body"

    on(CORSMiddleware(echo, allow_origins=["*"]), act)


def test_a_whole_answer_to_head_has_no_body() -> None:
    """But the length that it would have."""

    async def act(line: Line) -> None:
        line.send(b"HEAD /predict HTTP/1.1\r\n\r\n")
        assert [packet.endswith(b"\r\n\r\n") for packet in line.wire.packets] == [True]
        assert b"content-length: 5" in line.wire.packets[0]

    async def five(scope: Scope, receive: Receive, send: Send) -> None:
        await send_whole(Response("12345"), scope, receive, send)

    on(five, act)


@pytest.mark.parametrize("close", [b"Connection: close\r\n", b""])
def test_a_client_that_wants_it_is_closed(close: bytes) -> None:
    """After its answer."""

    async def act(line: Line) -> None:
        sent = b"".join(line.send(ONE.replace(b"\r\n\r\n", b"\r\n" + close + b"\r\n")))
        assert sent.endswith(b"body")
        assert (b"connection: close" in sent) == line.wire.closed == bool(close)

    on(echo, act)


@pytest.mark.parametrize(
    "response",
    [Response("x", headers={"content-length": "2"}), Response("x", headers={"x-a": "b\nset-cookie: c"})],
    ids=["a wrong length", "a line break in a header"],
)
def test_an_answer_that_is_none_is_not_sent(response: Response) -> None:
    """Uvicorn's own checks hold for answers in one packet too."""

    async def wrong(scope: Scope, receive: Receive, send: Send) -> None:
        await send_whole(response, scope, receive, send)

    async def act(line: Line) -> None:
        assert b"set-cookie" not in b"".join(line.send(ONE))

    on(wrong, act)


def known(line: Line) -> int:
    """How many heads a connection knows."""
    return len(line.protocol._heads)


def test_a_head_that_came_before_is_not_read_again() -> None:
    """The answer to it is the same, and has the body of its own request."""

    async def act(line: Line) -> None:
        (first,) = line.send(ONE)
        line.protocol.parser = None  # type: ignore[assignment]
        (second,) = line.send(ONE.replace(b"body", b"else"))
        assert second == first.replace(b"body", b"else")
        assert known(line) == 1

    assert on(echo, act).state.total_requests == 2


@pytest.mark.parametrize(
    "packets",
    [
        [ONE.replace(b"POST", b"PO", 1)[:2], ONE[2:]],
        [ONE[:-1], ONE[-1:]],
        [ONE + ONE],
        [ONE + b"POST"],
        [ONE.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")],
        [ONE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")],
        [ONE.replace(b"4\r\n\r\nbody", b"0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")],
        [ONE.replace(b"HTTP/1.1", b"HTTP/1.0")],
        [ONE.replace(b"\r\n\r\n", b"\r\nX-A: " + b"a" * 1_024 + b"\r\n\r\n")],
        [ONE + b"\r\n"],
        [b"POST /predict HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n0\r\n\r\n\r\n0\r\n\r\n"],
        [ONE.replace(b"/predict", b"/other")],
    ],
    ids=lambda packets: str(packets[-1][:90]),
)
def test_a_head_that_does_not_say_it_all_is_not_learnt(packets: list[bytes]) -> None:
    """It came in parts or with more than its request, or what follows it is told by more than a length."""

    async def act(line: Line) -> None:
        for packet in packets:
            line.send(packet)
        assert known(line) == 0

    on(echo, act)


def test_a_known_head_waits_for_its_body() -> None:
    """What came with it may be less than its body, or another request too."""

    async def act(line: Line) -> None:
        line.send(ONE)
        assert line.send(ONE[:-1]) == []
        line.send(ONE[-1:])
        await turns()
        line.send(ONE + ONE.replace(b"body", b"else"))
        await turns()
        assert [packet[-4:] for packet in line.wire.packets] == [b"body", b"body", b"body", b"else"]

    on(echo, act)


def test_a_connection_knows_few_heads() -> None:
    """One that sends always another costs no memory."""

    async def act(line: Line) -> None:
        for number in range(100):
            line.send(ONE.replace(b"\r\n\r\n", b"\r\nX-A: %d\r\n\r\n" % number))
            assert known(line) <= MOST

    assert on(echo, act).state.total_requests == 100


def test_what_a_head_says_is_known_with_it() -> None:
    """The application is handed the same again, and with it the body of each request."""
    heads, bodies = [], []

    async def handed(scope: Scope, receive: Receive, send: Send) -> None:
        heads.append(scope.get(HEAD))
        bodies.append(scope.get(BODY))
        await echo(scope, receive, send)

    async def act(line: Line) -> None:
        for body in (b"none", b"body", b"else"):
            line.send(ONE.replace(b"body", body))

    on(handed, act)
    assert bodies == [None, b"body", b"else"]
    assert heads[0] is None
    assert heads[1] is heads[2] is not None


def test_an_exchange_has_what_uvicorn_gives_each() -> None:
    """Though its constructor is not asked: a release of uvicorn that sets more is noticed here."""

    async def act(line: Line) -> None:
        ours = Exchange({}, line.protocol, keep_alive=True)
        given = dict.fromkeys(signature(RequestResponseCycle).parameters)
        theirs = vars(RequestResponseCycle(**given))  # type: ignore[arg-type]
        assert set(theirs) <= set(dir(ours))
        state = set(theirs) - set(given) - {"waiting_for_100_continue"}
        assert {name: getattr(ours, name) for name in state} == {name: theirs[name] for name in state}

    on(echo, act)


def test_what_is_done_with_a_request_does_not_reach_the_next() -> None:
    """Its scope is its own, though its head came before."""

    async def spoilt(scope: Scope, receive: Receive, send: Send) -> None:
        assert "spoilt" not in scope
        assert scope["state"] == {}
        scope["spoilt"] = scope["state"]["spoilt"] = True
        await echo(scope, receive, send)

    async def act(line: Line) -> None:
        assert [packet[-4:] for _ in range(3) for packet in line.send(ONE)] == [b"body"] * 3

    on(spoilt, act)


REQUESTS = st.sampled_from(
    [
        ONE,
        ONE.replace(b"body", b"\r\n\r\n"),
        ONE.replace(b"body", b"POST"),
        POST.replace(b"4", b"0") % b"/predict",
        POST % b"/other" + b"body",
        b"POST /predict HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n0\r\n\r\n\r\n0\r\n\r\n",
        b"POST /predict HTTP/1.1\nContent-Length: 8\n\n\r\n\r\nbody",
        b"\r\n",
        b"GET /predict HTTP/1.1\r\n\r\n",
    ]
)


@given(st.lists(st.tuples(REQUESTS, st.lists(st.integers(1, 60), max_size=2))))
def test_what_a_connection_knows_changes_no_answer(asked: list[tuple[bytes, list[int]]]) -> None:
    """However requests are cut into packets, the answers are those of a connection that learns nothing."""

    async def act(line: Line) -> None:
        for request, cuts in asked:
            for start, end in pairwise([0, *sorted({cut for cut in cuts if cut < len(request)}), len(request)]):
                line.send(request[start:end])
        await turns(3 * len(asked))

    async def ignorant(line: Line) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Heads, "learn", lambda *_: None)
            await act(line)

    told = [re.sub(rb"[0-9a-f]{16}", b"", b"".join(on(echo, one).wire.packets)) for one in (act, ignorant)]
    assert told[0] == told[1]


def test_a_coroutine_goes_on_where_it_was_begun() -> None:
    """It is handed nothing twice, and ends with what it was begun with."""
    seen: list[str] = []

    async def work(wait: "asyncio.Future[str]") -> None:
        seen.append("begun")
        try:
            seen.append(await wait)
        finally:
            seen.append("ended")

    async def act() -> None:
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        run = work(future)
        task = asyncio.get_running_loop().create_task(Begun(run, run.send(None)))
        await asyncio.sleep(0)
        assert seen == ["begun"]
        future.set_result("done")
        await task

    asyncio.run(act())
    assert seen == ["begun", "done", "ended"]


def test_a_coroutine_that_is_ended_may_wait_again() -> None:
    """Cancelled before its task had a turn, it is told so where it waits, and is not handed what it waited for then."""
    seen: list[str] = []

    async def work(other: "asyncio.Future[str]") -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            seen.append("cancelled")
            seen.append(await other)

    async def act() -> None:
        other: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        run = work(other)
        task = asyncio.get_running_loop().create_task(Begun(run, run.send(None)))
        task.cancel()
        await asyncio.sleep(0)
        other.set_result("done")
        await asyncio.wait({task}, timeout=5)
        assert task.done()

    asyncio.run(act())
    assert seen == ["cancelled", "done"]


def test_a_coroutine_that_was_begun_can_be_waited_for() -> None:
    """As any other."""

    async def act() -> str:
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def work() -> None:
            seen.append(await future)

        seen: list[str] = []
        run = work()
        begun = Begun(run, run.send(None))
        asyncio.get_running_loop().call_soon(future.set_result, "done")
        await begun
        return seen[0]

    assert asyncio.run(act()) == "done"
