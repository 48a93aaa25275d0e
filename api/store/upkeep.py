"""What the store does for itself: it forgets what is too old or too much, and keeps SQLite's log short."""

import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Executor, Future, wait
from math import inf, nextafter

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, func, literal, select

from api.store.engine import Database
from api.store.link import Link
from api.store.records import Record
from api.store.tables import predictions

DAY = 86_400
SWEEP = 60.0  # seconds from one look at what is too old or too much to the next
STRETCH = 50_000  # records summed in one statement: ten million take many, none of which a server takes for one that hangs
CHUNK = 100  # records deleted in one transaction, between two groups of writes
# The first commit after a checkpoint waits for the disk: SQLite begins its log anew then. So checkpoints are rare.
LOG_BYTES = 64_000_000  # written since the last checkpoint, from which on there is one whatever else happens
IDLE_BYTES = 4_000_000  # the same for a moment in which nothing is to be written
LONG_LOG = 4_000  # pages of SQLite's log (16 MB) from which the writer itself ends the checkpoint, so that the log begins anew
REST = 500  # pages that may be left for the writer, which waits while it copies them
RUNS = 4  # of the background at most, each of which copies what was written during the one before
_PAGE = 4_096

log = logging.getLogger("hearth.store")


class Upkeep:
    """The writer calls ``step`` between groups; what takes long is read on ``executor`` meanwhile.

    Size is looked at when a hundredth of ``keep_rows`` was added since the last look: the store holds at most that much, and
    what a minute brings, more than it should.
    """

    def __init__(self, database: Database, executor: Executor, keep_days: float | None, keep_rows: int | None) -> None:
        self._database, self._executor = database, executor
        self._keep_days, self._keep_rows = keep_days, keep_rows
        self._added = keep_rows or 0  # so that the first sweep looks at the size too
        self._looked_at = 0  # of those added, how many there were when the look under way began
        self._next_sweep = 0.0
        self._cutoff: Future[float | None] | None = None
        self._horizon: float | None = None
        self._unsynced = self._seen = 0
        self._counting = threading.Lock()  # the loop writes too
        self._log: Future[int] | None = None
        self._over = False
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
        """Leave SQLite's file complete and its log empty; a look at the size that is under way is given up."""
        self._over = True
        if self._database.file is not None:
            if self._log is not None:
                wait([self._log], timeout=5.0)  # two checkpoints at once get in each other's way
            link.say("PRAGMA wal_checkpoint(TRUNCATE)")

    def _sweep(self, link: Link, now: float) -> None:
        if self._horizon is not None:
            self._forget(link, self._horizon)
        elif self._cutoff is not None and self._cutoff.done():
            found, self._cutoff = self._cutoff, None
            self._take(found)
        elif self._cutoff is None and now >= self._next_sweep and (self._keep_days or self._keep_rows):
            self._next_sweep = now + SWEEP
            grown = self._keep_rows is not None and self._added * 100 >= self._keep_rows
            self._looked_at = self._added if grown else 0
            self._cutoff = self._executor.submit(self._oldest_to_keep, self._keep_rows if grown else None)

    def _take(self, found: Future[float | None]) -> None:
        """Go by what a look found. One that failed is done again, and tells nothing of the writer's link."""
        try:
            self._horizon = found.result()
        except self._database.errors as error:
            log.warning("what is too old or too much cannot be told now: %s", self._database.why(error))
            return
        with self._counting:
            self._added -= self._looked_at

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
                at = self._newest_too_much(connection, rows)
                bounds += [] if at is None else [nextafter(at, inf)]
            oldest = connection.execute(select(func.min(predictions.c.at))).scalar()
        horizon = max(bounds, default=0.0)
        return horizon if oldest is not None and oldest < horizon else None

    def _newest_too_much(self, connection: Connection, rows: int) -> float | None:
        """The time of the newest record, but the very newest, with which the rows are more than ``rows``: it and all before go.

        Summed from the newest on, a stretch at a time: one window over all would hold up the server's housekeeping for as long.
        """
        before, newer = inf, 0
        while not self._over:
            edge = connection.execute(_edge(before)).scalar()
            stretch = and_(predictions.c.at < before, predictions.c.at >= (-inf if edge is None else edge))
            total = newer + int(connection.execute(_rows(stretch)).scalar_one())
            found = connection.execute(_crossing(stretch, newer, rows)).scalar() if total > rows else None
            if found is not None or edge is None:
                return found
            before, newer = edge, total
        return None

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


def _edge(before: float) -> Select[float]:
    """The time of the oldest record of the stretch that ends before a time; none where there are no more than that."""
    at = predictions.c.at
    return select(at).where(at < before).order_by(at.desc()).offset(STRETCH - 1).limit(1)


def _rows(stretch: ColumnElement[bool]) -> Select[int]:
    return select(func.coalesce(func.sum(predictions.c.rows), 0)).where(stretch)


def _crossing(stretch: ColumnElement[bool], newer: int, rows: int) -> Select[float]:
    """The time of the newest record of a stretch with which the rows, ``newer`` of them after it, are more than ``rows``."""
    summed = func.sum(predictions.c.rows).over(order_by=(predictions.c.at.desc(),), rows=(None, 0)) + literal(newer)
    found = select(predictions.c.at, predictions.c.rows, summed.label("total")).where(stretch).subquery()
    return select(found.c.at).where(found.c.total > rows, found.c.total > found.c.rows).order_by(found.c.at.desc()).limit(1)
