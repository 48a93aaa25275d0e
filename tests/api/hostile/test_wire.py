"""Clients that do not speak HTTP, or speak it badly, slowly, or without an end."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.api.hostile.rig import MARK, ROW, SECRET, Answer, Served, events, head, problem, right

BODY = json.dumps(dict(ROW)).encode()
KEYED = {"X-API-Key": SECRET, "Content-Type": "application/json"}
MIB = 2**20


@pytest.fixture(scope="module", autouse=True)
def unharmed(hasty: Served) -> Iterator[None]:
    """Afterwards it answers as before, holds little memory, and logged neither a failure nor what was sent."""
    yield
    right(hasty)
    assert hasty.peak < 400
    assert not [event for event in events(hasty.log) if event["event"] == "failed"]
    assert MARK not in hasty.log.read_text(encoding="utf-8")
    assert set(hasty.counted()) & set(range(500, 600)) <= {503}


def posted(path: str = "/predict", body: bytes = BODY, **headers: str) -> bytes:
    """A whole request."""
    return head("POST", path, {**KEYED, **{name.replace("_", "-"): text for name, text in headers.items()}}, body) + body


def only(found: list[Answer], *statuses: int) -> Answer:
    """The one answer, a problem where it is a refusal."""
    (answer,) = found
    assert answer.status in statuses, answer
    if answer.status >= 400:
        problem(answer)
    return answer


NOT_HTTP = {
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20,
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no such method": head("BREW", f"/{MARK}", KEYED),
    "a method in lower case": head("get", "/health", KEYED),
    "NUL in the path": b"GET /\x00" + MARK.encode() + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "bytes in the path": b"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
    "NUL in a header": b"GET /health HTTP/1.1\r\nHost: a\r\nX-A: \x00" + MARK.encode() + b"\r\n\r\n",
    "a header without a name": b"GET /health HTTP/1.1\r\nHost: a\r\n: " + MARK.encode() + b"\r\n\r\n",
    "a folded header": b"GET /health HTTP/1.1\r\nHost: a\r\nX-A: a\r\n b\r\n\r\n",
    "a bare line feed": b"GET /health HTTP/1.1\nHost: a\n\n",
    "no path": b"GET http://evil.example HTTP/1.1\r\nHost: a\r\n\r\n",
    "a tunnel": b"CONNECT evil.example:443 HTTP/1.1\r\nHost: a\r\n\r\n",
    "two lengths": b"POST /predict HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    "a negative length": head("POST", "/predict", {**KEYED, "Content-Length": "-5"}),
    "a length with a sign": head("POST", "/predict", {**KEYED, "Content-Length": "+5"}) + b"12345",
    "a length in hex": head("POST", "/predict", {**KEYED, "Content-Length": "0x5"}) + b"12345",
    "a length of 400 digits": head("POST", "/predict", {**KEYED, "Content-Length": "9" * 400}),
    "a length and chunks": head("POST", "/predict", {**KEYED, "Content-Length": "5", "Transfer-Encoding": "chunked"})
    + b"0\r\n\r\n",
    "chunks and a length": b"POST /predict HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"
    b"GET / HTTP/1.1\r\n\r\n",
    "an unknown transfer": head("POST", "/predict", {**KEYED, "Transfer-Encoding": "chunked, gzip"}) + b"0\r\n\r\n",
    "chunks that are none": head("POST", "/predict", {**KEYED, "Transfer-Encoding": "chunked"}) + MARK.encode() + b"\r\n",
    "a negative chunk": head("POST", "/predict", {**KEYED, "Transfer-Encoding": "chunked"}) + b"-1\r\n\r\n",
    "a chunk of 2^64 bytes": head("POST", "/predict", {**KEYED, "Transfer-Encoding": "chunked"})
    + b"1"
    + b"0" * 16
    + b"\r\n\r\n",
}


@pytest.mark.parametrize("name", NOT_HTTP)
def test_what_is_not_http_is_a_400(hasty: Served, name: str) -> None:
    """It is refused in the form of every refusal, once, and the connection is closed: nothing after it is a request."""
    answer = only(hasty.raw(NOT_HTTP[name]), 200 if name in ("a bare line feed", "a folded header") else 400, 400)
    assert MARK.encode() not in answer.body


@pytest.mark.parametrize(
    "method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "CONNECT", "QUERY"]
)
def test_other_methods_are_a_405(hasty: Served, method: str) -> None:
    """The answer names those that there are; that to HEAD has no body."""
    (answer,) = hasty.raw(head(method, "/predict", KEYED))
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    if method != "HEAD":
        problem(answer)


@pytest.mark.parametrize(
    "path",
    [
        "/docs/%00",
        "/docs/..%2f..%2fetc/passwd",
        "/reports/../../etc/passwd",
        "/reports/%2e%2e/hearth.db",
        "//predict",
        "/predict/",
        "/Predict",
        f"/{MARK}",
        "/%ff%fe",
        "/%",
        "/" + "a" * 60_000,
        "/?" + MARK,
        "/predict;a=b",
        "/%F0%9F%92%A9",
        "*",
    ],
    ids=lambda path: path[:20],
)
def test_there_is_nothing_at_other_paths(hasty: Served, path: str) -> None:
    """No path leads out of the routes, and none is told back."""
    (answer,) = hasty.raw(head("GET", path, KEYED))
    assert answer.status == (200 if path.startswith("/?") else 404)
    assert MARK.encode() not in answer.body
    assert b"root:" not in answer.body


def test_an_absolute_target_is_its_path(hasty: Served) -> None:
    """As RFC 9112 has it; whose host it names changes nothing."""
    only(hasty.raw(posted("http://evil.example/predict")), 200)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_both_versions_are_answered(hasty: Served, version: str) -> None:
    """HTTP/1.0 has no chunks and closes."""
    only(hasty.raw(head("POST", "/predict", KEYED, BODY, version) + BODY), 200)


@pytest.mark.parametrize("upgrade", ["websocket", "h2c"])
def test_an_upgrade_is_not_taken(hasty: Served, upgrade: str) -> None:
    """The request is answered as if it had not asked."""
    asked = {"Connection": "Upgrade, close", "Upgrade": upgrade, "Sec-WebSocket-Key": "x", "Sec-WebSocket-Version": "13"}
    only(hasty.raw(head("GET", "/health", asked)), 200)


def test_a_client_that_waits_to_send_is_told_to(hasty: Served) -> None:
    """``Expect: 100-continue`` gets its word before the answer, a body that is too large its refusal instead."""
    only(hasty.raw(posted(Expect="100-continue")), 200)
    only(hasty.raw(head("POST", "/predict/batch", {**KEYED, "Expect": "100-continue", "Content-Length": str(50 * MIB)})), 413)


def test_requests_in_one_packet_are_answered_in_turn(hasty: Served) -> None:
    """Pipelined ones too, the refused among them."""
    kept = {**KEYED, "Connection": "keep-alive"}
    one = head("POST", "/predict", kept, BODY) + BODY + head("GET", "/nothing", kept) + head("GET", "/health", kept)
    found = hasty.raw(one * 30 + head("GET", "/health", {}))
    assert [answer.status for answer in found] == [200, 404, 200] * 30 + [200]


@pytest.mark.parametrize(
    "request_",
    [
        head("GET", "/health", {"X-A": MARK * 200_000}),
        head("GET", "/health", {f"X-{MARK}-{i}": "a" * 10 for i in range(10_000)}),
        head("GET", "/" + MARK * 200_000, KEYED),
        head("GET", "/health?" + MARK * 200_000, KEYED),
        head("POST", "/predict", {**KEYED, "Transfer-Encoding": "chunked"}) + b"1;" + b"a" * MIB + b"\r\n1\r\n0\r\n\r\n",
        head("POST", "/predict", {**KEYED, "Transfer-Encoding": "chunked"}) + b"1\r\n{\r\n0\r\n" + b"X-A: a\r\n" * 100_000,
    ],
    ids=["one header", "headers", "path", "query", "chunk extension", "trailers"],
)
def test_a_head_has_an_end(hasty: Served, request_: bytes) -> None:
    """What is no body is cut off after 64 KiB, wherever it stands; the client may be told so while it still sends."""
    for answer in hasty.raw(request_):
        assert answer.status in (400, 431)
        problem(answer)


def test_a_body_has_an_end(hasty: Served) -> None:
    """50 MB are refused when they are announced, and when they come in chunks; smaller lies wait for the time limit."""
    announced = head("POST", "/predict/batch", {**KEYED, "Content-Length": str(50 * MIB)})
    only(hasty.raw(announced), 413)
    only(hasty.raw(announced, b"a" * 50 * MIB), 413)
    only(hasty.raw(head("POST", "/predict/batch", {**KEYED, "Content-Length": str(2**64 - 1)})), 413)
    chunk = b"100000\r\n" + b"a" * MIB + b"\r\n"
    only(hasty.raw(head("POST", "/predict/batch", {**KEYED, "Transfer-Encoding": "chunked"}), *[chunk] * 50), 413)


SLOW = {  # what is sent at first, what trickles in after it, and what comes back
    "nothing": (b"", b"", []),
    "half a head": (b"GET /health HTTP/1.1\r\nHost: ", b"a", [408]),
    "empty lines": (b"\r\n\r\n", b"\r\n", [408]),
    "half a body": (head("POST", "/predict", {**KEYED, "Content-Length": "100"}), b" ", [503]),
    "chunks without end": (head("POST", "/predict", {**KEYED, "Transfer-Encoding": "chunked"}), b"1\r\n \r\n", [503]),
    "a body after its answer": (
        head("POST", "/nothing", {**KEYED, "Content-Length": "100", "Connection": "keep-alive"}),
        b" ",
        [404],
    ),
}


def test_slow_clients_are_let_go(hasty: Served) -> None:
    """A head, a body, chunks that trickle in are cut off after the time that a request may take, and hold nobody up."""
    with ThreadPoolExecutor(len(SLOW)) as pool:
        futures = {name: pool.submit(_trickled, hasty, start, more) for name, (start, more, _) in SLOW.items()}
        time.sleep(0.5)
        right(hasty)
        ended = {name: future.result() for name, future in futures.items()}
    for name, (answers, seconds) in ended.items():
        assert [answer.status for answer in answers] == SLOW[name][2], name
        assert seconds < 8, name


def _trickled(server: Served, start: bytes, more: bytes) -> tuple[list[Answer], float]:
    """What came after ``start`` and ``more`` every quarter of a second, and when the server closed."""
    began = time.monotonic()
    with server.connect(0.25) as link:
        link.sendall(start)
        held = b""
        while time.monotonic() - began < 15:
            try:
                part = link.recv(65536)
            except TimeoutError:
                link.sendall(more)
                continue
            except ConnectionError:
                break
            if not part:
                break
            held += part
    return server.parsed(held), time.monotonic() - began


def test_clients_that_vanish_leave_nothing(hasty: Served) -> None:
    """In the middle of a head, of a body, of an answer: connections are gone a moment later, and nothing fails."""
    right(hasty)
    before = hasty.connections
    batch = json.dumps({"instances": [dict(ROW)] * 5000}).encode()
    for sent in (b"GET /hea", posted()[:-5], posted(), posted("/predict/batch", batch), posted("/predict/batch", batch)[:-5]):
        for _ in range(10):
            with hasty.connect() as link:
                link.sendall(sent)
    deadline, calm = time.monotonic() + 60, 0
    while calm < 10 and time.monotonic() < deadline:  # for a second: in a moment's lull the rest may still wait to be accepted
        calm = calm + 1 if hasty.connections <= before else 0
        time.sleep(0.1)
    assert calm == 10


def test_a_client_that_takes_nothing_is_let_go(hasty: Served) -> None:
    """An answer that nobody reads is not kept for ever."""
    before = hasty.connections
    batch = json.dumps({"instances": [dict(ROW)] * 10_000}).encode()
    links = [hasty.connect() for _ in range(4)]
    for link in links:
        link.sendall(head("POST", "/predict/batch", {**KEYED, "Connection": "keep-alive"}, batch) + batch)
    deadline = time.monotonic() + 12
    while hasty.connections > before and time.monotonic() < deadline:
        time.sleep(0.2)
    assert hasty.connections <= before
    for link in links:
        link.close()
