"""Windows that are judged once: which rows are in one, who is first where several judge, and when they are forgotten."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import delete
from tests.api.store.made import WAIT, opened, record

from api.store import Judged, Standing, Store, StoreDown
from api.store.engine import database
from api.store.tables import predictions

MODEL = "m" * 64


def run(url: str, inside: "object") -> None:
    """Run ``inside`` with a fresh store."""

    async def main() -> None:
        store = opened(url, wait=WAIT)
        try:
            assert callable(inside)
            await inside(store)
        finally:
            await store.close()

    asyncio.run(main())


async def filled(store: Store, times: range, rows: int = 1) -> None:
    """A record for each second, counting on in ``x``."""
    for at in times:
        values = [at * 10 + row for row in range(rows)]
        kept = await store.keep(record(rows=rows, at=float(at), features=f'{{"x": {values}}}', scores=str([0.5] * rows)))
        assert kept


def verdict(found: Standing, text: str = "{}") -> Judged:
    """The judgement of a window."""
    assert found.window is not None
    return Judged.of(found.window, found.judged, model=MODEL, at=1.0, verdict=text)


def test_a_window_is_there_once_its_rows_have_come(url: str) -> None:
    """Until then there is a count."""

    async def inside(store: Store) -> None:
        assert await store.drift(MODEL, 5, 5) == Standing(None, 0, None)
        await filled(store, range(1, 5))
        assert await store.drift(MODEL, 5, 5) == Standing(None, 4, None)
        assert await store.drift("other", 5, 5) == Standing(None, 0, None)
        await filled(store, range(5, 8))
        found = await store.drift(MODEL, 5, 5)
        assert found.window is not None
        assert (found.judged, found.window.features) == (None, {"x": [30, 40, 50, 60, 70]})
        some = await store.drift(MODEL, 50, 3)
        assert some.window is not None
        assert (some.pending, some.window.rows) == (7, 7)

    run(url, inside)


def test_a_window_begins_after_the_one_before(url: str) -> None:
    """What was judged is in no second window, whatever is asked; of records of one moment the id decides."""

    async def inside(store: Store) -> None:
        await filled(store, range(1, 6))
        first = verdict(await store.drift(MODEL, 5, 5), '{"status":"ok"}')
        assert await store.judge(first) == first
        assert await store.drift(MODEL, 5, 5) == Standing(first, 0, None)
        assert await store.keep(record(id="0" * 43, at=5.0))
        assert await store.keep(record(id="f" * 43, at=5.0))
        await filled(store, range(6, 8), rows=2)
        found = await store.drift(MODEL, 5, 5)
        assert found.window is not None
        assert found.window.features["x"] == [0, 60, 61, 70, 71]
        second = verdict(found)
        assert await store.judge(second) == second
        assert (second.after, second.since, second.until) == (first.last, 5.0, 7.0)

    run(url, inside)


def test_of_workers_that_judge_together_one_is_first(url: str) -> None:
    """Also where more rows have come between them: both are told the same verdict, and no row is judged twice."""

    async def inside(store: Store) -> None:
        await filled(store, range(1, 6))
        one = verdict(await store.drift(MODEL, 5, 5), '"first"')
        await filled(store, range(6, 7))
        other = verdict(await store.drift(MODEL, 5, 5), '"second"')
        assert one.last != other.last
        stands = await asyncio.gather(store.judge(one), store.judge(other), store.judge(replace(one, verdict='"third"')))
        assert {found.verdict for found in stands} == {'"first"'}
        assert (await store.drift(MODEL, 5, 5)).pending == 1

    run(url, inside)


def test_models_are_judged_apart(url: str) -> None:
    """The window of one says nothing of the rows of another."""

    async def inside(store: Store) -> None:
        await filled(store, range(1, 4))
        await store.judge(verdict(await store.drift(MODEL, 3, 3)))
        assert await store.keep(record(model="n" * 64, at=2.0))
        found = await store.drift("n" * 64, 1, 1)
        assert (found.judged, found.pending) == (None, 1)

    run(url, inside)


def test_a_judgement_goes_with_its_rows(url: str) -> None:
    """Retention takes the last record of a window and the verdict on it; what is gone already is judged for nobody."""

    async def inside(store: Store) -> None:
        await filled(store, range(1, 4))
        one = verdict(await store.drift(MODEL, 3, 3))
        await store.judge(one)
        await filled(store, range(4, 7))
        other = verdict(await store.drift(MODEL, 3, 3))
        place = database(url, 1.0)
        with place.engine.connect() as connection:
            connection.execute(delete(predictions))
        place.engine.dispose()
        assert (await store.drift(MODEL, 3, 3)).judged is None
        assert await store.judge(other) == other
        assert (await store.drift(MODEL, 3, 3)).judged is None
        assert store.reachable

    run(url, inside)


def test_an_empty_window_is_no_window(url: str) -> None:
    """There is nothing to judge."""

    async def inside(store: Store) -> None:
        with pytest.raises(ValueError, match="without a record"):
            Judged.of(await store.newest(3, None), None, model=MODEL, at=1.0, verdict="{}")

    run(url, inside)


def test_a_store_that_is_closed_says_so(url: str) -> None:
    """To whoever asks and to whoever judges."""

    async def main() -> None:
        store = opened(url)
        await filled(store, range(1, 4))
        one = verdict(await store.drift(MODEL, 3, 3))
        await store.close()
        with pytest.raises(StoreDown):
            await store.drift(MODEL, 3, 3)
        with pytest.raises(StoreDown):
            await store.judge(one)

    asyncio.run(main())
