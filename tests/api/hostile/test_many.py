"""Ten thousand requests that are nearly right, seeded; HEARTH_TEST_REQUESTS asks for another number."""

import http.client
import json
import os
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from tests.api.hostile.rig import MARK, ROW, SECRET, Served, events, right

pytestmark = pytest.mark.journey

REQUESTS = int(os.environ.get("HEARTH_TEST_REQUESTS", "10000"))
CLIENTS = 4
ATOMS: tuple[object, ...] = (
    None,
    True,
    False,
    0,
    -0.0,
    1.5,
    2**53 + 1,
    2**64,
    -1,
    1e308,
    "",
    MARK,
    "red",
    "\0",
    "\udc00",
    [],
    {},
    [[]],
    {"size": 1},
)
SNIPPETS = (
    b"NaN",
    b"1e999",
    b"-",
    b'"',
    b"\\u0000",
    b"\\ud800",
    b"\xff",
    b"[[[[",
    b"}}",
    b"\0",
    b"9" * 400,
    b"\xef\xbb\xbf",
    MARK.encode(),
)
KINDS = ("application/json",) * 6 + ("text/csv", "application/vnd.apache.arrow.stream", "text/plain")
TABLE = b"size,count,old,colour\n1,2,true,red\n3,4,false,blue\n"


def attempts(seed: int, count: int) -> Iterator[tuple[str, str, bytes, str]]:
    """Method, path, body and its kind: good bodies with values exchanged, names changed, bytes cut, doubled or put in."""
    rng = random.Random(seed)  # noqa: S311 - not a secret
    paths = ("/predict", "/explain", "/predict/batch", "/feedback", "/feedback/batch", "/admin/reload", "/model/info")
    for _ in range(count):
        path = rng.choice(paths)
        body = json.dumps(_value(rng, path)).encode("utf-8", "surrogatepass")
        kind = rng.choice(KINDS)
        body = TABLE if kind == "text/csv" and rng.random() < 0.8 else body
        for _ in range(rng.choice((0, 0, 1, 1, 3))):
            body = _bent(rng, body)
        yield rng.choice(("POST",) * 9 + ("GET",)), path, body, kind


def _value(rng: random.Random, path: str) -> object:
    row = dict(ROW)
    for _ in range(rng.choice((0, 1, 1, 2))):
        row[rng.choice([*row, MARK, ""])] = rng.choice(ATOMS)
    truth = {"id": rng.choice(("a.0", "nobody", "\0", "", 1)), "actual": rng.choice(ATOMS)}
    shaped = {"/predict/batch": {"instances": [row, dict(ROW)]}, "/feedback": truth, "/feedback/batch": {"feedback": [truth]}}
    return rng.choice((shaped.get(path, row),) * 9 + (rng.choice(ATOMS),))


def _bent(rng: random.Random, body: bytes) -> bytes:
    at, to = sorted((rng.randrange(len(body) + 1), rng.randrange(len(body) + 1)))
    return rng.choice((body[:at] + body[to:], body[:to] + body[at:], body[:at] + rng.choice(SNIPPETS) + body[at:]))


def sent(server: Served, seed: int, count: int) -> dict[int, int]:
    """Statuses of so many attempts over one connection."""
    statuses: dict[int, int] = {}
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)) as link:
        for method, path, body, kind in attempts(seed, count):
            link.request(method, path, body, {"X-API-Key": SECRET, "Content-Type": kind})
            answer = link.getresponse()
            said = answer.read()
            assert MARK.encode() not in said, (path, body)
            assert answer.status < 400 or answer.headers["content-type"] == "application/problem+json"
            statuses[answer.status] = statuses.get(answer.status, 0) + 1
    return statuses


def test_no_request_is_a_500(server: Served) -> None:
    """Each is answered with a 2xx or a 4xx, by the service's own count too; then it is as right, and not much larger."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        told = list(pool.map(lambda seed: sent(server, seed, -(-REQUESTS // CLIENTS)), range(CLIENTS)))
    counted = server.counted()
    assert sum(counted.values()) >= REQUESTS
    assert set(counted) <= {200, 400, 404, 405, 409, 413, 415, 422}
    assert {status for some in told for status in some} <= set(counted)
    assert min(counted.get(200, 0), counted.get(422, 0)) > REQUESTS / 20  # neither all good nor all bad
    right(server)
    assert server.peak < 400
    assert not [event for event in events(server.log) if event["event"] == "failed"]
    assert MARK not in server.log.read_text(encoding="utf-8")
