"""Rate limits: who is counted, how, and what is said of it.

A fixed window that starts with the first request: one counter for each client, exact, and easy to explain. Its price: across
the end of a window a client may get up to twice its limit within less than one window.
"""

import asyncio
import logging
import math
import re
import time
from collections.abc import Iterator, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Literal, NamedTuple

from api.counters import Clock, Memory, Shared, SilentError
from hearth.errors import HearthError

if TYPE_CHECKING:
    from starlette.types import Scope

State = Literal["memory", "redis", "local"]
Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Headers = list[tuple[bytes, bytes]]

KEY, ADDRESS = "key:", "address:"  # kinds of buckets
PROBE = "probe"  # a counter of nobody's: Redis answers and may write
UNKNOWN = "unknown"  # a peer without an address: a Unix socket
FORWARDED = b"x-forwarded-for"
PEER = "hearth.peer"  # in a scope whose client is the peer itself: nothing has put another in its place

_LIMIT = re.compile(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,3})?(second|minute|hour|day)s?", re.ASCII)
_SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
_log = logging.getLogger(__name__)


class LimitError(HearthError):
    """A limit that cannot be read."""


class Limit(NamedTuple):
    """``amount`` requests in a window of ``seconds``."""

    amount: int
    seconds: int


class Verdict(NamedTuple):
    """What became of one request: ``limit`` requests are let through in ``window`` seconds, ``remaining`` are left.

    ``reset_after`` are the seconds until the window ends.
    """

    allowed: bool
    limit: int
    remaining: int
    reset_after: float
    window: int


@lru_cache(maxsize=1024)
def read_limit(text: str) -> Limit:
    """A limit such as ``100/minute`` or ``20/10seconds``; read once for each text.

    Raises:
        LimitError: it is none, or nothing would pass it.
    """
    found = _LIMIT.fullmatch(text)
    if found is None:
        raise LimitError("a limit is written like 100/minute: a number from 1, a slash, then second, minute, hour or day")
    amount, several, unit = found.groups()
    return Limit(int(amount), int(several or 1) * _SECONDS[unit])


class Limiter:
    """Counts requests in their buckets and says which go through.

    In memory, or in Redis where ``redis_url`` is given. When Redis does not answer within ``timeout`` seconds, requests are
    answered all the same and counted here, from nothing, under the same limits (each worker its own: several let several times
    the limit through); Redis is asked again every ``pause`` seconds, by no request, and takes over when it answers.
    ``failures`` counts how often it was given up. For one event loop.

    Raises:
        LimitError: ``default`` is no limit.
        HearthError: ``redis_url`` is none, or the client of Redis is not installed.
    """

    def __init__(
        self,
        default: str,
        redis_url: str | None = None,
        *,
        prefix: str = "hearth",
        timeout: float = 0.2,
        pause: float = 2.0,
        clock: Clock = time.monotonic,
    ) -> None:
        self.default = read_limit(default)
        self.failures = 0
        self._memory = Memory(ADDRESS, clock=clock)
        self._shared = None if redis_url is None else Shared(redis_url, prefix, timeout)
        self._pause = pause
        self._recovering: asyncio.Task[None] | None = None

    @property
    def state(self) -> State:
        """Where is counted now; ``local`` means in memory, because Redis is away."""
        if self._shared is None:
            return "memory"
        return "redis" if self._recovering is None else "local"

    async def start(self) -> None:
        """Ask Redis for a first time, so that ``state`` is true. Never fails."""
        if self._shared is not None and self._recovering is None:
            try:
                await self._shared.count(PROBE, 1)
            except SilentError as error:
                self._give_up(error)

    async def close(self) -> None:
        """Stop asking, let go of the connections. Who still waits, or comes later, is counted in memory."""
        shared, self._shared = self._shared, None
        if self._recovering is not None:
            self._recovering.cancel()
        if shared is not None:
            await shared.close()

    async def hit(self, bucket: str, limit: Limit) -> Verdict:
        """Count one request in its bucket. A refused one counts too, and moves nothing: the window ends when it ends."""
        amount, seconds = limit
        name = f"{bucket}/{seconds}"  # a key whose window is changed starts a new one
        if self._shared is None or self._recovering is not None:
            count, left = self._memory.count(name, seconds)
        else:
            try:
                count, left = await self._shared.count(name, seconds)
            except SilentError as error:
                self._give_up(error)
                count, left = self._memory.count(name, seconds)
        return Verdict(count <= amount, amount, amount - count if count < amount else 0, left, seconds)

    def _give_up(self, error: SilentError) -> None:
        if self._shared is not None and self._recovering is None:  # the first of those that waited together
            self.failures += 1
            self._recovering = asyncio.create_task(self._recover(self._shared))
            _log.warning("limits are counted in this process until Redis is back: %s", error)

    async def _recover(self, shared: Shared) -> None:
        while True:
            await asyncio.sleep(self._pause)
            try:
                await shared.count(PROBE, 1)
            except SilentError:
                continue
            break
        self._recovering = None
        _log.warning("Redis is back: limits are shared again")


def headers(verdict: Verdict) -> Headers:
    """Response headers by draft-ietf-httpapi-ratelimit-headers-10, and ``Retry-After`` on a refusal."""
    seconds = math.ceil(verdict.reset_after) or 1  # a client that waits that long is let through
    told = [
        (b"ratelimit-policy", _policy(verdict.limit, verdict.window)),
        (b"ratelimit", b'"default";r=%d;t=%d' % (verdict.remaining, seconds)),
    ]
    if not verdict.allowed:
        told.append((b"retry-after", b"%d" % seconds))
    return told


@lru_cache(maxsize=1024)
def _policy(limit: int, window: int) -> bytes:
    return b'"default";q=%d;w=%d' % (limit, window)


def key_bucket(name: str) -> str:
    """The bucket of a key, by its name."""
    return KEY + name


def address_bucket(address: str) -> str:
    """The bucket of an address from ``client_address``: an IPv6 one by its /64, which one client has to itself."""
    parsed = _address(address)
    if isinstance(parsed, IPv6Address):
        return f"{ADDRESS}{IPv6Address(int(parsed) >> 64 << 64)}/64"
    return ADDRESS + (str(parsed) if parsed else UNKNOWN)


def client_address(scope: "Scope", trusted: Sequence[Network]) -> str:
    """The address that a request comes from, as text; ``unknown`` for a Unix socket.

    It is the peer's, unless the peer is a ``trusted`` proxy: then the right-most in ``X-Forwarded-For`` that is none. What
    stands left of that was written by the client. A header that cannot be read counts as none.

    ``unknown`` too where the peer itself may have been read from that header before it came here: plain uvicorn does so for
    peers on loopback, and any process there could choose its address. Where ``PEER`` is in the scope it was not.
    """
    host, port = scope.get("client") or ("", 0)
    peer = _address(host)
    if peer is None or (not scope.get(PEER) and (port == 0 or _written(scope["headers"], host))):
        return UNKNOWN
    if not (trusted and _within(peer, trusted)):
        return str(peer)
    return str(_forwarded(scope["headers"], trusted) or peer)


def _written(raw: Sequence[tuple[bytes, bytes]], host: str) -> bool:
    """Whether a peer with a port may have been read from the header: it holds ``host:port``. Without one the port is 0."""
    given = _given(raw)
    return bool(given) and any(text.startswith((f"{host}:", f"[{host}]:")) for text in _from_the_right(given))


def _given(raw: Sequence[tuple[bytes, bytes]]) -> bytes:
    return b",".join(value for name, value in raw if name == FORWARDED)


def _forwarded(raw: Sequence[tuple[bytes, bytes]], trusted: Sequence[Network]) -> Address | None:
    found = None
    for text in _from_the_right(_given(raw)):
        found = _address(text)
        if found is None or not _within(found, trusted):
            break
    return found


def _from_the_right(value: bytes) -> Iterator[str]:
    while value:
        value, _, last = value.rpartition(b",")
        yield last.decode("latin-1").strip()


def _address(text: str) -> Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None  # IPv4 as a socket for both sees it
    return mapped or found


def _within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)
