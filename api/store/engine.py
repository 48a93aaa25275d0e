"""From a URL to a database that can be spoken to, and spoken of without its password."""

import os
from dataclasses import dataclass, field
from importlib.util import find_spec
from math import ceil
from pathlib import Path
from typing import Protocol

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from api.store.records import StoreError

EXAMPLES = "sqlite:///var/hearth.db or postgresql://USER:PASSWORD@HOST/DATABASE"
_BUSY = 0.8  # of the time that a write may take, how much of it SQLite waits for another process's lock
_CACHE_KIB = 2_048
_HANGS_MS = 10_000  # after which PostgreSQL, or the way to it, is taken to hang


class _Cursor(Protocol):
    def execute(self, sql: str, /) -> object: ...
    def close(self) -> None: ...


class _Driver(Protocol):
    def cursor(self) -> _Cursor: ...


@dataclass(frozen=True, slots=True)
class Database:
    """An engine in autocommit mode: who needs more than one statement says BEGIN.

    ``name`` is for messages and holds no password; ``file`` is SQLite's; ``errors`` is all that the driver can raise and
    ``record_errors`` what it raises because of a value and not because of the store.
    """

    engine: Engine
    name: str
    file: Path | None
    secret: str = field(repr=False)

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What the driver, or SQLAlchemy around it, raises."""
        return (self.engine.dialect.loaded_dbapi.Error, SQLAlchemyError, OSError)

    @property
    def record_errors(self) -> tuple[type[Exception], ...]:
        """What is the fault of what was to be written: text with a NUL, half a character, a number too large."""
        driver = self.engine.dialect.loaded_dbapi
        return (driver.DataError, driver.IntegrityError, UnicodeError, OverflowError)

    def why(self, error: Exception) -> str:
        """What the driver says, on one line, without the password."""
        told = str(error.orig if isinstance(error, DBAPIError) else error)
        if self.secret:
            told = told.replace(self.secret, "***")
        return " ".join(told.split())

    def prepare(self) -> None:
        """Make the folder of SQLite's file."""
        if self.file is not None:
            self.file.parent.mkdir(parents=True, exist_ok=True)

    def inode(self) -> int:
        """What tells SQLite's file from another one put in its place; 0 where it is gone or there is none."""
        if self.file is None:
            return 0
        try:
            return os.stat(self.file).st_ino  # noqa: PTH116 - called for every group: pathlib takes twice as long
        except OSError:
            return 0


def database(url: str, wait: float, *, read_only: bool = False) -> Database:
    """What ``url`` names; nothing is opened yet. With ``read_only`` SQLite makes no file and takes no change.

    Raises:
        StoreError: the URL cannot be read, its database is of no known kind, or its driver is not installed.
    """
    parsed = _parsed(url)
    sqlite = parsed.drivername.startswith("sqlite")
    try:
        engine = create_engine(
            _read_only(parsed) if sqlite and read_only else parsed,
            isolation_level="AUTOCOMMIT",
            hide_parameters=True,  # features are nobody's business but the store's
            paramstyle="qmark" if sqlite else "format",
            connect_args={"timeout": wait * _BUSY} if sqlite else _patience(wait),
            # A file is opened in no time, and a connection that is kept would still read it after it was replaced.
            **({"poolclass": NullPool} if sqlite else {"pool_pre_ping": True}),
        )
    except (SQLAlchemyError, TypeError, ValueError):
        raise StoreError(f"the database URL has options that the driver does not know. Use {EXAMPLES}.") from None
    event.listen(engine, "connect", _prepare_sqlite if sqlite else _prepare_postgresql)
    if sqlite and read_only:
        event.listen(engine, "connect", _forbid_changes)
    return Database(engine, _name(parsed), _file(parsed) if sqlite else None, _secret(parsed))


def _patience(wait: float) -> dict[str, str | int]:
    """How long libpq waits: for a connection, and for a peer that no longer acknowledges."""
    return {"connect_timeout": max(2, ceil(wait)), "tcp_user_timeout": _HANGS_MS, "application_name": "hearth"}


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url.strip())
    except (ArgumentError, ValueError):
        raise StoreError(f"the database URL cannot be read. Use {EXAMPLES}.") from None  # the URL may hold a password
    kind = parsed.get_backend_name()
    if kind in {"postgresql", "postgres"}:
        if find_spec("psycopg") is None:
            raise StoreError("a PostgreSQL store needs its driver: pip install 'hearth[cluster]'")
        return parsed.set(drivername="postgresql+psycopg")
    if kind != "sqlite":
        raise StoreError(f"the store cannot be in a database of kind {kind!r}. Use {EXAMPLES}.")
    if parsed.database in {None, "", ":memory:"} or str(parsed.database).startswith("file:"):
        raise StoreError("a SQLite store is a file, named by its path: sqlite:///var/hearth.db or sqlite:////srv/hearth.db")
    return parsed.set(drivername="sqlite+pysqlite")


def _name(url: URL) -> str:
    if url.drivername.startswith("sqlite"):
        return str(url.database)
    place = f"{url.host or 'localhost'}:{url.port or 5432}"
    return f"PostgreSQL at {place}, database {url.database or url.username or 'postgres'}"


def _secret(url: URL) -> str:
    asked = url.query.get("password", "")
    return url.password or (asked if isinstance(asked, str) else "")


def _file(url: URL) -> Path:
    return Path(str(url.database)).absolute()


def _read_only(url: URL) -> URL:
    """SQLite's file as a URI that makes no file where there is none.

    ``mode=ro`` would leave a log and its index behind, which whoever looked owns and the service may not write to.
    """
    return url.set(database=_file(url).as_uri()).update_query_dict({"mode": "rw", "uri": "true"})


def _prepare_postgresql(driver: _Driver, _: object) -> None:
    """Each connection: a statement that hangs on the server is ended, and the thread that waits for it is free again."""
    cursor = driver.cursor()
    cursor.execute(f"SET statement_timeout = {_HANGS_MS}")
    cursor.close()


def _forbid_changes(driver: _Driver, _: object) -> None:
    cursor = driver.cursor()
    cursor.execute("PRAGMA query_only=ON")
    cursor.close()


def _prepare_sqlite(driver: _Driver, _: object) -> None:
    """Each connection: truths go with their predictions, commits reach the log without waiting for the disk.

    With ``synchronous=NORMAL`` in WAL mode a commit survives the death of the process at any moment, because the log is in
    the kernel's hands. A power loss can cost what the kernel had not written by then, by default about half a minute, and
    never more than that: the file stays whole.
    """
    cursor = driver.cursor()
    for pragma in ("foreign_keys=ON", "synchronous=NORMAL", "wal_autocheckpoint=0", f"cache_size=-{_CACHE_KIB}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
