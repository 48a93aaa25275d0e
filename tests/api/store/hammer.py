"""A process that keeps records as fast as it can and tells the id of each that was kept, until it is killed."""

import asyncio
import os
import sys

from tests.api.store.made import opened, record

from api.store import Store

CLIENTS = 16


async def client(store: Store, number: int) -> None:
    """Keep singles, and now and then a batch; an id is told in one write, so that no line is torn."""
    count = number
    while True:
        count += 1
        one = record(rows=200 if count % 50 == 0 else 1)
        if await store.keep(one):
            os.write(1, f"{one.id}\n".encode())


async def main(url: str) -> None:
    """Keep for ever."""
    store = opened(url)
    await asyncio.gather(*(client(store, number) for number in range(CLIENTS)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
