"""What is too old, or too much, is forgotten, and its truths with it."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest
from tests.api.store.made import opened, record

from api.store import Store, Truth
from api.store import upkeep as upkeep_module
from api.store.upkeep import Upkeep

DAY = 86_400


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look every moment, and small pieces."""
    monkeypatch.setattr(upkeep_module, "SWEEP", 0.05)
    monkeypatch.setattr(upkeep_module, "CHUNK", 7)
    monkeypatch.setattr(upkeep_module, "STRETCH", 3)


def run(url: str, inside: Callable[[Store], Awaitable[None]], **keep: float | None) -> None:
    """Run ``inside`` with a store that forgets."""

    async def main() -> None:
        store = opened(url, keep_days=keep.get("days"), keep_rows=keep.get("rows"))  # type: ignore[arg-type]
        try:
            await inside(store)
        finally:
            await store.close()

    asyncio.run(main())


async def rows_become(store: Store, rows: int) -> None:
    """Wait until the store holds ``rows`` rows, and see that they stay."""
    end = time.monotonic() + 15
    while (found := (await store.newest(1_000_000, None)).rows) != rows:
        assert time.monotonic() < end, found
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.3)
    assert (await store.newest(1_000_000, None)).rows == rows


def test_the_old_is_forgotten_with_its_truths(url: str) -> None:
    """Records older than the days go, in pieces, and the feedback for them is gone too; the young stay."""

    async def inside(store: Store) -> None:
        now = time.time()
        old = [record(at=now - 3 * DAY + number) for number in range(50)]
        young = [record(at=now - DAY) for _ in range(10)]
        assert all(await asyncio.gather(*(store.keep(one) for one in young)))
        assert await store.feedback("kitchen", [Truth(young[0].id, 1.0)]) == ["stored"]
        assert all(await asyncio.gather(*(store.keep(one) for one in old)))
        await rows_become(store, 10)
        assert await store.feedback("kitchen", [Truth(old[0].id, 1.0), Truth(young[0].id, 1.0)]) == ["unknown", "same"]

    run(url, inside, days=2.0)


def test_a_truth_goes_with_its_prediction(url: str) -> None:
    """Feedback that was stored is deleted when its prediction is forgotten."""

    async def inside(store: Store) -> None:
        first = record(at=1.0)
        assert await store.keep(first)
        assert await store.feedback("kitchen", [Truth(first.id, 1.0)]) == ["stored"]
        assert (await store.counts()).feedback == 1
        await asyncio.gather(*(store.keep(record(at=2.0 + number)) for number in range(30)))
        await rows_become(store, 20)
        assert (await store.counts()).feedback == 0

    run(url, inside, rows=20)


def test_the_newest_rows_stay(url: str) -> None:
    """By size the oldest records go; what stays are whole records of no more rows than were asked for."""

    async def inside(store: Store) -> None:
        for at in range(100):
            assert await store.keep(record(rows=10, at=float(at)))
        await rows_become(store, 250)
        assert (await store.newest(1_000_000, None)).since == 75.0

    run(url, inside, rows=255)


def test_a_batch_larger_than_the_bound_stays_while_it_is_the_newest(url: str) -> None:
    """The newest record is never the one to go."""

    async def inside(store: Store) -> None:
        assert await store.keep(record(at=1.0))
        assert await store.keep(record(rows=1000, at=2.0))
        await rows_become(store, 1000)

    run(url, inside, rows=100)


def test_what_is_too_much_is_the_same_in_stretches(url: str) -> None:
    """For any bound: what a plain sum from the newest on says, also where several records have one time."""
    sizes = [(at // 2 / 10, 1 + at * 7 % 5) for at in range(20)]

    async def inside(store: Store) -> None:
        for at, rows in sizes:
            assert await store.keep(record(rows=rows, at=at))
        upkeep = store._writer._upkeep
        with store._database.engine.connect() as connection:
            for bound in range(1, 70):
                # Which of two of one time is the newer nobody says: both go with either.
                expected = crossed(sizes, bound), crossed([*reversed(sizes)], bound)
                assert upkeep._newest_too_much(connection, bound) in expected

    run(url, inside)


def crossed(sizes: list[tuple[float, int]], bound: int) -> float | None:
    """The time of the newest record but one with which the rows are more than ``bound``."""
    total = 0
    for number, (at, rows) in enumerate(sorted(sizes, key=lambda one: one[0], reverse=True)):
        total += rows
        if total > bound and number:
            return at
    return None


def test_a_look_that_fails_is_done_again_and_breaks_nothing(
    url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The writer's connection stays, and so does the memory of how much was added since the last good look."""
    failing: list[str] = []
    looked = Upkeep._oldest_to_keep

    def look(upkeep: Upkeep, rows: int | None) -> float | None:
        if failing and rows is not None:
            raise OSError(failing.pop())
        return looked(upkeep, rows)

    monkeypatch.setattr(Upkeep, "_oldest_to_keep", look)

    async def inside(store: Store) -> None:
        failing.extend("cancelled" for _ in range(3))
        connection = store._writer._link._connection
        for at in range(40):
            assert await store.keep(record(at=float(at)))
        await rows_become(store, 20)
        assert not failing
        assert store._writer._link._connection is connection
        told = [one.getMessage() for one in caplog.records]
        assert told == ["what is too old or too much cannot be told now: cancelled"] * 3

    run(url, inside, rows=20)


def test_a_store_that_closes_waits_for_no_look(url: str) -> None:
    """However much there is to sum."""

    async def inside(store: Store) -> None:
        for at in range(20):
            assert await store.keep(record(at=float(at)))
        upkeep = store._writer._upkeep
        with store._database.engine.connect() as connection:
            assert upkeep._newest_too_much(connection, 10) is not None
            upkeep.finish(store._writer._link)
            assert upkeep._newest_too_much(connection, 10) is None

    run(url, inside)


def test_records_are_kept_while_others_are_forgotten(url: str) -> None:
    """Deleting holds up no writing, and loses nothing of what is new."""

    async def inside(store: Store) -> None:
        await asyncio.gather(*(store.keep(record(at=number / 1000)) for number in range(500)))
        longest = 0.0
        for _ in range(200):
            began = time.monotonic()
            assert await store.keep(record())
            longest = max(longest, time.monotonic() - began)
        assert longest < 0.5
        await rows_become(store, 200)

    run(url, inside, days=1.0)


def test_several_stores_forget_together(postgres: str) -> None:
    """Processes that share a database do not wait for, or trip over, what the others delete."""

    async def main() -> None:
        stores = [opened(postgres, keep_rows=50) for _ in range(3)]
        for at in range(400):
            assert await stores[at % 3].keep(record(at=float(at)))
        await rows_become(stores[0], 50)
        assert [store.failures for store in stores] == [0, 0, 0]
        assert all(store.reachable for store in stores)
        for store in stores:
            await store.close()

    asyncio.run(main())


def test_a_store_without_bounds_forgets_nothing(url: str) -> None:
    """Not even what is from the beginning of time."""

    async def inside(store: Store) -> None:
        assert await store.keep(record(at=0.0))
        await asyncio.sleep(0.3)
        assert (await store.newest(1, None)).rows == 1

    run(url, inside)
