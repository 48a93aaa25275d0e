"""The schema: made by migrations, once, and no other than ours is touched."""

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from tests.api.store.made import ROOT, opened, record

from api.store import Store, StoreError
from api.store.engine import database
from api.store.migrate import REVISIONS, SCRIPTS, VERSIONS, run_alembic
from api.store.statements import transaction
from api.store.tables import metadata


def said(url: str, sql: str) -> None:
    """Execute one statement, as another program would."""
    place = database(url, 1.0)
    place.prepare()
    with place.engine.connect() as connection:
        connection.execute(text(sql))
    place.engine.dispose()


def closed(store: Store) -> None:
    """Close it, in a loop of its own."""
    asyncio.run(store.close())


def test_the_revisions_are_those_of_the_scripts() -> None:
    """The list that spares the start an import of alembic is the one that alembic would find."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    found = [one.revision for one in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(found)) == REVISIONS


def migrated(url: str) -> None:
    """An empty database, by every migration in turn."""
    place = database(url, 1.0)
    place.prepare()
    with place.engine.connect() as connection, transaction(connection):
        run_alembic(connection)
    place.engine.dispose()


def schema(url: str) -> dict[str, object]:
    """Every table, its columns, keys and indexes, the revision too; on SQLite the statements that made them as well."""
    place = database(url, 1.0)
    with place.engine.connect() as connection:
        found = inspect(connection)
        told: dict[str, object] = {
            name: (
                [{**column, "type": repr(column["type"])} for column in found.get_columns(name)],
                found.get_pk_constraint(name),
                found.get_foreign_keys(name),
                found.get_unique_constraints(name),
                found.get_indexes(name),
            )
            for name in found.get_table_names()
        }
        told["revision"] = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().all()
        if place.file is not None:
            made = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master ORDER BY name").all()
            told["sql"] = [(name, sql and " ".join(sql.split())) for name, sql in made]
    place.engine.dispose()
    return told


def emptied(url: str) -> None:
    """Drop every table."""
    place = database(url, 1.0)
    with place.engine.connect() as connection:
        metadata.drop_all(connection)
        VERSIONS.drop(connection)
    place.engine.dispose()


def test_an_empty_database_gets_what_the_migrations_make(url: str) -> None:
    """Tables, keys, indexes and revision are the same, made at once or by one migration after the other."""
    closed(opened(url))
    at_once = schema(url)
    assert {"predictions", "feedback", "drift_windows", "alembic_version"} < at_once.keys()
    emptied(url)
    migrated(url)
    assert schema(url) == at_once


def test_an_older_schema_is_migrated(url: str) -> None:
    """What the later revision added is there afterwards, and what was stored before still is."""
    migrated(url)
    wanted = schema(url)
    said(url, "DROP TABLE drift_windows")
    said(url, "UPDATE alembic_version SET version_num = '0001'")
    said(url, "INSERT INTO predictions VALUES ('a', 0, 'kitchen', 'm', 1, '{}', '[1]')")
    store = opened(url)
    window = asyncio.run(store.newest(1, None))
    closed(store)
    assert window.rows == 1
    assert schema(url) == wanted


def test_migrations_make_the_tables_that_the_code_uses(url: str) -> None:
    """Between the migrated schema and the tables of the code alembic finds no difference."""
    migrated(url)
    place = database(url, 1.0)
    with place.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    place.engine.dispose()


@pytest.mark.journey
def test_workers_that_start_together_do_not_collide(url: str) -> None:
    """Eight processes that find an empty database end with one schema, and each of them with a store."""
    code = "import sys, asyncio; from tests.api.store.made import opened; asyncio.run(opened(sys.argv[1]).close())"

    def start(_: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-c", code, url], cwd=ROOT, capture_output=True, text=True, check=False)

    with ThreadPoolExecutor(8) as pool:
        ended = list(pool.map(start, range(8)))
    assert [one.stderr for one in ended] == [""] * 8
    assert [one.returncode for one in ended] == [0] * 8


def test_a_start_does_without_alembic(sqlite: str) -> None:
    """Neither the first one, which makes the tables, nor the second imports what takes 0.2 s and 11 MB of a worker."""
    code = (
        "import sys, asyncio; from tests.api.store.made import opened; asyncio.run(opened(sys.argv[1]).close());"
        "sys.exit('alembic' in sys.modules)"
    )
    for _ in range(2):
        subprocess.run([sys.executable, "-c", code, sqlite], cwd=ROOT, check=True)


def test_what_is_stored_outlives_a_restart(url: str) -> None:
    """A second store on the same database knows the records of the first."""

    async def run() -> int:
        for _ in range(2):
            store = opened(url)
            assert await store.keep(record())
            counts = await store.counts()
            await store.close()
        return counts.last_hour

    assert asyncio.run(run()) == 2


def test_a_schema_from_the_future_is_refused(url: str) -> None:
    """A database of a newer hearth is left as it is."""
    closed(opened(url))
    said(url, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match=r"schema 9999.*Upgrade hearth"):
        opened(url)


def test_a_table_of_somebody_else_is_left_alone(url: str) -> None:
    """A database in which another program has a table of this name is refused."""
    said(url, "CREATE TABLE predictions (x INTEGER)")
    with pytest.raises(StoreError, match="did not make"):
        opened(url)


def test_a_migration_that_fails_leaves_nothing(url: str) -> None:
    """Tables and revision come together or not at all; the next start begins anew."""
    said(url, "CREATE TABLE feedback (x INTEGER)")
    with pytest.raises(StoreError, match="already exists"):
        opened(url)
    said(url, "DROP TABLE feedback")
    closed(opened(url))


def test_importing_the_store_does_nothing(tmp_path: Path) -> None:
    """No folder, no file, no connection comes of an import."""
    code = "import sys; sys.path.insert(0, sys.argv[1]); import api.store"
    subprocess.run([sys.executable, "-c", code, ROOT], cwd=tmp_path, check=True)
    assert not list(tmp_path.iterdir())
