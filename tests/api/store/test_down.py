"""What is wrong with one request is nobody else's trouble."""

import asyncio

from tests.api.store.made import record, scenario, until

from api.store import Store


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
