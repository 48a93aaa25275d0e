"""What a stored prediction costs: CPU of the whole process and latency, one record at a time and 32 at once.

    python -m benchmarks.store [--url postgresql://...] [--records 20000] [--json FILE]

Without a URL it measures SQLite in a temporary folder. The table of a database of another URL must be one that may be filled:
its records stay. ``loop us`` is what the event loop alone spends on a record, the writer's thread left out.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Coroutine
from dataclasses import asdict, dataclass
from pathlib import Path

import uvloop

from api.store import Record, Store, new_id

COLUMNS = "abcdefghijklm"
FEATURES = json.dumps({name: [1.2345] for name in COLUMNS}, separators=(",", ":"))
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one record, in microseconds: median of the rounds, but for the latencies, which are of the last round."""

    together: int
    cpu: float
    loop: float
    wall: float
    p50: float
    p99: float


def record() -> Record:
    """One row of 13 features."""
    return Record(new_id(), time.time(), "benchmark", "0" * 64, 1, FEATURES, "[24.0]")


async def load(store: Store, records: int, together: int) -> list[float]:
    """Keep ``records`` records by ``together`` clients that wait for each; returns the latencies in seconds."""
    waited: list[float] = []

    async def client() -> None:
        for _ in range(records // together):
            began = time.perf_counter()
            if not await store.keep(record()):
                raise SystemExit("a record was not kept: see the log")
            waited.append(time.perf_counter() - began)

    await asyncio.gather(*(client() for _ in range(together)))
    return waited


async def measure(store: Store, records: int, together: int) -> Cost:
    """The cost of a record, after a round that does not count."""
    await load(store, records // 10, together)
    rounds: list[tuple[float, float, float]] = []
    waited: list[float] = []
    for _ in range(ROUNDS):
        clocks = time.process_time(), time.thread_time(), time.perf_counter()
        waited = await load(store, records, together)
        now = time.process_time(), time.thread_time(), time.perf_counter()
        rounds.append(tuple((b - a) / records * 1e6 for a, b in zip(clocks, now, strict=True)))  # type: ignore[arg-type]
    cpu, loop, wall = (statistics.median(one) for one in zip(*rounds, strict=True))
    ranks = statistics.quantiles(waited, n=100)
    return Cost(together, cpu, loop, wall, ranks[49] * 1e6, ranks[98] * 1e6)


async def every(url: str, records: int) -> list[Cost]:
    """One at a time, then 32 and 128 at once."""
    store = Store.open(url, keep_days=None, keep_rows=None)
    try:
        return [await measure(store, records, together) for together in (1, 32, 128)]
    finally:
        await store.close()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url")
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    run: Callable[[Coroutine[object, object, list[Cost]]], list[Cost]] = uvloop.run
    with tempfile.TemporaryDirectory() as folder:
        costs = run(every(asked.url or f"sqlite:///{folder}/store.db", asked.records))
    print("together  cpu us  loop us  wall us  p50 us  p99 us")
    for one in costs:
        print(f"{one.together:8}  {one.cpu:6.1f}  {one.loop:7.1f}  {one.wall:7.1f}  {one.p50:6.0f}  {one.p99:6.0f}")
    if asked.json is not None:
        asked.json.write_text(json.dumps([asdict(one) for one in costs], indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
