"""What is wrong with one request is nobody else's trouble."""

import asyncio
import threading

import pytest
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


def test_a_database_that_froze_while_nobody_asked_is_noticed(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer asks by itself, and that no answer comes is an answer."""
    thawed = threading.Event()

    async def inside(store: Store) -> None:
        link = store._writer._link
        check = link.check

        def frozen() -> None:
            thawed.wait(20)
            check()

        monkeypatch.setattr(link, "check", frozen)
        await until(lambda: not store.reachable)
        thawed.set()
        await until(lambda: store.reachable)

    try:
        scenario(url, inside)
    finally:
        thawed.set()
