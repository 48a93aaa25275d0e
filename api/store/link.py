"""The one connection that writes: opened with its schema in place, kept, and given up when the database is no longer there."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Protocol

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from api.store.engine import Database
from api.store.migrate import migrate
from api.store.records import Record, StoreDown
from api.store.statements import Inserts, transaction

_WAL_PATIENCE = 5.0  # seconds: the change to WAL mode needs the file alone, and SQLite does not wait for it by itself


class _Cursor(Protocol):
    def execute(self, sql: str, parameters: Sequence[object], /) -> object: ...


class Link:
    """The writer's connection. Not for two threads at once.

    After an error of ``Database.errors`` or a ``StoreDown``, ``drop`` and ``open`` mend it once the database is back.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self._connection: Connection | None = None
        self._cursor: _Cursor | None = None
        self._inode = 0
        self._sql = Inserts(database.engine.dialect)

    def open(self) -> None:
        """Connect, and bring the schema to the newest revision.

        Raises:
            StoreError: the schema is newer than this code.
        """
        self.database.prepare()
        connection = self.database.engine.connect()
        try:
            if self.database.file is not None:
                _write_ahead(connection)
            migrate(connection, self.database.name)
            self._cursor = connection.connection.cursor()
        except BaseException:
            connection.close()
            raise
        self._connection, self._inode = connection, self.database.inode()

    def insert(self, records: Sequence[Record]) -> None:
        """Commit ``records``: one statement, so one transaction and, on PostgreSQL, one round trip."""
        cursor = self._checked()[1]
        values: list[object] = []
        for one in records:
            values += (one.id, one.at, one.key, one.model, one.rows, one.features, one.scores)
        cursor.execute(self._sql(len(records)), values)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Commit what is done inside, or nothing of it."""
        connection = self._checked()[0]
        with transaction(connection):
            yield connection

    def say(self, sql: str) -> None:
        """Execute a statement of no parameters and no interesting answer."""
        self._checked()[0].exec_driver_sql(sql).close()

    def check(self) -> None:
        """Raise if the database does not answer."""
        self.say("SELECT 1")

    def drop(self) -> None:
        """Give up the connection, broken or not."""
        connection, self._connection, self._cursor = self._connection, None, None
        if connection is not None:
            with suppress(*self.database.errors):  # it may be broken: that is why it goes
                connection.invalidate()
                connection.close()

    def _checked(self) -> tuple[Connection, _Cursor]:
        """The connection, if what it writes to is still what the path names: SQLite writes on into a file that was deleted."""
        if self._connection is None or self._cursor is None:
            raise StoreDown(f"there is no connection to {self.database.name}")
        if self.database.inode() != self._inode:
            raise StoreDown(f"{self.database.name} was deleted or replaced")
        return self._connection, self._cursor


def _write_ahead(connection: Connection) -> None:
    """Put SQLite's file into WAL mode, where it stays; readers then hold up no writer."""
    end = time.monotonic() + _WAL_PATIENCE
    while connection.exec_driver_sql("PRAGMA journal_mode").scalar() != "wal":
        try:
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        except OperationalError as error:
            if "locked" not in str(error.orig) or time.monotonic() > end:
                raise
            time.sleep(0.05)
