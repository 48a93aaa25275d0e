"""A file that is locked, full or gone: nothing waits long, nothing raises, and the store comes back by itself."""

import asyncio
import logging
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event, make_url
from tests.api.store.made import WAIT, back, kept_in, record, scenario, until

from api.store import Store, StoreDown, Truth, writer


@pytest.fixture(autouse=True)
def lively(monkeypatch: pytest.MonkeyPatch) -> None:
    """An idle writer looks after its database more often."""
    monkeypatch.setattr(writer, "_IDLE", 0.05)
    monkeypatch.setattr(writer, "_HEARTBEAT", 0.2)


def moved_away(url: str) -> Path:
    """The folder of SQLite's file, which is no longer there: in one step, or a reader would make the file again meanwhile."""
    folder = file_of(url).parent
    folder.rename(folder.with_name("gone"))
    return folder


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


def test_a_locked_file_is_waited_for_and_then_no_more(sqlite: str) -> None:
    """A lock costs the first record its patience, the next ones nothing, each is counted, and its end is noticed."""

    async def inside(store: Store) -> None:
        with locked(sqlite):
            assert not await kept_in(store, WAIT + 0.2)
            assert not store.reachable
            assert not any([await kept_in(store, 0.05) for _ in range(10)])
            assert store.failures == 11
            with pytest.raises(StoreDown):
                await store.feedback("kitchen", [Truth("a" * 43, 1.0)])
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
            told = asyncio.create_task(store.feedback("kitchen", [Truth("a" * 43, 1.0)]))
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
            moved_away(sqlite)
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
        folder = moved_away(sqlite)
        folder.write_text("in the way", encoding="utf-8")
        assert not await kept_in(store, WAIT)
        assert not await kept_in(store, 0.05)
        folder.unlink()
        await back(store)

    scenario(sqlite, inside)


def test_an_idle_store_notices_that_it_is_gone(sqlite: str) -> None:
    """Readiness tells that the store is gone before a prediction finds out."""

    async def inside(store: Store) -> None:
        folder = moved_away(sqlite)
        folder.write_text("in the way", encoding="utf-8")
        await until(lambda: not store.reachable, 5)
        assert not await store.ping()
        with pytest.raises(StoreDown):
            await store.counts()
        folder.unlink()
        await back(store)

    scenario(sqlite, inside)


@contextmanager
def under(store: Store, pragma: str) -> Iterator[None]:
    """Put every connection of SQLite under a pragma, and take it away again."""

    def limit(driver: sqlite3.Connection, _: object) -> None:
        driver.execute(f"PRAGMA {pragma}")

    engine = store._database.engine
    event.listen(engine, "connect", limit)
    store._writer._link.say(f"PRAGMA {pragma}")
    if store._express is not None and store._express.open:
        store._express._link.say(f"PRAGMA {pragma}")
    yield
    event.remove(engine, "connect", limit)


def test_a_file_that_became_read_only_is_waited_for(sqlite: str) -> None:
    """Answers are false, at once, until the file can be written again."""

    async def inside(store: Store) -> None:
        with under(store, "query_only=ON"):
            assert not any([await kept_in(store, WAIT / 2) for _ in range(20)])
            assert store.failures == 20
        await back(store)

    scenario(sqlite, inside)


def test_a_full_disk_loses_nothing_without_a_word(sqlite: str, caplog: pytest.LogCaptureFixture) -> None:
    """On a full disk answers are false and counted, what was kept before is whole, and room lets the store go on."""

    async def inside(store: Store) -> None:
        with under(store, "max_page_count=20"):  # to SQLite the same as a full disk
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
    assert [one.levelname for one in caplog.records] == ["WARNING", "ERROR", "WARNING"]  # tried anew, down, back
    assert "full" in caplog.records[1].getMessage()


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
