"""SQLite's short way: what one turn of the event loop brings is committed at its end, by the loop itself.

A commit to SQLite's log is a few writes to the kernel's memory. That takes less time than to wake another thread and to hand
the interpreter over and back, and it waits for nobody: where the file is locked, or anything else is wrong, the records go
the long way, by the writer.
"""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import Executor, Future, wait

from api.store.engine import Database
from api.store.link import Link
from api.store.records import Record, StoreError
from api.store.upkeep import Upkeep

SMALL = 4_096  # characters of the features of a record that the loop writes; a batch would hold up the others
TURNS = 32  # of the loop, in each of which one record came alone, until one is committed without waiting for the turn to end
REST = 0.05  # seconds for which a file that was locked is left to the writer
LONG_REST = 0.5  # the same for a file that broke, or could not be opened

Waiting = tuple[Record, "asyncio.Future[bool]"]


class Express:
    """Commits records on the event loop, to whose thread ``takes``, ``alone``, ``add``, ``now`` and ``flush`` belong.

    Steps aside while ``upkeep`` ends a checkpoint. What may take long, to open the file, is done on ``executor``.
    """

    def __init__(self, database: Database, upkeep: Upkeep, executor: Executor) -> None:
        self._link, self._upkeep, self._executor = Link(database), upkeep, executor
        self._errors: tuple[type[Exception], ...] = (*database.errors, *database.record_errors, StoreError)
        self._waiting: list[Waiting] = []
        self._marked, self._gather = False, 0
        self._rests_until = 0.0
        self._opening: Future[bool] | None = executor.submit(self._opened)
        self._ready(self._opening)

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def open(self) -> bool:
        """Whether there is a connection to commit on."""
        return self._opening is None

    def takes(self, record: Record) -> bool:
        """Whether a record may go this way."""
        if self._rests_until and time.monotonic() < self._rests_until:
            return False
        if self._opening is not None and not (self._opening.done() and self._ready(self._opening)):
            return False
        return not self._upkeep.ending and len(record.features) <= SMALL

    def add(self, record: Record) -> "asyncio.Future[bool]":
        """A future that is true once the record is committed, false where it must go the long way."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._commit)
        future: asyncio.Future[bool] = loop.create_future()
        self._waiting.append((record, future))
        return future

    def alone(self) -> bool:
        """Whether the record that comes now had better be committed at once: lately no turn brought two to share a commit."""
        if self._marked:  # it is the second of this turn
            self._gather = TURNS
        if self._gather or self._waiting:
            return False
        self._marked = True
        asyncio.get_running_loop().call_soon(self._unmark)
        return True

    def now(self, record: Record) -> bool:
        """Commit a record at once: true once it is committed, false where it must go the long way."""
        return self._inserted([record])

    def flush(self) -> None:
        """Commit what this turn brought so far."""
        self._commit()

    def close(self) -> None:
        """Let go of the file; not for the loop, since it may just be being opened."""
        if self._opening is not None:
            wait([self._opening])
        self._link.drop()

    def _ready(self, opening: "Future[bool]") -> bool:
        """Whether the file is open by now; where it could not be, that is tried again after a rest."""
        if opening.result():
            self._opening = None
            return True
        self._open_later()
        return False

    def _open_later(self) -> None:
        self._rests_until = time.monotonic() + LONG_REST
        self._opening = self._executor.submit(self._opened)

    def _opened(self) -> bool:
        try:
            self._link.open()
            self._link.say("PRAGMA busy_timeout=0")
        except self._errors:
            self._link.drop()
            return False
        return True

    def _unmark(self) -> None:
        self._marked = False

    def _commit(self) -> None:
        group, self._waiting = self._waiting, []
        self._gather = TURNS if len(group) > 1 else max(0, self._gather - 1)
        kept = bool(group) and self._inserted([record for record, _ in group])
        for _, future in group:
            if not future.done():
                future.set_result(kept)

    def _inserted(self, records: Sequence[Record]) -> bool:
        try:
            self._link.insert(records)
        except self._link.database.record_errors:
            return False
        except self._errors as error:
            self._rests_until = time.monotonic() + REST
            if "locked" not in str(error):
                self._link.drop()
                self._open_later()
            return False
        self._upkeep.wrote(records)
        return True
