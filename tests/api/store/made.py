"""What the store's tests keep, and how they wait."""

import asyncio
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from api.store import Record, Store, new_id

ROOT = Path(__file__).parents[3]
SERVER = os.environ.get("HEARTH_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")


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
