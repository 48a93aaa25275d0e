"""What the store's tests keep, and how they wait."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from api.store import Record, Store, new_id

ROOT = Path(__file__).parents[3]
WAIT = 0.6  # seconds that a store of these tests waits for its database


def record(rows: int = 1, **changed: Any) -> Record:  # noqa: ANN401 - whatever a record holds
    """A record whose column ``x`` counts from 0."""
    values = {
        "id": new_id(),
        "at": time.time(),
        "key": "kitchen",
        "model": "m" * 64,
        "rows": rows,
        "features": json.dumps({"x": list(range(rows))}),
        "scores": json.dumps([float(row) for row in range(rows)]),
    }
    return Record(**{**values, **changed})


def opened(url: str, *, wait: float = 2.0, keep_days: float | None = None, keep_rows: int | None = None) -> Store:
    """A store that forgets nothing, unless told."""
    return Store.open(url, wait=wait, keep_days=keep_days, keep_rows=keep_rows)


async def until(true: Callable[[], bool], seconds: float = 15.0) -> None:
    """Wait for what will come by itself."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come"
        await asyncio.sleep(0.02)


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
