"""A row has one truth: the first that was told."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from tests.api.store.made import opened, record

from api.store import Store, Truth
from api.store.engine import database


def run(url: str, inside: Callable[[Store], Awaitable[None]]) -> None:
    """Run ``inside`` with a store of its own."""

    async def main() -> None:
        store = opened(url, wait=20.0)
        try:
            await inside(store)
        finally:
            await store.close()

    asyncio.run(main())


def truths(url: str) -> list[tuple[str, int, str, str]]:
    """What is stored."""
    place = database(url, 1.0)
    with place.engine.connect() as connection:
        found = connection.execute(text("SELECT prediction, row, actual, key FROM feedback ORDER BY prediction, row")).all()
    place.engine.dispose()
    return [(one[0], one[1], one[2], one[3]) for one in found]


def test_a_truth_is_stored_once_and_stays(url: str) -> None:
    """The same again is the same, another one a conflict, and what was first is what is stored."""
    one = record()

    async def inside(store: Store) -> None:
        assert await store.keep(one)
        assert await store.feedback("kitchen", [Truth(one.id, 24.0)]) == ["stored"]
        assert await store.feedback("cellar", [Truth(one.id, 24)]) == ["same"]
        assert await store.feedback("cellar", [Truth(one.id, 25.0)]) == ["conflict"]
        assert await store.feedback("cellar", [Truth(one.id, "24")]) == ["conflict"]
        assert (await store.counts()).feedback == 1

    run(url, inside)
    assert truths(url) == [(one.id, 0, "24", "kitchen")]


def test_rows_of_a_batch_have_their_own_truths(url: str) -> None:
    """By ID.INDEX; an index that is not in the batch, and the bare id of a batch, are unknown."""
    batch = record(rows=3)

    async def inside(store: Store) -> None:
        assert await store.keep(batch)
        told = [Truth(f"{batch.id}.{index}", "red") for index in range(4)] + [Truth(batch.id, "red")]
        assert await store.feedback("kitchen", told) == ["stored", "stored", "stored", "unknown", "unknown"]

    run(url, inside)
    assert [one[1] for one in truths(url)] == [0, 1, 2]


def test_the_only_row_has_two_names(url: str) -> None:
    """The row of a single, or of a batch of one, is named by the id and by ID.0."""
    one = record()

    async def inside(store: Store) -> None:
        assert await store.keep(one)
        assert await store.feedback("kitchen", [Truth(f"{one.id}.0", 1.0), Truth(one.id, 1.0)]) == ["stored", "same"]

    run(url, inside)


def test_the_first_of_a_call_counts(url: str) -> None:
    """Of several truths for one row in the same call the first is stored, and the others are measured by it."""
    one = record()

    async def inside(store: Store) -> None:
        assert await store.keep(one)
        told = [Truth(one.id, 1.0), Truth(one.id, 2.0), Truth(one.id, 1.0)]
        assert await store.feedback("kitchen", told) == ["stored", "conflict", "same"]
        assert await store.feedback("kitchen", told) == ["same", "conflict", "same"]

    run(url, inside)


@pytest.mark.parametrize("hostile", ["", "x", "a" * 43, "a" * 43 + ".0", "\0" * 43, "\ud800", "' OR 1=1 --", "9" * 1_000_000])
def test_an_id_that_names_nothing_is_unknown(url: str, hostile: str) -> None:
    """Of any length, in any alphabet; those told beside it are stored."""
    one = record()

    async def inside(store: Store) -> None:
        assert await store.keep(one)
        assert await store.feedback("kitchen", [Truth(hostile, 1.0), Truth(one.id, 1.0)]) == ["unknown", "stored"]
        assert store.reachable

    run(url, inside)


def test_labels_of_any_kind_are_kept(url: str) -> None:
    """Labels with quotes, NUL, half a surrogate pair or other scripts are told and recognised again."""
    labels: list[float | str | bool] = ["it's", "\0", "\ud800", "赤", "%s", ":x", "", True, False, "true", 0.0]

    async def inside(store: Store) -> None:
        records = [record() for _ in labels]
        assert all(await asyncio.gather(*(store.keep(one) for one in records)))
        told = [Truth(one.id, label) for one, label in zip(records, labels, strict=True)]
        assert await store.feedback("kitchen", told) == ["stored"] * len(labels)
        assert await store.feedback("kitchen", told) == ["same"] * len(labels)

    run(url, inside)


def test_many_at_once_are_one_call(url: str) -> None:
    """Ten thousand truths are stored by one call, in any order, and told again they are the same."""
    batch = record(rows=10_000)

    async def inside(store: Store) -> None:
        assert await store.keep(batch)
        told = [Truth(f"{batch.id}.{(7 * index) % 10_000}", float(index)) for index in range(10_000)]
        assert await store.feedback("kitchen", told) == ["stored"] * 10_000
        assert await store.feedback("kitchen", told[::-1]) == ["same"] * 10_000
        assert await store.feedback("kitchen", []) == []

    run(url, inside)


def test_what_is_no_number_is_refused_without_harm(url: str) -> None:
    """NaN is for the caller to hear of; nothing of its call is stored, and the store goes on."""
    one = record()

    async def inside(store: Store) -> None:
        assert await store.keep(one)
        with pytest.raises(ValueError, match="JSON compliant"):
            await store.feedback("kitchen", [Truth(one.id, 1.0), Truth(one.id, float("nan"))])
        assert store.reachable
        assert await store.feedback("kitchen", [Truth(one.id, 2.0)]) == ["stored"]

    run(url, inside)


def test_of_two_clients_exactly_one_wins(url: str) -> None:
    """Eight stores tell other truths for the same rows at once, in other orders: each row has one winner, known to all."""
    batch = record(rows=200)
    ids = [f"{batch.id}.{index}" for index in range(200)]

    async def begin(store: Store) -> None:
        assert await store.keep(batch)

    def tell(client: int) -> list[str]:
        outcomes: list[str] = []

        async def inside(store: Store) -> None:
            turned = ids[25 * client :] + ids[: 25 * client]
            for some in (turned[:50], turned[50:], turned):
                outcomes.extend(await store.feedback(f"client-{client}", [Truth(one, client) for one in some]))

        run(url, inside)
        return outcomes

    run(url, begin)
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(tell, range(8)))
    stored = truths(url)
    assert sum(one.count("stored") for one in outcomes) == 200
    assert [one[1] for one in stored] == list(range(200))
    for client, found in enumerate(outcomes):
        won = sum(one[2] == str(client) for one in stored)
        assert found.count("stored") == won
        assert found[200:].count("same") == won
        assert found.count("unknown") == 0
    assert all(one[3] == f"client-{one[2]}" for one in stored)
