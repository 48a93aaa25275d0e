"""Counters of fixed windows: in this process, or in Redis for all that share it."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

from hearth.errors import HearthError

if TYPE_CHECKING:
    from redis.asyncio import Redis

Count = tuple[int, float]  # hits in the window, this one among them; seconds until the window ends
Clock = Callable[[], float]
MOST = 20_000  # windows in memory at once: about 5 MB
SWEEP = 1.0  # seconds at least between two looks through a full memory for windows that are over
EVERY = 500  # hits at most in one call of Redis, which answers nobody else meanwhile

# One call for any number of hits: counts each, starts its window with the first, and tells what is left of it. A key that
# somebody made immortal is given an end again: it would refuse for ever.
SCRIPT = """
local told = {}
for i, key in ipairs(KEYS) do
  local count = redis.call('INCR', key)
  local left = redis.call('PTTL', key)
  if left < 0 then
    left = tonumber(ARGV[i])
    redis.call('PEXPIRE', key, left)
  end
  told[2 * i - 1] = count
  told[2 * i] = left
end
return told
"""


class SilentError(HearthError):
    """Redis did not answer, or not in time."""


class _Window:
    __slots__ = ("count", "ends")

    def __init__(self, ends: float) -> None:
        self.count, self.ends = 0, ends


class Memory:
    """Windows of this process, ``most`` of them.

    limits' own memory looks through all its counters in a task after every hit: 8 us with one of them, 76 with 1000, 1600 with
    20 000, on the event loop. Here a hit costs the same whatever is held. When ``most`` windows are open, further names under
    ``crowd`` (of which requests can make any number) share one window, so that a flood of them neither fills the memory nor
    pushes others out of it; names of any other kind are always let in.
    """

    def __init__(self, crowd: str, most: int = MOST, clock: Clock = time.monotonic) -> None:
        self._crowd, self._most, self._clock = crowd, most, clock
        self._windows: dict[str, _Window] = {}
        self._swept = -SWEEP

    def __len__(self) -> int:
        """Windows held, over or not."""
        return len(self._windows)

    def count(self, name: str, seconds: float) -> Count:
        """Count a hit under ``name``, in a window of that many seconds that starts with the first."""
        now = self._clock()
        window = self._windows.get(name)
        if window is None or now >= window.ends:
            window = self._open(name, now, seconds)
        window.count += 1
        return window.count, window.ends - now

    def _open(self, name: str, now: float, seconds: float) -> _Window:
        if name not in self._windows and len(self._windows) >= self._most:
            self._sweep(now)
            if len(self._windows) >= self._most and name.startswith(self._crowd):
                name = self._crowd
        window = self._windows.get(name)
        if window is None or now >= window.ends:
            window = self._windows[name] = _Window(now + seconds)
        return window

    def _sweep(self, now: float) -> None:
        if now - self._swept >= SWEEP:
            self._swept = now
            self._windows = {name: window for name, window in self._windows.items() if now < window.ends}


class Shared:
    """Windows in Redis, one for all workers; it forgets each when it ends.

    Hits that come while Redis is being asked wait for that answer and then go together in one call: one round trip at most for
    each of them, and the busier the service the fewer for all.
    """

    def __init__(self, url: str, prefix: str, timeout: float) -> None:
        """Connect to nothing yet.

        Raises:
            HearthError: the URL is none of Redis, or its client is not installed.
        """
        self._redis = _client(url)
        self._prefix, self._timeout = prefix, timeout
        self._waiting: list[tuple[str, float, asyncio.Future[Count]]] = []
        self._asking: asyncio.Task[None] | None = None

    async def count(self, name: str, seconds: float) -> Count:
        """Count a hit, as ``Memory.count`` does.

        Raises:
            SilentError: Redis did not answer in time, or with an error.
        """
        hit: asyncio.Future[Count] = asyncio.get_running_loop().create_future()
        self._waiting.append((name, seconds, hit))
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask_all())
        return await hit

    async def close(self) -> None:
        """Let go of the connections. Hits that still wait are told that Redis is silent."""
        if self._asking is not None:
            self._asking.cancel()
        self._refuse("the limits are closed")
        await self._redis.aclose()

    async def _ask_all(self) -> None:
        while asked := self._waiting[:EVERY]:
            try:
                counts = await self._ask([name for name, _, _ in asked], [seconds for _, seconds, _ in asked])
            except SilentError as error:
                self._refuse(str(error))
                return
            del self._waiting[: len(asked)]
            for (_, _, hit), count in zip(asked, counts, strict=True):
                if not hit.done():  # else its request is gone
                    hit.set_result(count)

    def _refuse(self, reason: str) -> None:
        """Give up all that wait, those that came meanwhile too: nobody waits for a second silence."""
        refused, self._waiting = self._waiting, []
        for _, _, hit in refused:
            if not hit.done():
                hit.set_exception(SilentError(reason))

    async def _ask(self, names: Sequence[str], seconds: Sequence[float]) -> Sequence[Count]:
        keys = [f"{self._prefix}:{name}" for name in names]
        call = asyncio.ensure_future(self._redis.eval(SCRIPT, len(keys), *keys, *(int(each * 1000) for each in seconds)))
        try:
            # Waited for in two halves: where it was this loop that stood still, the answer is there and only not yet read.
            if not (await asyncio.wait({call}, timeout=self._timeout / 2))[0]:
                await asyncio.wait({call}, timeout=self._timeout / 2)
            if not call.done():
                raise SilentError(f"Redis does not answer within {self._timeout:g} s")
            told = cast(list[int], call.result())
        except _failures() as error:
            raise SilentError(f"Redis does not count: {type(error).__name__}") from error
        finally:
            call.cancel()  # nothing where it is done; the client drops a connection whose answer nobody waits for
        return [(count, left / 1000) for count, left in zip(told[::2], told[1::2], strict=True)]


def _client(url: str) -> "Redis":
    try:
        from redis.asyncio import Redis  # noqa: PLC0415 - a quarter of the start, and only where Redis is used
        from redis.asyncio.retry import Retry  # noqa: PLC0415
        from redis.backoff import NoBackoff  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise HearthError("HEARTH_REDIS_URL needs the client of Redis: pip install 'hearth[cluster]'") from error
    try:
        # No second try and no timeouts but ours: the client's own would make a request wait for many seconds.
        return Redis.from_url(url, retry=Retry(NoBackoff(), 0), socket_timeout=None, socket_connect_timeout=None)
    except ValueError:  # not told on: it holds what was given, and that may hold a password
        raise HearthError("HEARTH_REDIS_URL is no address of a Redis: give redis://HOST:PORT/DB (rediss:, unix:)") from None


def _failures() -> tuple[type[Exception], ...]:
    from redis.exceptions import RedisError  # noqa: PLC0415

    return (RedisError, OSError)
