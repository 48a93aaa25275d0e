"""SQLite's short way: what one turn of the event loop brings is committed at its end, by the loop itself.

A commit to SQLite's log is a few writes to the kernel's memory. That takes less time than to wake another thread and to hand
the interpreter over and back, and it waits for nobody: where the file is locked, or anything else is wrong, the records go
the long way, by the writer.
"""

import asyncio
import time
from collections.abc import Sequence

from api.store.engine import Database
from api.store.link import Link
from api.store.records import Record, StoreError
from api.store.upkeep import Upkeep

SMALL = 4_096  # characters of the features of a record that the loop writes; a batch would hold up the others
REST = 0.05  # seconds for which a file that was locked is left to the writer

Waiting = tuple[Record, "asyncio.Future[bool]"]


class Express:
    """Commits records on the event loop, to whose thread its methods belong. Steps aside while ``upkeep`` ends a checkpoint."""

    def __init__(self, database: Database, upkeep: Upkeep) -> None:
        self._link, self._upkeep = Link(database), upkeep
        self._errors: tuple[type[Exception], ...] = (*database.errors, *database.record_errors, StoreError)
        self._waiting: list[Waiting] = []
        self._open = False
        self._rests_until = 0.0

    def __len__(self) -> int:
        return len(self._waiting)

    def takes(self, record: Record) -> bool:
        """Whether a record may go this way."""
        rested = not self._rests_until or time.monotonic() >= self._rests_until
        return rested and not self._upkeep.ending and len(record.features) <= SMALL

    def add(self, record: Record) -> "asyncio.Future[bool]":
        """A future that is true once the record is committed, false where it must go the long way."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._commit)
        future: asyncio.Future[bool] = loop.create_future()
        self._waiting.append((record, future))
        return future

    def close(self) -> None:
        """Let go of the file."""
        if self._open:
            self._open = False
            self._link.drop()

    def _commit(self) -> None:
        group, self._waiting = self._waiting, []
        kept = self._inserted([record for record, _ in group])
        for _, future in group:
            if not future.done():
                future.set_result(kept)

    def _inserted(self, records: Sequence[Record]) -> bool:
        try:
            if not self._open:
                self._link.open()
                self._link.say("PRAGMA busy_timeout=0")
                self._open = True
            self._link.insert(records)
        except self._errors as error:
            self._rests_until = time.monotonic() + REST
            if "locked" not in str(error):
                self.close()
            return False
        self._upkeep.wrote(records)
        return True
