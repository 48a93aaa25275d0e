"""What is kept can be counted and read again."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.api.store.made import opened, record, until

from api.store import Counts, Store, StoreDown
from api.store import upkeep as upkeep_module

DAY = 86_400


def run(url: str, inside: Callable[[Store], Awaitable[None]], wait: float = 2.0) -> None:
    """Run ``inside`` with a store of its own."""

    async def main() -> None:
        store = opened(url, wait=wait)
        try:
            await inside(store)
        finally:
            await store.close()

    asyncio.run(main())


def test_a_fresh_store_is_empty(url: str) -> None:
    """Counts are zero, the window has no rows, and nothing waits."""

    async def inside(store: Store) -> None:
        assert await store.ping()
        assert store.reachable
        assert (store.backlog, store.failures) == (0, 0)
        assert await store.counts() == Counts(0, 0, {}, 0)
        window = await store.newest(10, None)
        assert (window.rows, window.features, window.scores, window.last) == (0, {}, [], None)

    run(url, inside)


def test_many_at_once_are_all_kept(url: str) -> None:
    """A thousand requests at once are written in groups, and each is answered."""

    async def inside(store: Store) -> None:
        keeping = [asyncio.create_task(store.keep(record())) for _ in range(1000)]
        await asyncio.sleep(0)
        assert store.backlog >= 999  # SQLite commits the first before the others come
        assert all(await asyncio.gather(*keeping))
        assert store.backlog == 0
        assert (await store.counts()).last_day == 1000

    run(url, inside)


def test_a_record_kept_twice_is_stored_once(url: str) -> None:
    """The same record again is true again, as when the answer to a commit was lost."""

    async def inside(store: Store) -> None:
        one = record()
        assert await asyncio.gather(*(store.keep(one) for _ in range(3))) == [True] * 3
        assert await store.keep(one)
        assert (await store.counts()).last_day == 1

    run(url, inside)


def test_counts_are_of_rows_by_time_and_key(url: str) -> None:
    """The last hour, the last day, and those of the day by key."""

    async def inside(store: Store) -> None:
        now = time.time()
        for age, key, rows in [(0, "a", 3), (1800, "b", 1), (7200, "a", 10), (2 * DAY, "a", 100)]:
            assert await store.keep(record(rows=rows, key=key, at=now - age))
        assert await store.counts() == Counts(last_hour=4, last_day=14, keys={"a": 13, "b": 1}, feedback=0)

    run(url, inside)


def test_the_window_is_the_newest_rows_in_order(url: str) -> None:
    """Rows come oldest first, a batch is cut where the window begins, and and no more of them than were asked for."""

    async def inside(store: Store) -> None:
        for at, low, rows in [(1.0, 0, 1000), (2.0, 10, 3), (3.0, 20, 1), (4.0, 30, 2)]:
            values = list(range(low, low + rows))
            assert await store.keep(
                record(rows=rows, at=at, features=f'{{"x": {values}}}', scores=str([v / 2 for v in values]))
            )
        window = await store.newest(5, "m" * 64)
        assert window.features == {"x": [11, 12, 20, 30, 31]}
        assert window.scores == [5.5, 6.0, 10.0, 15.0, 15.5]
        assert (window.rows, window.since, window.until) == (5, 2.0, 4.0)
        assert (await store.newest(10_000, None)).rows == 1006
        assert (await store.newest(1, None)).features == {"x": [31]}

    run(url, inside)


def test_the_window_is_of_one_model(url: str) -> None:
    """What another model predicted is not in the window; over all models a column that one lacks is None."""

    async def inside(store: Store) -> None:
        assert await store.keep(record(at=1.0, model="a", features='{"x": [1], "c": ["red"]}'))
        assert await store.keep(record(at=2.0, model="b", features='{"y": [null]}', scores="[[0.25, 0.75]]"))
        assert (await store.newest(5, "a")).features == {"x": [1], "c": ["red"]}
        both = await store.newest(5, None)
        assert both.features == {"x": [1, None], "c": ["red", None], "y": [None, None]}
        assert both.scores == [0.0, [0.25, 0.75]]

    run(url, inside)


def test_closing_writes_what_waits(url: str) -> None:
    """What was asked to be kept before the store is closed is kept; what comes after is not, and nothing raises."""

    async def main() -> None:
        store = opened(url)
        keeping = [asyncio.create_task(store.keep(record())) for _ in range(500)]
        await asyncio.sleep(0)
        await store.close()
        assert all(await asyncio.gather(*keeping))
        assert not await store.keep(record())
        assert not await store.ping()
        with pytest.raises(StoreDown):
            await store.counts()
        await store.close()
        again = opened(url)
        assert (await again.counts()).last_day == 500
        await again.close()

    asyncio.run(main())


def test_a_store_serves_one_loop_after_another(sqlite: str) -> None:
    """A store that is opened before the loop runs keeps records in each loop that comes."""
    store = opened(sqlite)
    assert asyncio.run(store.keep(record()))
    assert asyncio.run(store.keep(record()))
    asyncio.run(store.close())


def test_a_text_of_any_kind_comes_back(url: str) -> None:
    """Names and values in any script are what they were."""

    async def inside(store: Store) -> None:
        assert await store.keep(record(key="Küche 厨房", features='{"größe": ["ÿ", "\\u0000", "%s", "🔥"]}', rows=4))
        assert (await store.counts()).keys == {"Küche 厨房": 4}
        assert (await store.newest(4, None)).features == {"größe": ["ÿ", "\0", "%s", "🔥"]}

    run(url, inside)


def test_the_log_of_sqlite_stays_short(sqlite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under writes without a pause SQLite's log is checked in and begun anew, and closing leaves none."""
    monkeypatch.setattr(upkeep_module, "LOG_BYTES", 1_000_000)
    monkeypatch.setattr(upkeep_module, "LONG_LOG", 200)
    file = Path(sqlite.removeprefix("sqlite:///"))
    features = '{"x": ["' + "y" * 20_000 + '"]}'

    def begun() -> int:
        """How often the log was begun anew: the number of its checkpoint, as its header has it."""
        with file.with_name(f"{file.name}-wal").open("rb") as log:
            return int.from_bytes(log.read(16)[12:])

    async def inside(store: Store) -> None:
        assert await store.keep(record())
        first, end = begun(), time.monotonic() + 60  # a checkpoint waits for the disk, which others may keep busy
        while begun() < first + 2:
            assert time.monotonic() < end, "the log was not begun anew"
            assert all(await asyncio.gather(*(store.keep(record(features=features)) for _ in range(16))))

    run(sqlite, inside, wait=30.0)
    assert [one.name for one in file.parent.iterdir()] == [file.name]


def test_reading_does_not_hold_up_writing(url: str) -> None:
    """Records are kept while a reader is in the middle of reading."""

    async def inside(store: Store) -> None:
        await asyncio.gather(*(store.keep(record(rows=500)) for _ in range(64)))
        reading = [asyncio.create_task(store.newest(30_000, None)) for _ in range(4)]
        assert all([await store.keep(record()) for _ in range(50)])
        assert [window.rows for window in await asyncio.gather(*reading)] == [30_000] * 4
        await until(lambda: store.backlog == 0)

    run(url, inside)
