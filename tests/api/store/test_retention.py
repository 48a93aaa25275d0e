"""What is too old, or too much, is forgotten, and its truths with it."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest
from tests.api.store.made import opened, record

from api.store import Store, Truth
from api.store import upkeep as upkeep_module

DAY = 86_400


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look every moment, and small pieces."""
    monkeypatch.setattr(upkeep_module, "SWEEP", 0.05)
    monkeypatch.setattr(upkeep_module, "CHUNK", 7)


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
