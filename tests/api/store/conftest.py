"""Databases of the tests' own: a file each, or a database each on a real server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url
from sqlalchemy.exc import OperationalError
from tests.api.store.made import SERVER

from api.store import new_id


def said(url: str, sql: str) -> None:
    """Have the server do one thing outside a transaction."""
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(sql)
    engine.dispose()


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    """A file that is not there yet, in a folder that is not there yet."""
    return f"sqlite:///{tmp_path}/var/store.db"


@pytest.fixture
def postgres() -> Iterator[str]:
    """An empty database on the server that HEARTH_TEST_POSTGRES names, dropped afterwards."""
    pytest.importorskip("psycopg", reason="PostgreSQL's driver is not installed: pip install 'hearth[cluster]'")
    name = f"hearth_test_{new_id()}"
    try:
        said(SERVER, f'CREATE DATABASE "{name}"')
    except OperationalError as error:
        pytest.skip(f"no PostgreSQL server answers; set HEARTH_TEST_POSTGRES: {type(error.orig).__name__}")
    yield make_url(SERVER).set(database=name).render_as_string(hide_password=False)
    said(SERVER, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """Each database in turn."""
    found: str = request.getfixturevalue(request.param)
    return found
