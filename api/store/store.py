"""The store as the service sees it."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Self, TypeVar

from sqlalchemy import Connection

from api.store import reading, windows
from api.store.desk import Desk
from api.store.engine import Database, database
from api.store.express import Express
from api.store.feedback import keep_truths
from api.store.link import Link
from api.store.records import Outcome, Record, StoreDown, StoreError, Truth
from api.store.upkeep import Upkeep
from api.store.writer import Job, Writer

READ_WAIT = 10.0  # seconds after which what is only read is given up
SLICE = 1_000  # truths in one transaction
CLOSE_WAIT = 10.0  # seconds that the last writes may take

_T = TypeVar("_T")


class Store:
    """Predictions and truths. Made by ``open``; every method may be called by any number of requests of one event loop at once.

    What ``keep`` answered with true is committed and survives the death of the process. On SQLite a power loss can cost
    what was committed in about the last half minute (see ``engine``); on PostgreSQL that is the server's setting.
    """

    def __init__(self, place: Database, link: Link, *, wait: float, keep_days: float | None, keep_rows: int | None) -> None:
        self._database = place
        self._wait = wait
        self._desk = Desk(wait)
        self._executor = ThreadPoolExecutor(2, "store-reader")
        upkeep = Upkeep(place, self._executor, keep_days, keep_rows)
        self._writer = Writer(link, upkeep, self._desk.answer, wait)
        self._express = Express(place, upkeep, self._executor) if place.file is not None else None
        self._closed = False
        self._writer.start()

    @classmethod
    def open(cls, url: str, *, wait: float = 2.0, keep_days: float | None, keep_rows: int | None) -> Self:
        """Connect, and bring the schema to the newest revision.

        Args:
            url: ``sqlite:///FILE`` or ``postgresql://...``.
            wait: seconds after which ``keep`` and ``feedback`` give up.
            keep_days: age at which predictions are forgotten, with their truths; None keeps them for ever.
            keep_rows: rows of which the newest are kept.

        Raises:
            StoreError: saying what to do.
        """
        place = database(url, wait)
        link = Link(place)
        try:
            link.open()
        except StoreError:
            place.engine.dispose()
            raise
        except place.errors as error:
            place.engine.dispose()
            raise StoreError(f"the store cannot be opened in {place.name}: {place.why(error)}. {_advice(place)}") from error
        return cls(place, link, wait=wait, keep_days=keep_days, keep_rows=keep_rows)

    def __repr__(self) -> str:
        return f"Store({self._database.name!r})"

    @property
    def backlog(self) -> int:
        """Records that wait to be committed."""
        return len(self._desk) + len(self._express or ())

    @property
    def failures(self) -> int:
        """Records that were answered with false, since the start."""
        return self._desk.failures

    @property
    def reachable(self) -> bool:
        """Whether the database was there when it was last needed or asked, at most some seconds ago."""
        return not (self._writer.down or self._desk.stalled or self._closed or self._writer.silent > self._wait)

    async def keep(self, record: Record) -> bool:
        """Store a record: true once it is committed, false at once where the store is down, or after ``wait`` seconds."""
        if self._writer.down or self._desk.stalled or self._closed:
            self._desk.failures += 1
            return False
        express = self._express
        if (
            express is not None
            and express.takes(record)
            and (express.now(record) if express.alone() else await express.add(record))
        ):
            return True
        future = self._desk.future()
        self._writer.queue.put((record, future))
        return await future

    async def feedback(self, key: str, truths: Sequence[Truth]) -> list[Outcome]:
        """Store truths and say of each whether it is stored, was so already, conflicts, or is unknown.

        Each ``SLICE`` of them is one transaction, so that predictions do not wait long for their turn.

        Raises:
            StoreDown: some may be stored or none; the same call again is safe.
            ValueError: a number is not finite.
        """
        outcomes: list[Outcome] = []
        for start in range(0, len(truths), SLICE):
            outcomes += await self._change(partial(keep_truths, key=key, truths=truths[start : start + SLICE]))
        return outcomes

    async def ping(self) -> bool:
        """Ask the database now whether it is there."""
        try:
            return self.reachable and await self._read(_alive)
        except StoreDown:
            return False

    async def counts(self) -> reading.Counts:
        """Rows predicted lately, by key, and truths that are stored.

        Raises:
            StoreDown: the database does not answer.
        """
        return await self._read(reading.counts)

    async def newest(self, rows: int, model: str | None) -> reading.Window:
        """The newest ``rows`` logged rows of a model (None: of any), oldest first.

        Raises:
            StoreDown: the database does not answer.
        """
        return await self._read(partial(reading.newest, rows=rows, model=model))

    async def drift(self, model: str, rows: int, least: int) -> windows.Standing:
        """The window of a model that was judged last, and the newest ``rows`` rows since, where there are ``least``.

        Raises:
            StoreDown: the database does not answer.
        """
        return await self._read(partial(windows.standing, model=model, rows=rows, least=least))

    async def judge(self, judged: windows.Judged) -> windows.Judged:
        """Store a judgement; returns the one that stands, another's where that was faster.

        Raises:
            StoreDown: it may be stored or not; the same call again is safe.
        """
        return await self._change(partial(windows.keep, judged=judged))

    async def close(self) -> None:
        """Write what waits, leave the database in order, and let go of it; a second time does nothing."""
        if self._closed:
            return
        self._closed = True
        if self._express is not None:
            self._express.flush()
            await asyncio.to_thread(self._express.close)
        await asyncio.to_thread(self._writer.stop, CLOSE_WAIT)
        await asyncio.to_thread(self._executor.shutdown, cancel_futures=True)
        self._database.engine.dispose()

    async def _change(self, work: Callable[[Connection], _T]) -> _T:
        """Do something in a transaction of the writer's."""
        if not self.reachable:
            raise StoreDown(f"the store does not answer: {self._database.name}")
        made: list[_T] = []
        job = Job(lambda connection: made.append(work(connection)))
        self._writer.queue.put(job)
        done: asyncio.Future[None] = asyncio.wrap_future(job.done)
        await self._within(done, self._wait)
        return made[-1]

    async def _read(self, question: Callable[[Connection], _T]) -> _T:
        """Ask in a thread of the readers'."""
        if not self.reachable:
            raise StoreDown(f"the store does not answer: {self._database.name}")
        answer = asyncio.get_running_loop().run_in_executor(self._executor, self._asked, question)
        return await self._within(answer, READ_WAIT)

    def _asked(self, question: Callable[[Connection], _T]) -> _T:
        try:
            with self._database.engine.connect() as connection:
                return question(connection)
        except self._database.errors as error:
            raise StoreDown(f"{self._database.name} does not answer: {self._database.why(error)}") from error

    async def _within(self, answer: asyncio.Future[_T], seconds: float) -> _T:
        try:
            return await asyncio.wait_for(answer, seconds)
        except TimeoutError:
            raise StoreDown(f"{self._database.name} did not answer in {seconds:g} seconds") from None


def _alive(connection: Connection) -> bool:
    return bool(connection.exec_driver_sql("SELECT 1").scalar() == 1)


def _advice(place: Database) -> str:
    if place.file is not None:
        return f"May this process write to {place.file.parent}, and is the file a SQLite database?"
    return "Are host, port, database, user and password in HEARTH_DATABASE_URL right, and may that user create tables?"
