"""The event loop's side: who waits for a record, and for how long."""

import asyncio
from collections import deque
from collections.abc import Sequence

Kept = asyncio.Future[bool]


class Desk:
    """Hands out a future for each record and sees that it is answered in ``wait`` seconds, by whichever loop runs.

    All have the same patience, so they expire in the order in which they came: one timer watches the oldest. ``stalled`` is
    true from the moment one expired until the writer answers again.
    """

    def __init__(self, wait: float) -> None:
        self.failures = 0
        self.stalled = False
        self._wait = wait
        self._open: deque[tuple[Kept, float]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._open)

    def future(self) -> Kept:
        """A future that will be true once its record is committed, false where that takes too long. Call it in the loop."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._timer = loop, None
            self._open.clear()  # nobody waits in a loop that has ended
        future: Kept = loop.create_future()
        self._open.append((future, loop.time() + self._wait))
        if self._timer is None:
            self._timer = loop.call_later(self._wait, self._expire)
        return future

    def answer(self, futures: Sequence[Kept], kept: bool) -> None:
        """Tell those who wait for a group; called by the writer, in its thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._settle, futures, kept)

    def _settle(self, futures: Sequence[Kept], kept: bool) -> None:
        self.stalled = False
        for future in futures:
            self._resolve(future, kept)
        self._forget()

    def _expire(self) -> None:
        """Answer those whose time is up, and wait for the next."""
        self._forget()
        now = asyncio.get_running_loop().time()
        while self._open and self._open[0][1] <= now:
            self.stalled = True
            self._resolve(self._open.popleft()[0], kept=False)
        self._timer = None
        if self._open:
            self._timer = asyncio.get_running_loop().call_at(self._open[0][1], self._expire)

    def _resolve(self, future: Kept, kept: bool) -> None:
        if not future.done():
            future.set_result(kept)
            self.failures += not kept

    def _forget(self) -> None:
        while self._open and self._open[0][0].done():
            self._open.popleft()
