"""The one thread that writes. What waits while it is busy goes together, as one transaction, when it is free."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, SimpleQueue
from typing import TypeVar

from sqlalchemy import Connection

from api.store.link import Link
from api.store.records import Record, StoreDown, StoreError
from api.store.upkeep import Upkeep

Waiting = tuple[Record, "asyncio.Future[bool]"]
Settle = Callable[[Sequence["asyncio.Future[bool]"], bool], None]

GROUP = 64  # records in one transaction, so that none waits long for the others
GROUP_BYTES = 4_000_000  # the same for batches, each of which may be a megabyte
_IDLE = 0.5  # seconds after which an idle writer looks after the database
_HEARTBEAT = 2.0  # seconds after which an idle writer asks whether the database is there
_FIRST_RETRY, _LAST_RETRY = 0.1, 5.0

log = logging.getLogger("hearth.store")
_T = TypeVar("_T")


@dataclass(slots=True)
class Job:
    """Something else to do in a transaction of its own, once more where its connection broke, and who waits for it."""

    work: Callable[[Connection], None]
    done: "Future[None]" = field(default_factory=Future)


class Writer:
    """Takes records and jobs from ``queue`` until it is told to stop, and owns ``link`` meanwhile.

    ``settle`` is called, in this thread, with the futures of each group and whether all of it is committed. While ``down``
    is true the database was not there when last asked; the writer asks again by itself.
    """

    def __init__(self, link: Link, upkeep: Upkeep, settle: Settle, wait: float) -> None:
        self.queue: SimpleQueue[Waiting | Job | None] = SimpleQueue()
        self.down, self._why = False, ""
        self._link, self._upkeep, self._settle, self._wait = link, upkeep, settle, wait
        self._errors: tuple[type[Exception], ...] = (*link.database.errors, StoreError)
        self._job_errors: tuple[type[Exception], ...] = (
            *self._errors,
            ValueError,
        )  # a truth that is no number is for the one who told it
        self._stopping = False
        self._untold: list[Record] = []  # one that failed: storing it is what proves that the store is back
        self._retry = _FIRST_RETRY
        self._next_try = 0.0
        self._asked = time.monotonic()
        self._asking: float | None = None
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self, patience: float) -> bool:
        """Write what waits, then end; blocks at most ``patience`` seconds. False where the database did not let go in time."""
        self.queue.put(None)
        self._thread.join(patience)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping:
            group, job = self._take()
            if group:
                self._write(group)
            if job is not None:
                self._do(job)
            if self.down:
                self._try_again()
            else:
                self._look_after(busy=bool(group or job))
        if not self.down:
            with suppress(*self._errors):
                self._upkeep.finish(self._link)
        self._link.drop()

    def _take(self) -> tuple[list[Waiting], Job | None]:
        """What waits, in order, up to the first job; waits a while for something to come."""
        group: list[Waiting] = []
        size = 0
        try:
            item = self.queue.get(timeout=self._patience())
            while isinstance(item, tuple):
                group.append(item)
                size += len(item[0].features)
                if len(group) >= GROUP or size > GROUP_BYTES:
                    return group, None
                item = self.queue.get_nowait()
        except Empty:
            return group, None
        self._stopping = item is None
        return group, item

    def _patience(self) -> float:
        if self.down:
            return max(0.0, self._next_try - time.monotonic())
        return 0.0 if self._upkeep.unfinished else _IDLE

    def _write(self, group: Sequence[Waiting]) -> None:
        """Commit a group, but for those who no longer wait."""
        records = [record for record, future in group if not future.done()]
        futures = [future for _, future in group]
        try:
            kept = not records or self._insert(records)
        except self._link.database.record_errors as error:
            if len(group) > 1:
                for one in group:
                    self._write([one])
                return
            log.error("a record cannot be stored: %s", self._link.database.why(error))  # noqa: TRY400 - the reason says it all
            kept = False
        self._settle(futures, kept)

    def _insert(self, records: Sequence[Record]) -> bool:
        """Commit ``records``, over a new connection where the old one broke and there is time. False: the store is down."""
        if self.down:
            return False
        try:
            self._twice(partial(self._link.insert, records))
        except self._link.database.record_errors:
            raise
        except self._errors as error:
            self._fail(error, records[:1])
            return False
        self._upkeep.wrote(records)
        return True

    def _twice(self, act: Callable[[], _T]) -> _T:
        """Act; again over a new connection where the old one broke and there is time, for to act twice is the same as once."""
        began = time.monotonic()
        try:
            return act()
        except self._link.database.record_errors:
            raise
        except self._errors as error:
            if time.monotonic() - began > self._wait / 10:
                raise
            self._reconnect(error)
            return act()

    def _do(self, job: Job) -> None:
        if not job.done.set_running_or_notify_cancel():
            return
        try:
            if self.down:
                raise StoreDown("the store is down")
            self._transact(job)
        except self._job_errors as error:
            job.done.set_exception(error)
        else:
            job.done.set_result(None)

    def _transact(self, job: Job) -> None:
        try:
            self._twice(partial(self._in_transaction, job))
        except self._link.database.record_errors:
            raise
        except self._errors as error:
            self._fail(error, ())
            raise StoreDown("the store is down") from error

    def _in_transaction(self, job: Job) -> None:
        with self._link.transaction() as connection:
            job.work(connection)

    def _fail(self, error: Exception, untold: Sequence[Record]) -> None:
        """Open the breaker: until the database is back nobody waits for it."""
        why = self._link.database.why(error)
        if why != self._why:
            log.error("the store is down, answers have no id until it is back: %s", why)
        self.down, self._why = True, why
        self._untold = list(untold) or self._untold
        self._link.drop()
        self._next_try = time.monotonic() + self._retry
        self._retry = min(2 * self._retry, _LAST_RETRY)

    def _try_again(self) -> None:
        """Connect anew when it is time, and store the record that failed: a disk that is full lets everything else pass."""
        if self._stopping or time.monotonic() < self._next_try:
            return
        try:
            self._link.open()
            if self._untold:
                self._link.insert(self._untold)
            self._link.check()
        except self._errors as error:
            self._fail(error, ())
            return
        self.down, self._why, self._untold, self._retry = False, "", [], _FIRST_RETRY
        log.warning("the store is back")

    def _look_after(self, *, busy: bool) -> None:
        """Retention and SQLite's log, a piece at a time; and, when nothing else is to do, whether the database is there."""
        now = time.monotonic()
        try:
            self._upkeep.step(self._link, now)
            if busy:
                self._asked = now
            elif now - self._asked > _HEARTBEAT:
                self._asked = self._asking = now
                self._link.check()
                self._asking = None
        except self._errors as error:
            self._asking = None
            self._mend(error)

    @property
    def silent(self) -> float:
        """Seconds for which the database has not answered whether it is there."""
        asking = self._asking
        return 0.0 if asking is None else time.monotonic() - asking

    def _mend(self, error: Exception) -> None:
        """A connection that broke while nobody waited for it is made anew before anybody does."""
        try:
            self._reconnect(error)
        except self._errors as again:
            self._fail(again, ())

    def _reconnect(self, error: Exception) -> None:
        log.warning("the store is opened anew: %s", self._link.database.why(error))
        self._link.drop()
        self._link.open()
