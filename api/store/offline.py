"""An existing store for commands, beside a service that writes to it. Looking changes nothing; nothing here makes a store."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from api.settings import Settings
from api.store.engine import Database, database
from api.store.migrate import require_current
from api.store.records import StoreError, StoreReadOnly
from api.store.statements import snapshot, transaction

_FORBIDDEN = frozenset({"42501", "25006"})  # of PostgreSQL: no privilege, and a server that takes no change
WAIT = 5.0  # seconds for a connection, or for SQLite's file to be free


def default_url() -> str:
    """Where the service of this environment keeps its predictions: HEARTH_DATABASE_URL, or its default."""
    found = os.environ.get("HEARTH_DATABASE_URL")
    if found is not None:
        return found
    default: str = Settings.model_fields["database_url"].default.get_secret_value()
    return default


@contextmanager
def reading(url: str) -> Iterator[Connection]:
    """A read-only connection to the store at ``url``, inside which all is read as of one moment.

    Raises:
        StoreError: there is no such store, it is no store of ours or of another revision, or it stops answering meanwhile.
    """
    with _existing(database(url, WAIT, read_only=True), snapshot) as connection:
        yield connection


@contextmanager
def writing(url: str) -> Iterator[Connection]:
    """A connection to the store at ``url``, inside which all is written or nothing; a store that is not there is not made.

    Raises:
        StoreReadOnly: the user may only read.
        StoreError: as ``reading``.
    """
    with _existing(database(url, WAIT), transaction) as connection:
        yield connection


@contextmanager
def _existing(place: Database, within: Callable[[Connection], AbstractContextManager[None]]) -> Iterator[Connection]:
    if place.file is not None and not place.file.is_file():
        raise StoreError(
            f"there is no store at {place.name}. `hearth serve` makes one when it starts; "
            "HEARTH_DATABASE_URL or --database-url says where it is, and a relative path begins at the current folder."
        )
    try:
        with place.engine.connect() as connection, within(connection):
            require_current(connection, place.name)
            yield connection
    except DBAPIError as error:
        kind = StoreReadOnly if _forbidden(error) else StoreError
        raise kind(f"{place.name} cannot be read: {place.why(error)}. {_advice(place)}") from error
    finally:
        place.engine.dispose()


def _forbidden(error: DBAPIError) -> bool:
    """Whether the database refused a change, and not because of what it was."""
    name = getattr(error.orig, "sqlite_errorname", "")
    return getattr(error.orig, "sqlstate", "") in _FORBIDDEN or name.startswith("SQLITE_READONLY")


def _advice(place: Database) -> str:
    if place.file is not None:
        return f"May this process read {place.file} and write to its folder, and is it a SQLite database?"
    return "Are host, port, database, user and password in HEARTH_DATABASE_URL or --database-url right?"
