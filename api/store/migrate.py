"""Brings a database's schema to the newest revision, once, however many processes start together.

An empty database gets the tables of the code at once, which are what all migrations together make: a test compares the two.
Alembic, which would stay in the worker's memory with 11 MB, is imported for an older schema alone.
"""

from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, Table, inspect
from sqlalchemy.exc import DBAPIError

from api.store.records import StoreError
from api.store.statements import transaction
from api.store.tables import metadata

SCRIPTS = Path(__file__).parent / "migrations"
REVISIONS = ("0001", "0002")  # oldest first; known here because looking for them would import alembic: 0.2 s of every start
VERSIONS = Table(  # as Alembic makes it
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
_LOCK = 0x48454152  # of PostgreSQL's advisory locks, one that others are unlikely to take


def migrate(connection: Connection, name: str) -> None:
    """Make the tables, or apply the migrations, that ``connection``, in autocommit mode, lacks; messages call it ``name``.

    Raises:
        StoreError: the schema is newer than this code, or its tables are not ours.
    """
    if _current(connection, name) != REVISIONS[-1]:
        with transaction(connection):
            _upgrade(connection, name)


def require_current(connection: Connection, name: str) -> None:
    """Refuse, for whoever only reads, a schema that is not the newest revision.

    Raises:
        StoreError: saying who brings it there.
    """
    found = _current(connection, name)
    if found is None:
        raise StoreError(f"{name} holds no predictions of hearth. Is that the database that `hearth serve` writes to?")
    if found != REVISIONS[-1]:
        raise StoreError(f"{name} has schema {found}, this hearth reads {REVISIONS[-1]}: start `hearth serve` on it once.")


def _upgrade(connection: Connection, name: str) -> None:
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
    current = _current(connection, name)  # another process may have been first
    if current == REVISIONS[-1]:
        return
    if current is not None:
        run_alembic(connection)
        return
    if inspect(connection).has_table("predictions"):
        raise StoreError(
            f"{name} has a table named predictions that hearth did not make. Give the store a database of its own."
        )
    _make(connection)


def _make(connection: Connection) -> None:
    """The tables of the newest revision, and its number where Alembic looks for it."""
    metadata.create_all(connection, checkfirst=False)
    VERSIONS.create(connection)
    connection.execute(VERSIONS.insert().values(version_num=REVISIONS[-1]))


def run_alembic(connection: Connection) -> None:
    """Apply every migration that is missing, in the transaction that is open."""
    from alembic import command  # noqa: PLC0415 - only where there is something to migrate
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _current(connection: Connection, name: str) -> str | None:
    """The revision of the schema, None for an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    try:
        found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().all()
    except DBAPIError as error:
        raise StoreError(f"the schema's revision cannot be read from {name}: {error.orig}") from error
    if len(found) > 1 or any(one not in REVISIONS for one in found):
        raise StoreError(
            f"{name} has schema {', '.join(found)}, this hearth knows {', '.join(REVISIONS)}. Upgrade hearth, or give "
            "it another database."
        )
    return found[0] if found else None
