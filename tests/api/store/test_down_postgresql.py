"""A server that goes away, refuses or hangs: nothing waits long, nothing raises, and the store comes back by itself."""

import asyncio
import logging
import threading

import pytest
from sqlalchemy import create_engine, make_url
from tests.api.databases import SERVER, sql
from tests.api.store.made import WAIT, back, kept_in, record, scenario, until

from api.store import Store, StoreDown, Truth, writer


def kill_all(url: str) -> None:
    """Have the server end every connection to the database."""
    name = make_url(url).database
    sql(SERVER, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")  # noqa: S608


def test_a_killed_connection_costs_no_record(postgres: str) -> None:
    """When the server ends the writer's connection the next record goes over a new one, once."""

    async def inside(store: Store) -> None:
        for _ in range(5):
            kill_all(postgres)
            assert await kept_in(store, WAIT)
        assert (await store.counts()).last_hour == 6
        assert store.failures == 0

    scenario(postgres, inside, wait=5 * WAIT)


def test_a_killed_connection_costs_no_truth(postgres: str) -> None:
    """Feedback goes over a new connection too, and readers never see the old one."""

    async def inside(store: Store) -> None:
        one = record()
        assert await store.keep(one)
        kill_all(postgres)
        assert await store.feedback("kitchen", [Truth(one.id, 1.0)]) == ["stored"]
        kill_all(postgres)
        assert (await store.counts()).feedback == 1

    scenario(postgres, inside, wait=5 * WAIT)


def test_a_connection_killed_while_idle_is_made_anew(
    postgres: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The writer notices before anybody needs it, and says so."""
    monkeypatch.setattr(writer, "_IDLE", 0.05)
    monkeypatch.setattr(writer, "_HEARTBEAT", 0.1)

    async def inside(store: Store) -> None:
        kill_all(postgres)
        await until(lambda: "opened anew" in caplog.text)
        await back(store)
        assert store.failures == 0

    with caplog.at_level(logging.WARNING, "hearth.store"):
        scenario(postgres, inside)


def test_connections_killed_under_load_lose_and_double_nothing(postgres: str) -> None:
    """What was answered true while connections were being killed is stored, once."""

    async def inside(store: Store) -> None:
        stop = threading.Event()

        def kill() -> None:
            while not stop.wait(0.05):
                kill_all(postgres)

        killer = threading.Thread(target=kill)
        killer.start()
        kept: list[str] = []

        async def client() -> None:
            for _ in range(100):
                one = record()
                if await store.keep(one):
                    kept.append(one.id)
                await asyncio.sleep(0.002)

        await asyncio.gather(*(client() for _ in range(8)))
        stop.set()
        killer.join()
        await back(store)
        assert kept
        engine = create_engine(make_url(postgres).set(drivername="postgresql+psycopg"))
        with engine.connect() as connection:
            found = list(connection.exec_driver_sql("SELECT id FROM predictions").scalars())
        engine.dispose()
        assert len(found) == len(set(found))
        assert set(kept) <= set(found)

    scenario(postgres, inside)


def test_a_server_that_refuses_is_waited_for(postgres: str) -> None:
    """While the database lets nobody in, answers are false at once; when it does again the store is back."""

    async def inside(store: Store) -> None:
        name = make_url(postgres).database
        sql(SERVER, f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        kill_all(postgres)
        assert not await kept_in(store, WAIT + 0.2)
        assert not await kept_in(store, 0.05)
        with pytest.raises(StoreDown):
            await store.feedback("kitchen", [Truth("a" * 43, 1.0)])
        sql(SERVER, f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        await back(store)

    scenario(postgres, inside)


def test_a_table_that_is_locked_holds_up_nobody_for_long(postgres: str) -> None:
    """A statement that hangs on the server costs the first records their patience and the next ones nothing."""

    async def inside(store: Store) -> None:
        engine = create_engine(make_url(postgres).set(drivername="postgresql+psycopg"))
        with engine.connect() as other:
            other.exec_driver_sql("LOCK TABLE predictions IN ACCESS EXCLUSIVE MODE")
            assert not await kept_in(store, WAIT + 0.2)
            assert not await kept_in(store, 0.05)
            assert not store.reachable
        engine.dispose()
        await back(store)

    scenario(postgres, inside)
