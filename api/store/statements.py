"""What both databases say alike, and the one place that knows where they differ."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Dialect, Table
from sqlalchemy.exc import SQLAlchemyError

from api.store.tables import predictions

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

    Insert = postgresql.Insert | sqlite.Insert


def insert(dialect: Dialect, table: Table) -> "Insert":
    """An insert in a dialect that can say what to do about a row that is already there. The other dialect is not loaded."""
    made: Insert = import_module(f"sqlalchemy.dialects.{dialect.name}").insert(table)
    return made


class Inserts:
    """The insert of n records as the driver takes it, compiled once for each n."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._made: dict[int, str] = {}

    def __call__(self, count: int) -> str:
        """One statement for ``count`` records, whose values follow each other in the order of the columns.

        A record that is already there stays: its group is written again because the answer to the first time was lost.
        """
        if count not in self._made:
            row: dict[str, object] = dict.fromkeys(predictions.columns.keys())
            statement = insert(self._dialect, predictions).values([row] * count).on_conflict_do_nothing()
            self._made[count] = str(statement.compile(dialect=self._dialect))
        return self._made[count]


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """A transaction on a connection in autocommit mode: all that is done inside, or nothing.

    SQLite takes its lock for writing at once: a reader that wants to become a writer may be refused halfway.
    """
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.dialect.name == "sqlite" else "BEGIN")
    try:
        yield
        connection.exec_driver_sql("COMMIT")
    except BaseException:
        with suppress(SQLAlchemyError):  # the first error is the one to tell
            connection.exec_driver_sql("ROLLBACK")
        raise


@contextmanager
def snapshot(connection: Connection) -> Iterator[None]:
    """A transaction that only reads, and all the while sees the store as it was at the first look.

    A file takes that from how it was opened. A server is told, and given time: what a command asks for may take minutes.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN")
    else:
        connection.exec_driver_sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    try:
        yield
    finally:
        with suppress(SQLAlchemyError):  # nothing was changed: there is nothing that could be lost
            connection.exec_driver_sql("ROLLBACK")
