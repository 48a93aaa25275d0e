"""SQLite's short way: committed by the loop, and by the writer where the loop cannot."""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing

import pytest
from tests.api.store.made import opened, record, scenario, until

from api.store import Record, Store, new_id
from api.store.express import SMALL, TURNS


def stored(sqlite: str) -> set[str]:
    """The ids in the file, as another connection sees them."""
    with closing(sqlite3.connect(sqlite.removeprefix("sqlite:///"))) as other:
        return {one for (one,) in other.execute("SELECT id FROM predictions")}


def written_by_the_writer(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids that go the long way from now on."""
    link, taken = store._writer._link, list[str]()
    insert = link.insert

    def noted(records: Sequence[Record]) -> None:
        taken.extend(one.id for one in records)
        insert(records)

    monkeypatch.setattr(link, "insert", noted)
    return taken


def committed_by_the_loop(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many records each commit of the short way takes from now on."""
    assert store._express is not None
    link, groups = store._express._link, list[int]()
    insert = link.insert

    def noted(records: Sequence[Record]) -> None:
        groups.append(len(records))
        insert(records)

    monkeypatch.setattr(link, "insert", noted)
    return groups


def test_a_record_is_committed_when_it_is_answered(sqlite: str) -> None:
    """Another connection sees it at once: nothing waits for a later flush."""

    async def inside(store: Store) -> None:
        for _ in range(5):
            one = record()
            assert await store.keep(one)
            assert one.id in stored(sqlite)

    scenario(sqlite, inside)


def test_what_one_turn_brings_is_one_transaction(sqlite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty that come together cost two commits: the first does not know of the others yet."""

    async def inside(store: Store) -> None:
        groups = committed_by_the_loop(store, monkeypatch)
        records = [record() for _ in range(50)]
        assert all(await asyncio.gather(*(store.keep(one) for one in records)))
        assert groups == [1, 49]
        assert {one.id for one in records} <= stored(sqlite)

    scenario(sqlite, inside)


def test_a_large_record_goes_the_long_way(sqlite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch would hold up the loop, and with it everybody."""

    async def inside(store: Store) -> None:
        taken = written_by_the_writer(store, monkeypatch)
        small, large = record(), record(features='{"x": ["' + "y" * SMALL + '"]}')
        assert await store.keep(small)
        assert await store.keep(large)
        assert taken == [large.id]

    scenario(sqlite, inside)


def test_a_locked_file_sends_records_the_long_way(sqlite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop does not wait for the lock: the writer does, and the record is stored when it is let go."""

    async def inside(store: Store) -> None:
        taken = written_by_the_writer(store, monkeypatch)
        one = record()
        with closing(sqlite3.connect(sqlite.removeprefix("sqlite:///"), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            kept = asyncio.create_task(store.keep(one))
            turns = 0
            while turns < 50:  # the loop goes on meanwhile
                await asyncio.sleep(0.001)
                turns += 1
            assert not kept.done()
            other.execute("COMMIT")
        assert await kept
        assert taken == [one.id]
        await asyncio.sleep(0.06)
        assert await store.keep(record())
        assert taken == [one.id]

    scenario(sqlite, inside, wait=5.0)


def test_the_same_record_twice_is_stored_once(sqlite: str) -> None:
    """Whichever way each went."""

    async def inside(store: Store) -> None:
        one = record()
        assert await store.keep(one)
        assert await store.keep(one)
        assert len(stored(sqlite)) == 2

    scenario(sqlite, inside)


def test_a_value_that_no_database_takes_fails_alone(sqlite: str) -> None:
    """Half a character makes its record false; its neighbours of the same turn are kept."""

    async def inside(store: Store) -> None:
        records = [record(), record(key="\ud800"), record()]
        assert await asyncio.gather(*(store.keep(one) for one in records)) == [True, False, True]

    scenario(sqlite, inside)


def test_records_of_the_short_way_count_for_retention(sqlite: str) -> None:
    """What the loop wrote is forgotten like the rest."""

    async def run() -> None:
        store = opened(sqlite, keep_days=1.0)
        old = record(id=new_id(), at=1.0)
        assert await store.keep(old)
        store._writer._upkeep._next_sweep = 0.0
        await until(lambda: old.id not in stored(sqlite))
        await store.close()

    asyncio.run(run())


def test_a_record_that_is_alone_is_committed_on_the_spot(sqlite: str) -> None:
    """No turn of the loop passes while it is kept."""

    async def inside(store: Store) -> None:
        await asyncio.sleep(0)
        one = record()
        alone = store.keep(one)
        with pytest.raises(StopIteration) as answer:
            alone.send(None)
        assert answer.value.value is True
        assert one.id in stored(sqlite)

    scenario(sqlite, inside)


def test_records_that_come_together_are_gathered_until_they_come_alone_again(
    sqlite: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second of a turn shows that there is company; after many turns of one each, one goes alone again."""

    async def inside(store: Store) -> None:
        await asyncio.sleep(0)
        groups = committed_by_the_loop(store, monkeypatch)
        for _ in range(3):
            assert all(await asyncio.gather(*(store.keep(record()) for _ in range(8))))
        assert groups == [1, 7, 8, 8]
        for _ in range(TURNS):
            waiting = store.keep(record())
            assert waiting.send(None) is not None  # it waits for its turn to end
            waiting.close()
            await asyncio.sleep(0)
        with pytest.raises(StopIteration):
            store.keep(record()).send(None)

    scenario(sqlite, inside)
