"""The store away: nothing waits long, nothing raises, and it comes back by itself."""

import asyncio
import logging
import shutil
import sqlite3
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, event, make_url
from tests.api.store.conftest import said
from tests.api.store.made import SERVER, opened, record, until

from api.store import Store, StoreDown, Truth

WAIT = 0.6


def file_of(url: str) -> Path:
    """The file of SQLite's URL."""
    return Path(str(make_url(url).database))


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Another process holds SQLite's lock for writing."""
    with closing(sqlite3.connect(file_of(url), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


async def kept_in(store: Store, seconds: float) -> bool:
    """What ``keep`` says, which it must within ``seconds``."""
    began = time.monotonic()
    kept = await store.keep(record())
    assert time.monotonic() - began < seconds
    return kept


def scenario(url: str, inside: Callable[[Store], Awaitable[None]], wait: float = WAIT) -> None:
    """Run ``inside`` with a store that kept one record."""

    async def run() -> None:
        store = opened(url, wait=wait)
        try:
            assert await store.keep(record())
            await inside(store)
        finally:
            await store.close()

    asyncio.run(run())


async def back(store: Store) -> None:
    """The store answers again, by itself."""
    await until(lambda: store.reachable)
    assert await kept_in(store, WAIT)
    assert await store.ping()


def test_a_locked_file_is_waited_for_and_then_no_more(sqlite: str) -> None:
    """A lock costs the first record its patience, the next ones nothing, each is counted, and its end is noticed."""

    async def inside(store: Store) -> None:
        with locked(sqlite):
            assert not await kept_in(store, WAIT + 0.2)
            assert not store.reachable
            assert not any([await kept_in(store, 0.05) for _ in range(10)])
            assert store.failures == 11
            with pytest.raises(StoreDown):
                await store.feedback("kitchen", [Truth("a" * 22, 1.0)])
        await back(store)
        assert store.failures == 11

    scenario(sqlite, inside)


def test_a_short_lock_is_waited_for(sqlite: str) -> None:
    """A lock that ends within the patience costs no record."""

    async def inside(store: Store) -> None:
        with locked(sqlite):
            keeping = asyncio.create_task(store.keep(record()))
            await asyncio.sleep(WAIT / 3)
        assert await keeping

    scenario(sqlite, inside)


def test_the_loop_runs_on_while_the_file_is_locked(sqlite: str) -> None:
    """Neither keeping nor feedback nor reading holds up the event loop."""

    async def inside(store: Store) -> None:
        with locked(sqlite):
            tasks = [asyncio.create_task(store.keep(record())) for _ in range(50)]
            told = asyncio.create_task(store.feedback("kitchen", [Truth("a" * 22, 1.0)]))
            last, longest = time.monotonic(), 0.0
            while not (told.done() and all(task.done() for task in tasks)):
                await asyncio.sleep(0.001)
                longest, last = max(longest, time.monotonic() - last), time.monotonic()
            assert longest < 0.3
            assert not any(task.result() for task in tasks)
            assert isinstance(told.exception(), StoreDown)

    scenario(sqlite, inside)


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_deleted_database_takes_nothing_with_it(sqlite: str, what: str) -> None:
    """What is kept after the file or its folder was deleted is in the file that the path names, not in the one that is gone."""

    async def inside(store: Store) -> None:
        if what == "folder":
            shutil.rmtree(file_of(sqlite).parent)
        else:
            for path in file_of(sqlite).parent.iterdir():
                path.unlink()
        after = [record() for _ in range(5)]
        kept = [one.id for one in after if await store.keep(one)]
        await back(store)
        with closing(sqlite3.connect(file_of(sqlite))) as other:
            assert set(kept) <= {found[0] for found in other.execute("SELECT id FROM predictions")}

    scenario(sqlite, inside)


def test_a_folder_that_cannot_be_made_again_is_waited_for(sqlite: str) -> None:
    """While something else lies where the folder was, answers are false at once; then the store comes back."""

    async def inside(store: Store) -> None:
        folder = file_of(sqlite).parent
        shutil.rmtree(folder)
        folder.write_text("in the way", encoding="utf-8")
        assert not await kept_in(store, WAIT)
        assert not await kept_in(store, 0.05)
        folder.unlink()
        await back(store)

    scenario(sqlite, inside)


def test_an_idle_store_notices_that_it_is_gone(sqlite: str) -> None:
    """Readiness tells that the store is gone before a prediction finds out."""

    async def inside(store: Store) -> None:
        folder = file_of(sqlite).parent
        shutil.rmtree(folder)
        folder.write_text("in the way", encoding="utf-8")
        await until(lambda: not store.reachable, 5)
        assert not await store.ping()
        with pytest.raises(StoreDown):
            await store.counts()
        folder.unlink()
        await back(store)

    scenario(sqlite, inside)


@contextmanager
def full(store: Store, pages: int) -> Iterator[None]:
    """Let SQLite's file grow no further than ``pages``: to SQLite the same as a full disk."""

    def limit(driver: sqlite3.Connection, _: object) -> None:
        driver.execute(f"PRAGMA max_page_count={pages}")

    engine = store._database.engine
    event.listen(engine, "connect", limit)
    store._writer._link.say(f"PRAGMA max_page_count={pages}")
    yield
    event.remove(engine, "connect", limit)


def test_a_full_disk_loses_nothing_without_a_word(sqlite: str, caplog: pytest.LogCaptureFixture) -> None:
    """On a full disk answers are false and counted, what was kept before is whole, and room lets the store go on."""

    async def inside(store: Store) -> None:
        with full(store, 20):
            outcomes = [await kept_in(store, WAIT) for _ in range(300)]
            assert outcomes == sorted(outcomes, reverse=True)
            assert outcomes[0]
            assert not outcomes[-1]
            assert not await store.ping()
        await back(store)
        assert store.failures == outcomes.count(False)
        with closing(sqlite3.connect(file_of(sqlite))) as other:
            assert other.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            (stored,) = other.execute("SELECT count(*) FROM predictions").fetchone()
        assert stored == 1 + outcomes.count(True) + 1 + 1  # the first that failed was what the store came back with

    with caplog.at_level(logging.WARNING, "hearth.store"):
        scenario(sqlite, inside)
    assert [one.levelname for one in caplog.records] == ["ERROR", "WARNING"]
    assert "full" in caplog.records[0].getMessage()


def test_a_file_system_that_is_full_is_waited_for(tmp_path: Path) -> None:
    """The same on a real file system with no room left."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "none", place], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("no file system can be mounted here: it takes the rights of root")
    url = f"sqlite:///{place}/store.db"

    async def inside(store: Store) -> None:
        kept = [one.id for one in [record() for _ in range(300)] if await store.keep(one)]
        assert 0 < len(kept) < 300
        assert store.failures == 300 - len(kept)
        subprocess.run(["mount", "-o", "remount,size=40m", place], check=True)
        await back(store)
        with closing(sqlite3.connect(file_of(url))) as other:
            assert other.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert set(kept) <= {found[0] for found in other.execute("SELECT id FROM predictions")}

    try:
        scenario(url, inside)
    finally:
        subprocess.run(["umount", place], check=True)


def test_a_killed_connection_costs_no_record(postgres: str) -> None:
    """When the server ends the writer's connection the next record goes over a new one, once."""

    async def inside(store: Store) -> None:
        name = make_url(postgres).database
        for _ in range(5):
            said(SERVER, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")  # noqa: S608
            assert await kept_in(store, WAIT)
        assert (await store.counts()).last_hour == 6
        assert store.failures == 0

    scenario(postgres, inside, wait=5 * WAIT)


def test_connections_killed_under_load_lose_and_double_nothing(postgres: str) -> None:
    """What was answered true while connections were being killed is stored, once."""

    async def inside(store: Store) -> None:
        name = make_url(postgres).database
        stop = threading.Event()

        def kill() -> None:
            while not stop.wait(0.05):
                said(SERVER, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")  # noqa: S608

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
        said(SERVER, f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        said(SERVER, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")  # noqa: S608
        assert not await kept_in(store, WAIT + 0.2)
        assert not await kept_in(store, 0.05)
        with pytest.raises(StoreDown):
            await store.feedback("kitchen", [Truth("a" * 22, 1.0)])
        said(SERVER, f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
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


def test_a_record_that_no_database_can_hold_takes_no_other_with_it(url: str) -> None:
    """Half a surrogate pair is refused alone; those beside it are kept and the store stays up."""

    async def inside(store: Store) -> None:
        poison = record(key="\ud800")
        answers = await asyncio.gather(*(store.keep(one) for one in (record(), poison, record())))
        assert answers == [True, False, True]
        assert store.failures == 1
        assert store.reachable

    scenario(url, inside)


def test_a_cancelled_request_does_not_disturb_the_others(url: str) -> None:
    """A client that goes away takes nobody's answer with it."""

    async def inside(store: Store) -> None:
        tasks = [asyncio.create_task(store.keep(record())) for _ in range(20)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        assert await asyncio.gather(*tasks[1::2]) == [True] * 10
        await until(lambda: store.backlog == 0, 2)
        assert store.failures == 0

    scenario(url, inside)
