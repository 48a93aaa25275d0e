"""A look at the store from outside the service: it sees what is committed, changes nothing and makes nothing."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import func, make_url, select
from sqlalchemy.exc import DBAPIError
from tests.api.store.made import opened, record
from tests.api.store.test_migrate import closed, said

from api.store import StoreError, new_id
from api.store.offline import default_url, reading, writing
from api.store.records import StoreReadOnly
from api.store.tables import predictions

COUNT = select(func.count()).select_from(predictions)


def files(url: str) -> Sequence[str]:
    """What lies in the folder of SQLite's file."""
    return sorted(one.name for one in Path(url.removeprefix("sqlite:///")).parent.iterdir())


def test_a_look_beside_a_service_that_writes(url: str) -> None:
    """What was committed before the look is seen, what comes during it is not, and the writer waits for nobody."""

    async def run() -> tuple[int, int]:
        store = opened(url)
        assert await store.keep(record())
        with reading(url) as connection:
            before = connection.execute(COUNT).scalar_one()
            assert await store.keep(record())
            during = connection.execute(COUNT).scalar_one()
        with reading(url) as connection:
            assert connection.execute(COUNT).scalar_one() == 2
        await store.close()
        return before, during

    assert asyncio.run(run()) == (1, 1)


def test_nothing_can_be_written(url: str) -> None:
    """A change is refused by the database itself, and told as an error of the store."""
    closed(opened(url))
    with pytest.raises(StoreReadOnly, match=r"cannot be read.*(readonly|read-only)") as told, reading(url) as connection:
        connection.execute(predictions.delete())
    assert isinstance(told.value.__cause__, DBAPIError)


def test_a_user_who_may_only_read_is_told_apart(postgres: str) -> None:
    """From a store that does not answer: who wanted to write may go on without."""
    closed(opened(postgres))
    user = f"reader_{new_id()}"
    said(postgres, f'CREATE USER "{user}"')
    said(postgres, f'GRANT SELECT ON ALL TABLES IN SCHEMA public TO "{user}"')
    url = make_url(postgres).set(username=user).render_as_string(hide_password=False)
    with reading(url) as connection:
        assert connection.execute(COUNT).scalar_one() == 0
    with pytest.raises(StoreReadOnly, match="permission denied"), writing(url) as connection:
        connection.execute(predictions.delete())
    said(postgres, f'DROP OWNED BY "{user}"')
    said(postgres, f'DROP USER "{user}"')


def test_nothing_is_left_behind(sqlite: str) -> None:
    """After the look the folder holds what it held: no log that belongs to whoever looked."""
    closed(opened(sqlite))
    before = files(sqlite)
    with reading(sqlite) as connection:
        connection.execute(COUNT)
    assert files(sqlite) == before == ["store.db"]


def test_a_file_that_is_not_there_is_not_made(sqlite: str, tmp_path: Path) -> None:
    """The message says who makes a store and where it is looked for."""
    with pytest.raises(StoreError, match=r"no store at .*store\.db.*hearth serve.*--database-url"), reading(sqlite):
        pass
    assert not list(tmp_path.iterdir())


def test_a_name_with_signs_of_a_uri_is_a_name(tmp_path: Path) -> None:
    """A percent sign, a hash or a space in the path is no escape."""
    url = f"sqlite:///{tmp_path}/a %41#b.db"
    closed(opened(url))
    with reading(url) as connection:
        assert connection.execute(COUNT).scalar_one() == 0


def test_a_database_of_somebody_else_is_refused(url: str) -> None:
    """A database without our schema is not taken for an empty store."""
    said(url, "CREATE TABLE other (x INTEGER)")
    with pytest.raises(StoreError, match="holds no predictions of hearth"), reading(url):
        pass


def test_an_older_schema_is_left_to_the_service(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look migrates nothing: it says who does."""
    closed(opened(url))
    monkeypatch.setattr("api.store.migrate.REVISIONS", ("0001", "0002", "0003"))
    said(url, "UPDATE alembic_version SET version_num = '0001'")
    with pytest.raises(StoreError, match=r"has schema 0001.*reads 0003: start `hearth serve`"), reading(url):
        pass


def test_a_newer_schema_is_refused(url: str) -> None:
    """A store of a newer hearth is for a newer hearth."""
    closed(opened(url))
    said(url, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="Upgrade hearth"), reading(url):
        pass


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    """What SQLite says of it, and what may be meant."""
    (tmp_path / "note.db").write_text("a note, and a long one: " * 100, encoding="utf-8")
    with pytest.raises(StoreError, match=r"not a database.*is it a SQLite database"), reading(f"sqlite:///{tmp_path}/note.db"):
        pass


def test_a_server_that_is_not_there_is_told() -> None:
    """The message names the place, asks about the parts of the URL, and holds no password."""
    pytest.importorskip("psycopg")
    url = "postgresql://hearth:hidden@127.0.0.1:1/x"
    with pytest.raises(StoreError, match=r":1, database x cannot be read.*--database-url") as told, reading(url):
        pass
    assert "hidden" not in str(told.value)


def test_the_store_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable where it is set, else the service's default."""
    monkeypatch.setenv("HEARTH_DATABASE_URL", "postgresql://here/x")
    assert default_url() == "postgresql://here/x"
    monkeypatch.delenv("HEARTH_DATABASE_URL")
    assert default_url() == "sqlite:///var/hearth.db"
