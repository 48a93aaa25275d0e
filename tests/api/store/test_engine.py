"""A URL that is wrong is said to be, and never said."""

import asyncio
import traceback
from pathlib import Path

import pytest
from sqlalchemy import make_url
from tests.api.databases import SERVER, sql
from tests.api.store.made import opened

from api.store import StoreError, new_id
from api.store import engine as engine_module
from api.store.engine import database
from hearth.errors import HearthError

SECRET = "hunter2-secret"  # noqa: S105 - of nobody


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("", "cannot be read"),
        ("nonsense", "cannot be read"),
        (f"user:{SECRET}@host/database", "cannot be read"),
        (f"postgresql://host:{SECRET}/database", "cannot be read"),
        (f"mysql://user:{SECRET}@host/database", "kind 'mysql'"),
        ("sqlite://", "is a file"),
        ("sqlite:///:memory:", "is a file"),
        ("sqlite:///file:store.db?mode=ro&uri=true", "is a file"),
        (f"postgresql://user:{SECRET}@127.0.0.1:1/database", "cannot be opened in PostgreSQL at 127.0.0.1:1"),
        (f"postgresql://user@127.0.0.1:1/database?password={SECRET}", "cannot be opened in PostgreSQL at 127.0.0.1:1"),
        (f"postgresql://user:{SECRET}@127.0.0.1:1/database?sslmode=maybe", "cannot be opened"),
        (f"postgresql://user@127.0.0.1:1/database?passwort={SECRET}", "cannot be opened"),
        (f"sqlite:////nowhere/store.db?timeout={SECRET}", "options"),
    ],
)
def test_a_wrong_url_is_refused_without_its_secret(url: str, told: str) -> None:
    """Each says what is wrong and what to write; no password is in the message, its causes or its traceback's values."""
    if url.startswith("postgresql"):
        pytest.importorskip("psycopg", reason="PostgreSQL's driver is not installed")
    with pytest.raises(StoreError, match=told) as caught:
        opened(url)
    assert isinstance(caught.value, HearthError)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_store_does_not_tell_its_password(postgres: str) -> None:
    """Nothing that is printed of a store or of its parts holds the password."""
    url = make_url(postgres).set(password=SECRET).render_as_string(hide_password=False)
    place = database(url, 1.0)
    assert SECRET not in repr(place)
    assert SECRET not in place.name
    assert SECRET not in place.why(RuntimeError(f"no password {SECRET} for you"))
    store = opened(postgres)
    assert repr(store) == f"Store('{place.name}')"
    asyncio.run(store.close())


def test_a_wrong_database_is_named(postgres: str) -> None:
    """What PostgreSQL says of a database that is not there is passed on."""
    del postgres
    with pytest.raises(StoreError, match=r"(?s)does not exist.*HEARTH_DATABASE_URL"):
        opened(SERVER.rpartition("/")[0] + "/no_such_database")


def test_a_user_without_rights_is_told(postgres: str) -> None:
    """Who may not make tables hears it from the database, and what to look at."""
    name = f"nobody_{new_id()}"
    sql(SERVER, f'CREATE ROLE "{name}" LOGIN')
    try:
        with pytest.raises(StoreError, match=r"permission denied.*may that user create tables"):
            opened(make_url(postgres).set(username=name).render_as_string(hide_password=False))
    finally:
        sql(SERVER, f'DROP ROLE "{name}"')


def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where psycopg is not installed the message says how to install it."""
    monkeypatch.setattr(engine_module, "find_spec", lambda _: None)
    with pytest.raises(StoreError, match=r"pip install 'hearth\[cluster\]'"):
        opened("postgresql://host/database")


@pytest.mark.parametrize("url", ["postgres://host/x", "postgresql://host/x", "postgresql+psycopg2://host/x"])
def test_every_spelling_of_postgresql_is_psycopg(url: str) -> None:
    """A URL as hosts and other libraries write it is taken."""
    pytest.importorskip("psycopg", reason="PostgreSQL's driver is not installed")
    assert database(url, 1.0).engine.url.drivername == "postgresql+psycopg"


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A folder that cannot be made, and a file that is no database, are refused with a hint."""
    (tmp_path / "file").write_text("this is no database, and long enough to be seen as none" * 50, encoding="utf-8")
    with pytest.raises(StoreError, match="May this process write to"):
        opened(f"sqlite:///{tmp_path}/file/store.db")
    with pytest.raises(StoreError, match="not a database"):
        opened(f"sqlite:///{tmp_path}/file")
