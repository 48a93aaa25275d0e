"""What the store does for itself: it forgets what is too old or too much, and keeps SQLite's log short."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Executor, Future, wait
from math import inf, nextafter

from sqlalchemy import Select, delete, func, select

from api.store.engine import Database
from api.store.link import Link
from api.store.records import Record
from api.store.tables import predictions

DAY = 86_400
SWEEP = 60.0  # seconds from one look at what is too old or too much to the next
CHUNK = 100  # records deleted in one transaction, between two groups of writes
# The first commit after a checkpoint waits for the disk: SQLite begins its log anew then. So checkpoints are rare.
LOG_BYTES = 64_000_000  # written since the last checkpoint, from which on there is one whatever else happens
IDLE_BYTES = 4_000_000  # the same for a moment in which nothing is to be written
LONG_LOG = 4_000  # pages of SQLite's log (16 MB) from which the writer itself ends the checkpoint, so that the log begins anew
REST = 500  # pages that may be left for the writer, which waits while it copies them
RUNS = 4  # of the background at most, each of which copies what was written during the one before
_PAGE = 4_096


class Upkeep:
    """The writer calls ``step`` between groups; what takes long is read on ``executor`` meanwhile.

    Size is looked at when a hundredth of ``keep_rows`` was added since the last look: the store holds at most that much, and
    what a minute brings, more than it should.
    """

    def __init__(self, database: Database, executor: Executor, keep_days: float | None, keep_rows: int | None) -> None:
        self._database, self._executor = database, executor
        self._keep_days, self._keep_rows = keep_days, keep_rows
        self._added = keep_rows or 0  # so that the first sweep looks at the size too
        self._next_sweep = 0.0
        self._cutoff: Future[float | None] | None = None
        self._horizon: float | None = None
        self._unsynced = self._seen = 0
        self._counting = threading.Lock()  # the loop writes too
        self._log: Future[int] | None = None
        self.ending = False  # while the writer ends a checkpoint nobody else may write, or it would not end

    @property
    def unfinished(self) -> bool:
        """Whether there is more to delete now."""
        return self._horizon is not None

    def wrote(self, records: Sequence[Record]) -> None:
        """Take note of what was committed."""
        size = 3 * _PAGE + sum(len(one.features) + len(one.scores) for one in records)  # the ends of the table and its indexes
        with self._counting:
            self._added += sum(one.rows for one in records)
            self._unsynced += size

    def step(self, link: Link, now: float) -> None:
        """Do the next small piece of what is due."""
        self._sweep(link, now)
        if self._database.file is not None:
            self._checkpoint(link)

    def finish(self, link: Link) -> None:
        """Leave SQLite's file complete and its log empty."""
        if self._database.file is not None:
            if self._log is not None:
                wait([self._log], timeout=5.0)  # two checkpoints at once get in each other's way
            link.say("PRAGMA wal_checkpoint(TRUNCATE)")

    def _sweep(self, link: Link, now: float) -> None:
        if self._horizon is not None:
            self._forget(link, self._horizon)
        elif self._cutoff is not None and self._cutoff.done():
            found, self._cutoff = self._cutoff, None
            self._horizon = found.result()
        elif self._cutoff is None and now >= self._next_sweep and (self._keep_days or self._keep_rows):
            self._next_sweep = now + SWEEP
            grown = self._keep_rows is not None and self._added * 100 >= self._keep_rows
            if grown:
                with self._counting:
                    self._added = 0
            self._cutoff = self._executor.submit(self._oldest_to_keep, self._keep_rows if grown else None)

    def _forget(self, link: Link, horizon: float) -> None:
        """Delete some of what is older than ``horizon``; truths go with their predictions."""
        some = (
            select(predictions.c.id).where(predictions.c.at < horizon).order_by(predictions.c.at).limit(CHUNK)
        ).with_for_update(skip_locked=True)
        with link.transaction() as connection:
            gone = connection.execute(delete(predictions).where(predictions.c.id.in_(some))).rowcount
        with self._counting:
            self._unsynced += gone * _PAGE
        if gone < CHUNK:
            self._horizon = None

    def _oldest_to_keep(self, rows: int | None) -> float | None:
        """The time before which nothing is kept, by age and, where ``rows`` is given, by size; None where nothing is older."""
        bounds = [time.time() - self._keep_days * DAY] if self._keep_days else []
        with self._database.engine.connect() as connection:
            if rows is not None:
                bounds += [nextafter(row.at, inf) for row in connection.execute(_newest_too_much(rows))]
            oldest = connection.execute(select(func.min(predictions.c.at))).scalar()
        horizon = max(bounds, default=0.0)
        return horizon if oldest is not None and oldest < horizon else None

    def _checkpoint(self, link: Link) -> None:
        """Copy the log into the file in the background, where it holds up nobody, and end it here if the log got long."""
        if self._log is not None and self._log.done():
            done, self._log = self._log, None
            self._begin_log_anew(link, long=done.result() > LONG_LOG)
            return
        idle, self._seen = self._seen == self._unsynced, self._unsynced
        if self._log is None and self._unsynced > (IDLE_BYTES if idle else LOG_BYTES):
            with self._counting:
                self._unsynced = 0
            self._log = self._executor.submit(self._check_in)

    def _begin_log_anew(self, link: Link, *, long: bool) -> None:
        """End the checkpoint, and write: the first commit of a new log waits for the disk, better here than under a request."""
        self.ending = True
        try:
            if long:
                link.say("PRAGMA wal_checkpoint(PASSIVE)")
            link.say("PRAGMA user_version=0")
        finally:
            self.ending = False

    def _check_in(self) -> int:
        """Checkpoints that wait for nobody, until little is left; returns the pages of the log."""
        pages = 0
        with self._database.engine.connect() as connection:
            for _ in range(RUNS):
                before, pages = pages, int(connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)").one()[1])
                if abs(pages - before) < REST:
                    break
        return pages


def _newest_too_much(rows: int) -> Select[tuple[float]]:
    """The time of the newest record, but the very newest, with which the rows are more than ``rows``: it and all before go."""
    total = func.sum(predictions.c.rows).over(order_by=(predictions.c.at.desc(),), rows=(None, 0)).label("total")
    summed = select(predictions.c.at, predictions.c.rows, total).subquery()
    return (
        select(summed.c.at).where(summed.c.total > rows, summed.c.total > summed.c.rows).order_by(summed.c.at.desc()).limit(1)
    )
