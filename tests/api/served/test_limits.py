"""Limits of servers that run: exact under concurrency, in buckets that no request chooses, and without Redis."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from tests.api.served.conftest import Redis
from tests.api.servers import ROW, Answer, Client, Server, metric, serving, uvicorn

from api.keys import Key, hashed, new_key

pytestmark = pytest.mark.journey

LIMIT, WRONG = 100, 20
ODD = ("X-Real-IP", "Forwarded", "Client-IP", "CF-Connecting-IP", "True-Client-IP", "X-Client-IP", "X-Forwarded-Host")


@pytest.fixture(scope="module")
def one(regression_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One worker that counts in memory; each test has wrong keys from an address of its own."""
    folder = tmp_path_factory.mktemp("one")
    settings = {"HEARTH_BUNDLE": str(regression_folder), "HEARTH_DATABASE_URL": f"sqlite:///{folder}/s.db"}
    with serving(folder, settings | {"HEARTH_TRUSTED_PROXIES": "127.0.0.1"}) as server:
        yield server


def at_once(clients: Sequence[Client]) -> list[Answer]:
    """Send a row over every connection before any answer is read."""
    for client in clients:
        client.send("POST", "/predict", ROW)
    return [client.receive() for client in clients]


def limited() -> tuple[str, Key]:
    """A key with the default limit."""
    secret = new_key()
    return secret, Key(name="limited", scopes=frozenset({"predict"}), expires=None, sha256=hashed(secret))


def check_exactly_100_of_150(server: Server, key: str) -> None:
    """Of 150 requests at the same time, and what all of them are told."""
    with server.clients(150 // int(server.settings.get("HEARTH_WORKERS", "1")), key) as clients:
        answers = at_once(clients)
    through = [answer for answer in answers if answer.status == 200]
    refused = [answer for answer in answers if answer.status == 429]
    assert (len(through), len(refused)) == (LIMIT, 50)
    left = [dict(part.split("=") for part in answer.headers["ratelimit"].split(";")[1:]) for answer in through]
    assert sorted(int(told["r"]) for told in left) == list(range(LIMIT))
    assert all(0 < int(told["t"]) <= 60 for told in left)
    assert {answer.headers["ratelimit-policy"] for answer in answers} == {f'"default";q={LIMIT};w=60'}
    assert {answer.headers["content-type"] for answer in refused} == {"application/problem+json"}
    assert all(0 < int(answer.headers["retry-after"]) <= 60 for answer in refused)
    assert not any("retry-after" in answer.headers for answer in through)
    assert len({answer.json()["id"] for answer in through}) == LIMIT


def test_exactly_100_of_150_with_one_worker(bundle: Path, sqlite: str, tmp_path: Path) -> None:
    """Counted in memory; another key is not touched by it."""
    secret, key = limited()
    with serving(tmp_path, {"HEARTH_BUNDLE": str(bundle), "HEARTH_DATABASE_URL": sqlite}, others=[key]) as server:
        check_exactly_100_of_150(server, secret)
        with server.client() as client:
            assert client.predict().status == 200
            assert 'hearth_limit_refusals_total{limit="key"} 50.0' in client.get("/metrics").body.decode()


@pytest.mark.redis
@pytest.mark.postgres
def test_exactly_100_of_150_with_two_workers(bundle: Path, postgres: str, redis: Redis, tmp_path: Path) -> None:
    """Counted in Redis, 75 requests to each worker."""
    secret, key = limited()
    settings = {"HEARTH_BUNDLE": str(bundle), "HEARTH_DATABASE_URL": postgres, "HEARTH_REDIS_URL": redis.url}
    with serving(tmp_path, settings | {"HEARTH_WORKERS": "2"}, others=[key]) as server:
        check_exactly_100_of_150(server, secret)


def wrong(client: Client, number: int, headers: dict[str, str] | None = None) -> Answer:
    """Ask with a key that is nobody's, another one each time."""
    return client.ask("POST", "/predict", ROW, {"X-API-Key": f"hearth_wrong{number}", **(headers or {})})


def test_a_thousand_wrong_keys_are_slowed_and_a_right_one_is_not(one: Server) -> None:
    """From one address; who has a key goes through at any time."""
    here = {"X-Forwarded-For": "203.0.113.1"}
    with one.client(key="") as guesser, one.client() as owner:
        statuses = Counter[int]()
        for number in range(1000):
            answer = wrong(guesser, number, here)
            statuses[answer.status] += 1
            if number % 100 == 99:
                assert answer.headers["retry-after"]
                assert owner.ask("POST", "/predict", ROW, here).status == 200
    assert statuses == {401: WRONG, 429: 1000 - WRONG}


def test_behind_a_trusted_proxy_each_address_has_its_own_bucket(one: Server) -> None:
    """The right-most that is no proxy; what stands left of it was written by the client."""
    with one.client(key="") as client:
        for last in ("203.0.113.2", "203.0.113.3"):
            told = [wrong(client, n, {"X-Forwarded-For": f"198.51.100.{n}, {last}, 127.0.0.1"}).status for n in range(30)]
            assert Counter(told) == {401: WRONG, 429: 10}


def test_no_header_of_a_request_chooses_its_bucket(bundle: Path, sqlite: str, tmp_path: Path) -> None:
    """Without a trusted proxy: neither for wrong keys nor for the limit of a key, however it is sent."""
    secret, key = limited()
    with serving(tmp_path, {"HEARTH_BUNDLE": str(bundle), "HEARTH_DATABASE_URL": sqlite}, others=[key]) as server:
        with server.client(key="") as client:
            told = [wrong(client, n, rotated(n)).status for n in range(60)]
            assert Counter(told) == {401: WRONG, 429: 60 - WRONG}
            ways = [client.ask("POST", f"/predict?n={n}", ROW, {**rotated(n), **way(secret, n)}).status for n in range(120)]
        assert Counter(ways) == {200: LIMIT, 429: 20}


def rotated(number: int) -> dict[str, str]:
    """Every header that may name an address, another one each time, with a port or without."""
    address = f"198.51.{number}.7" + (f":{1000 + number}" if number % 2 else "")
    return dict.fromkeys((*ODD, "X-Forwarded-For"), address)


def way(secret: str, number: int) -> dict[str, str]:
    """A key in one of the ways in which it can be sent, beside what is no key."""
    ways: list[dict[str, str]] = [
        {"X-API-Key": secret},
        {"Authorization": f"Bearer {secret}"},
        {"x-api-key": f"  {secret} ", "authorization": f"bearer   {secret}"},
        {"X-API-Key": secret, "Authorization": f"Basic {number}", "Api-Key": f"hearth_{number}", "X-Key": str(number)},
    ]
    return ways[number % len(ways)]


def test_plain_uvicorn_gives_no_new_bucket_for_a_new_header(bundle: Path, sqlite: str, tmp_path: Path) -> None:
    """It believes X-Forwarded-For of peers on loopback before the service sees the request: all of those share one bucket."""
    server = Server(tmp_path, {"HEARTH_BUNDLE": str(bundle), "HEARTH_DATABASE_URL": sqlite})
    server.command = uvicorn(server.port)
    try:
        with server.start().client(key="") as client:
            told = [wrong(client, n, rotated(n)).status for n in range(60)]
            assert Counter(told) == {401: WRONG, 429: 60 - WRONG}
        with server.client() as client:
            assert client.predict().status == 200
    finally:
        server.kill()


@pytest.mark.redis
def test_without_redis_requests_are_answered_and_counted_here(bundle: Path, sqlite: str, redis: Redis, tmp_path: Path) -> None:
    """Redis dies, freezes and comes back under requests: none fails, limits hold, and it is said where they are counted."""
    secret, key = limited()
    settings = {"HEARTH_BUNDLE": str(bundle), "HEARTH_DATABASE_URL": sqlite, "HEARTH_REDIS_URL": redis.url}
    with serving(tmp_path, settings, others=[key]) as server, server.client(secret) as client:
        assert client.predict().headers["ratelimit"].startswith(f'"default";r={LIMIT - 1};')
        assert server.ready()[1]["limits"] == "redis"
        redis.stop()
        assert Counter(client.predict().status for _ in range(120)) == {200: LIMIT, 429: 20}
        status, told = server.ready()
        assert (status, told["limits"], told["status"]) == (200, "local", "degraded")
        assert metric(server, "hearth_limits_local") == 1
        assert metric(server, "hearth_limit_storage_failures_total") == 1
        redis.start()
        server.until(lambda: server.ready()[1]["limits"] == "redis")
        assert server.ready()[1]["status"] == "ok"
        assert metric(server, "hearth_limits_local") == 0
        assert client.predict().headers["ratelimit"].startswith(f'"default";r={LIMIT - 1};')
        redis.freeze()
        assert client.predict().status == 429, "counted here, where the limit was reached"
        assert server.ready()[1]["limits"] == "local"
        redis.thaw()
        server.until(lambda: server.ready()[1]["limits"] == "redis")
