"""Limits: exact in one process and in several, the same with Redis and without it, bounded in memory."""

import asyncio
import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from api.counters import Memory, Shared, SilentError
from api.ratelimit import (
    PEER,
    Limiter,
    LimitError,
    Verdict,
    address_bucket,
    client_address,
    headers,
    key_bucket,
    read_limit,
)
from hearth.errors import HearthError

URL = "redis://127.0.0.1:6379"
MINUTE = read_limit("100/minute")
ROOT = Path(__file__).parents[2]


class Clock:
    """Time that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


@pytest.fixture
def prefix() -> Iterator[str]:
    """Counters of this test alone, in the Redis of this machine."""
    client: Redis = Redis.from_url(URL, socket_timeout=1)
    name = f"test-{uuid.uuid4().hex}"
    try:
        client.ping()
    except (RedisError, OSError):
        pytest.skip(f"no Redis answers at {URL}")
    yield name
    for key in client.keys(f"{name}:*"):
        client.delete(key)
    client.close()


class Server:
    """A Redis of our own, to be stopped at will."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        """Start it and wait until it answers."""
        arguments = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self._folder)]
        self._process = subprocess.Popen([*arguments, *options], stdout=subprocess.DEVNULL)
        until = time.monotonic() + 10
        while time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as link:
                link.sendall(b"PING\r\n")
                if link.recv(7):
                    return
            time.sleep(0.02)
        pytest.fail("redis-server did not start")

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Let it take connections and answer none."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """It is not started yet."""
    with contextlib.suppress(FileNotFoundError):
        subprocess.run(["redis-server", "--version"], check=True, stdout=subprocess.DEVNULL)
        made = Server(tmp_path)
        yield made
        made.stop()
        return
    pytest.skip("redis-server is not installed")


@contextlib.asynccontextmanager
async def limiter(url: str | None, prefix: str = "test", pause: float = 0.1, timeout: float = 0.2) -> AsyncIterator[Limiter]:
    """A limiter that was asked to start."""
    made = Limiter("100/minute", url, prefix=prefix, pause=pause, timeout=timeout)
    await made.start()
    try:
        yield made
    finally:
        await made.close()


async def hits(limits: Limiter, count: int, bucket: str = "key:one") -> list[Verdict]:
    """So many requests at once."""
    return await asyncio.gather(*(limits.hit(bucket, MINUTE) for _ in range(count)))


def let_through(verdicts: list[Verdict]) -> int:
    """How many."""
    return sum(verdict.allowed for verdict in verdicts)


async def until(limits: Limiter, state: str) -> None:
    """Wait for a state, five seconds at most."""
    async with asyncio.timeout(5):
        while limits.state != state:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("text", "amount", "seconds"),
    [
        ("100/minute", 100, 60),
        ("1/second", 1, 1),
        ("5/seconds", 5, 1),
        ("20/10seconds", 20, 10),
        ("7/2hours", 7, 7200),
        ("999999999/day", 999_999_999, 86_400),
    ],
)
def test_a_limit_is_read(text: str, amount: int, seconds: int) -> None:
    """Requests, and the seconds of their window."""
    assert read_limit(text) == (amount, seconds)


@pytest.mark.parametrize(
    "text",
    [
        *("", "100", "0/minute", "-1/minute", "1.5/minute", "100/0minute", "100/fortnight", "100/month", "1000000000/minute"),
        *("100/minute;5/second", "100 per minute", "100/minute\n", " 100/minute", "\u0661/minute"),
    ],
)
def test_a_limit_at_fault_says_what_is_allowed(text: str) -> None:
    """Also two of them: the second would be dropped without a word."""
    with pytest.raises(LimitError, match=r"written like 100/minute"):
        read_limit(text)
    with pytest.raises(LimitError):
        Limiter(text)


def test_exactly_the_limit_passes_in_one_process() -> None:
    """100 of 150 at once, and nothing of another key's."""

    async def body() -> None:
        async with limiter(None) as limits:
            assert limits.state == "memory"
            verdicts, others = await asyncio.gather(hits(limits, 150), hits(limits, 100, "key:two"))
            assert let_through(verdicts) == let_through(others) == 100
            assert sorted(verdict.remaining for verdict in verdicts) == [0] * 50 + list(range(100))

    asyncio.run(body())


def test_exactly_the_limit_passes_with_redis(prefix: str) -> None:
    """100 of 150 at once, through one connection."""

    async def body() -> None:
        async with limiter(URL, prefix) as limits:
            assert limits.state == "redis"
            verdicts = await hits(limits, 150)
            assert let_through(verdicts) == 100
            assert sorted(verdict.remaining for verdict in verdicts) == [0] * 50 + list(range(100))
            assert all(59 < verdict.reset_after <= 60 for verdict in verdicts)
            assert limits.failures == 0

    asyncio.run(body())


WORKER = """
import asyncio, json, sys
from api.ratelimit import Limiter

async def main():
    limits = Limiter("100/minute", sys.argv[1], prefix=sys.argv[2], timeout=5)
    await limits.start()
    sys.stdin.readline()
    verdicts = await asyncio.gather(*(limits.hit("key:one", limits.default) for _ in range(75)))
    await limits.close()
    print(json.dumps([limits.failures, sum(verdict.allowed for verdict in verdicts)]))

asyncio.run(main())
"""


def test_exactly_the_limit_passes_two_processes_that_share_a_redis(prefix: str) -> None:
    """100 of two times 75 at once."""
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, URL, prefix], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    time.sleep(0.5)
    told = [json.loads(worker.communicate("go\n", timeout=30)[0]) for worker in workers]
    assert [failures for failures, _ in told] == [0, 0]
    assert sum(passed for _, passed in told) == 100


def test_more_hits_than_one_call_takes_are_all_counted(prefix: str) -> None:
    """Also on many names at once."""

    async def body() -> None:
        async with limiter(URL, prefix, timeout=5) as limits:
            verdicts = await asyncio.gather(*(limits.hit(f"key:{number % 30}", MINUTE) for number in range(3030)))
            assert let_through(verdicts) == 3000
            assert limits.failures == 0

    asyncio.run(body())


def test_a_window_starts_with_the_first_request_and_ends_when_it_ends() -> None:
    """Refused requests do not move its end; the moment after it is a new one's first."""

    async def body() -> None:
        clock = Clock()
        limits = Limiter("2/10seconds", clock=clock)

        async def hit() -> tuple[bool, int, float]:
            verdict = await limits.hit("key:one", limits.default)
            return verdict.allowed, verdict.remaining, verdict.reset_after

        assert await hit() == (True, 1, 10)
        clock.now += 4
        assert await hit() == (True, 0, 6)
        clock.now += 5.5
        assert await hit() == (False, 0, 0.5)
        clock.now += 0.5
        assert await hit() == (True, 1, 10)

    asyncio.run(body())


def test_a_window_in_redis_ends_too(prefix: str) -> None:
    """By Redis' own clock, to the millisecond."""

    async def body() -> None:
        second = read_limit("1/second")
        async with limiter(URL, prefix) as limits:
            assert (await limits.hit("key:one", second)).allowed
            refused = await limits.hit("key:one", second)
            assert not refused.allowed
            await asyncio.sleep(refused.reset_after + 0.01)
            assert (await limits.hit("key:one", second)).allowed

    asyncio.run(body())


def test_a_counter_without_an_end_gets_one(prefix: str) -> None:
    """Else it would refuse for ever."""

    async def body() -> None:
        client: Redis = Redis.from_url(URL)
        client.set(f"{prefix}:key:one/60", 500)
        client.close()
        async with limiter(URL, prefix) as limits:
            verdict = await limits.hit("key:one", MINUTE)
            assert (verdict.allowed, verdict.reset_after) == (False, 60)

    asyncio.run(body())


def test_a_key_whose_window_is_changed_starts_a_new_one() -> None:
    """Who was limited by the day does not wait for its end."""

    async def body() -> None:
        limits = Limiter("1/day")
        await limits.hit("key:one", limits.default)
        assert not (await limits.hit("key:one", limits.default)).allowed
        assert (await limits.hit("key:one", MINUTE)).allowed

    asyncio.run(body())


def test_redis_down_at_the_start_is_told_and_hinders_nothing(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """Counted here, exactly, until it is there."""

    async def body() -> None:
        async with limiter(server.url) as limits:
            assert (limits.state, limits.failures) == ("local", 1)
            assert let_through(await hits(limits, 150)) == 100
            await asyncio.to_thread(server.start)
            await until(limits, "redis")
            assert let_through(await hits(limits, 150)) == 100
            assert limits.failures == 1

    asyncio.run(body())
    assert "until Redis is back" in caplog.text


def test_redis_that_goes_away_hinders_nothing_and_takes_over_when_it_is_back(server: Server) -> None:
    """No request fails, one failure is counted, and the windows go on where they are."""

    async def body() -> None:
        server.start()
        async with limiter(server.url) as limits:
            assert let_through(await hits(limits, 60)) == 60
            server.stop()
            assert let_through(await hits(limits, 150)) == 100
            assert (limits.state, limits.failures) == ("local", 1)
            assert let_through(await hits(limits, 150)) == 0
            await asyncio.to_thread(server.start)
            await until(limits, "redis")
            assert let_through(await hits(limits, 150)) == 100
            server.stop()
            await hits(limits, 1)
            assert (limits.state, limits.failures) == ("local", 2)

    asyncio.run(body())


def test_redis_that_does_not_answer_delays_a_request_once(server: Server) -> None:
    """By the timeout, and those that come meanwhile no longer; after that nobody waits, and nothing blocks the loop."""

    async def body() -> None:
        server.start()
        async with limiter(server.url, pause=5) as limits:
            await hits(limits, 1)
            server.freeze()
            ticks, start = 0, time.monotonic()
            first = asyncio.ensure_future(hits(limits, 10))
            gone = asyncio.ensure_future(limits.hit("key:gone", MINUTE))
            while not first.done():
                await asyncio.sleep(0.005)
                ticks += 1
                if ticks == 10:
                    gone.cancel()
                    late = asyncio.ensure_future(hits(limits, 10))
            await late
            assert 0.19 < time.monotonic() - start < 0.4
            assert ticks > 20
            assert limits.failures == 1
            start = time.monotonic()
            assert let_through(await hits(limits, 150)) == 80
            assert time.monotonic() - start < 0.05
            assert len(asyncio.all_tasks()) == 2  # this one, and the one that will ask again

    asyncio.run(body())


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("connected", [True, False])
def test_a_loop_that_stood_still_does_not_take_redis_for_silent(server: Server, loop: str, connected: bool) -> None:
    """A large batch may hold it up for longer than Redis is given, also while it connects."""

    async def body() -> None:
        server.start()
        limits = Limiter("100/minute", server.url)
        if connected:
            await limits.start()
        server.freeze()
        asked = asyncio.ensure_future(hits(limits, 5))
        await asyncio.sleep(0.05)
        server.thaw()
        time.sleep(0.4)
        assert let_through(await asked) == 5
        assert (limits.state, limits.failures) == ("redis", 0)
        await limits.close()

    with asyncio.Runner(loop_factory=pytest.importorskip(loop).new_event_loop) as runner:
        runner.run(body())


@pytest.mark.parametrize("options", [("--requirepass", "secret"), ("--maxmemory", "1", "--maxmemory-policy", "noeviction")])
def test_redis_that_refuses_is_as_good_as_none(server: Server, options: tuple[str, ...]) -> None:
    """A wrong password, no memory left: counted here, and told."""

    async def body() -> None:
        server.start(*options)
        async with limiter(server.url) as limits:
            assert limits.state == "local"
            await asyncio.sleep(0.3)
            assert let_through(await hits(limits, 150)) == 100
            assert (limits.state, limits.failures) == ("local", 1)

    asyncio.run(body())


@pytest.mark.parametrize("host", ["nobody.invalid", "x" * 70 + ".invalid"])
def test_a_redis_that_has_no_address_is_as_good_as_none(host: str) -> None:
    """Or one that no host can have."""

    async def body() -> None:
        async with limiter(f"redis://{host}:6379", timeout=2) as limits:
            assert limits.state == "local"
            assert (await hits(limits, 1))[0].allowed

    asyncio.run(body())


def test_a_port_that_is_no_redis_is_as_good_as_none() -> None:
    """It answers something else."""

    async def body() -> None:
        async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 20)
            await writer.drain()
            writer.close()

        other = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = other.sockets[0].getsockname()[1]
        async with limiter(f"redis://127.0.0.1:{port}") as limits:
            assert limits.state == "local"
        other.close()

    asyncio.run(body())


def test_a_request_that_is_cancelled_takes_nobody_with_it(prefix: str) -> None:
    """Those that were asked with it are answered; it was counted."""

    async def body() -> None:
        async with limiter(URL, prefix) as limits:
            gone = asyncio.ensure_future(limits.hit("key:one", MINUTE))
            others = asyncio.ensure_future(hits(limits, 5))
            await asyncio.sleep(0)
            gone.cancel()
            assert let_through(await others) == 5
            assert gone.cancelled()
            assert (await limits.hit("key:one", MINUTE)).remaining == 93

    asyncio.run(body())


def test_closing_tells_those_that_wait(server: Server) -> None:
    """They are answered from memory."""

    async def body() -> None:
        server.start()
        made = Limiter("100/minute", server.url, timeout=5)
        await made.start()
        server.freeze()
        waiting = asyncio.ensure_future(hits(made, 3))
        await asyncio.sleep(0.05)
        await made.close()
        async with asyncio.timeout(1):
            assert let_through(await waiting) == 3
        assert (made.state, made.failures) == ("memory", 0)
        assert (await hits(made, 1))[0].remaining == 96
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(body())


@pytest.mark.parametrize("url", ["localhost:6379", "http://localhost", "redis://:secret@localhost:port", ""])
def test_a_url_at_fault_is_told_without_its_password(url: str) -> None:
    """With what is allowed."""
    with pytest.raises(HearthError, match="HEARTH_REDIS_URL is no address of a Redis: give redis://HOST:PORT/DB") as error:
        Limiter("100/minute", url)
    assert "secret" not in str(error.value)
    assert error.value.__cause__ is None


def test_a_missing_client_of_redis_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install."""
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)
    with pytest.raises(HearthError, match=r"pip install 'hearth\[cluster\]'"):
        Limiter("100/minute", URL)


def test_a_flood_of_addresses_fills_no_memory() -> None:
    """They share one window when it is full; known ones keep theirs, and keys are always let in."""
    clock = Clock()
    memory = Memory("address:", most=100, clock=clock)
    assert memory.count("address:known", 60) == (1, 60)
    for number in range(1000):
        memory.count(f"address:{number}", 60)
    assert len(memory) == 101
    assert memory.count("address:new", 60)[0] == 1000 - 99 + 1
    assert memory.count("address:known", 60)[0] == 2
    assert memory.count("key:one", 60)[0] == 1
    assert memory.count("key:one", 60)[0] == 2
    clock.now += 60
    assert memory.count("address:new", 60) == (1, 60)
    assert len(memory) == 1


def test_a_full_memory_is_looked_through_once_a_second() -> None:
    """Not at every request of a flood."""
    clock = Clock()
    memory = Memory("address:", most=10, clock=clock)
    for number in range(11):
        memory.count(f"address:{number}", 0.5)
    clock.now += 0.6
    memory.count("address:a", 60)
    assert len(memory) == 11
    clock.now += 0.4
    memory.count("address:b", 60)
    assert len(memory) == 2


def test_a_hit_in_memory_costs_little_whatever_is_held() -> None:
    """Below 10 us with the memory full, headers included; 50 here, for a busy machine."""

    async def body() -> float:
        limits = Limiter("100/minute")
        for number in range(20_000):
            await limits.hit(f"address:{number}", MINUTE)
        start = time.perf_counter()
        for _ in range(5000):
            headers(await limits.hit("key:one", MINUTE))
        return (time.perf_counter() - start) / 5000

    assert min(asyncio.run(body()) for _ in range(3)) < 50e-6


def test_a_silent_redis_has_an_error_of_the_house() -> None:
    """The counter raises it, the limiter never does."""

    async def body() -> None:
        shared = Shared("redis://127.0.0.1:1", "test", 0.2)
        with pytest.raises(SilentError, match="Redis does not count: ConnectionError"):
            await shared.count("key:one", 60)
        await shared.close()

    asyncio.run(body())


def test_headers_follow_the_draft() -> None:
    """Structured fields; a refusal also says when to come back, rounded up."""
    assert headers(Verdict(True, 100, 99, 59.2, 60)) == [
        (b"ratelimit-policy", b'"default";q=100;w=60'),
        (b"ratelimit", b'"default";r=99;t=60'),
    ]
    assert headers(Verdict(False, 100, 0, 0.001, 60))[1:] == [(b"ratelimit", b'"default";r=0;t=1'), (b"retry-after", b"1")]
    assert headers(Verdict(False, 100, 0, 0.0, 60))[2] == (b"retry-after", b"1")


TRUSTED = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", [b"1.2.3.4"], "203.0.113.9"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [b"1.2.3.4"], "1.2.3.4"),
        ("10.0.0.1", [b"6.6.6.6, 1.2.3.4"], "1.2.3.4"),
        ("10.0.0.1", [b"6.6.6.6, 1.2.3.4, 10.0.0.2,10.9.9.9 "], "1.2.3.4"),
        ("10.0.0.1", [b"6.6.6.6", b"1.2.3.4", b"10.0.0.2"], "1.2.3.4"),
        ("10.0.0.1", [b"10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", [b"2001:db8::1"], "2001:db8::1"),
        ("fd00::1", [b"1.2.3.4"], "1.2.3.4"),
        ("::ffff:10.0.0.1", [b"::ffff:1.2.3.4"], "1.2.3.4"),
        ("10.0.0.1", [b"nonsense"], "10.0.0.1"),
        ("10.0.0.1", [b"1.2.3.4, nonsense"], "10.0.0.1"),
        ("10.0.0.1", [b"nonsense, 1.2.3.4"], "1.2.3.4"),
        ("10.0.0.1", [b""], "10.0.0.1"),
        ("10.0.0.1", [b"1.2.3.4,"], "10.0.0.1"),
        ("10.0.0.1", [b"\xff\x00"], "10.0.0.1"),
        ("10.0.0.1", [b"6.6.6.6," * 12_500 + b"1.2.3.4"], "1.2.3.4"),
        ("10.0.0.1", [b"9" * 100_000], "10.0.0.1"),
    ],
)
def test_the_address_is_the_peers_unless_a_trusted_proxy_says_otherwise(peer: str, forwarded: list[bytes], found: str) -> None:
    """Then the right-most that is no proxy: what stands left of it was written by the client."""
    scope = {"client": (peer, 1), "headers": [(b"host", b"x"), *((b"x-forwarded-for", value) for value in forwarded)]}
    assert client_address(scope, TRUSTED) == found


def test_without_a_trusted_proxy_the_header_is_nothing() -> None:
    """Whoever the peer is."""
    assert client_address({"client": ("10.0.0.1", 1), "headers": [(b"x-forwarded-for", b"1.2.3.4")]}, ()) == "10.0.0.1"


@pytest.mark.parametrize("client", [None, ("", 0), ("testclient", 50000)])
def test_a_peer_without_an_address_is_unknown(client: tuple[str, int] | None) -> None:
    """A Unix socket; all of them share a bucket."""
    assert client_address({"client": client, "headers": []}, TRUSTED) == "unknown"
    assert address_bucket("unknown") == "address:unknown"


@pytest.mark.parametrize(
    ("client", "forwarded"),
    [
        (("1.2.3.4", 0), b"1.2.3.4"),
        (("1.2.3.4", 0), b""),
        (("10.0.0.1", 0), b"1.2.3.4, 10.0.0.1"),
        (("1.2.3.4", 5678), b"1.2.3.4:5678"),
        (("1.2.3.4", 5678), b"9.9.9.9, 1.2.3.4:+5_678 , 10.0.0.1"),
        (("1.2.3.4", 5678), b"\xa01.2.3.4:5678\x85"),
        (("2001:db8::1", 99), b"[2001:db8::1]:99"),
        (("10.0.0.1", 99), b"1.2.3.4, 10.0.0.1:99"),
    ],
)
def test_an_address_that_the_client_wrote_is_unknown(client: tuple[str, int], forwarded: bytes) -> None:
    """A server that believed the header before the service saw it gives no new bucket, with a trusted proxy or without."""
    scope = {"client": client, "headers": [(b"x-forwarded-for", forwarded)]}
    assert client_address(scope, ()) == "unknown"
    assert client_address(scope, TRUSTED) == "unknown"


def test_buckets_are_named_by_what_a_request_cannot_choose() -> None:
    """Keys by their name, IPv4 by address, IPv6 by /64."""
    assert key_bucket("one") == "key:one"
    assert address_bucket("1.2.3.4") == "address:1.2.3.4"
    assert address_bucket("2001:db8:1:2:ffff:4:5:6") == address_bucket("2001:db8:1:2::1") == "address:2001:db8:1:2::/64"
    assert address_bucket("2001:db8:1:3::1") != address_bucket("2001:db8:1:2::1")
    assert address_bucket("fe80::1%eth0") == "address:fe80::/64"


def test_a_peer_that_the_server_saw_itself_keeps_its_bucket_whatever_it_writes() -> None:
    """Its own address and port in the header are no way into another bucket, where no server reads them."""
    header = [(b"x-forwarded-for", b"192.0.2.7:5678")]
    scope = {"type": "http", "client": ("192.0.2.7", 5678), "headers": header}
    assert client_address({**scope, PEER: True}, ()) == "192.0.2.7"
    assert client_address(scope, ()) == "unknown"
