"""Predictions joined with their truths: which rows, in which order, and in how much memory."""

import asyncio
import json
import tracemalloc
from collections.abc import Sequence
from typing import Any

import pytest
from tests.api.store.made import opened, record

from api.store import Record, Truth
from api.store.joined import Joined, Selection, Untold, joined, predicted, untold
from api.store.offline import reading

ONE, OTHER = "a" * 64, "b" * 64


def kept(url: str, records: Sequence[Record], truths: Sequence[tuple[str, Truth]] = ()) -> None:
    """Store records, then truths under the name of the key that tells them."""

    async def run() -> None:
        store = opened(url)
        for one in records:
            assert await store.keep(one)
        for key, truth in truths:
            assert await store.feedback(key, [truth]) == ["stored"]
        await store.close()

    asyncio.run(run())


def look(url: str, most: int = 1_000, **bounds: Any) -> Joined:  # noqa: ANN401 - of a selection
    """What a selection joins."""
    with reading(url) as connection:
        return joined(connection, Selection(**bounds), most)


def beside(url: str, at: Sequence[float], **bounds: Any) -> Untold:  # noqa: ANN401 - of a selection
    """What a selection has without truths straight after some times."""
    with reading(url) as connection:
        return untold(connection, Selection(**bounds), at)


def test_single_rows_and_rows_of_batches_are_joined_with_their_truths(url: str) -> None:
    """Oldest first, each row with its own features, scores, truth and who gave it; rows without a truth are left out."""
    batch = record(4, at=200.0, key="batcher", model=ONE)
    single = record(at=100.0, features='{"x": [null]}', model=OTHER)
    truths = [("eve", Truth(f"{batch.id}.3", 33.5)), ("bob", Truth(single.id, 7)), ("bob", Truth(f"{batch.id}.1", "no"))]
    kept(url, [batch, single, record(at=150.0)], truths)
    found = look(url)
    assert (found.records, found.rows) == ([single.id, batch.id, batch.id], [0, 1, 3])
    assert (found.at, found.models, found.askers) == (
        [100.0, 200.0, 200.0],
        [OTHER, ONE, ONE],
        ["kitchen", "batcher", "batcher"],
    )
    assert (found.features, found.scores) == ({"x": [None, 1, 3]}, [0.0, 1.0, 3.0])
    assert (found.actual, found.tellers) == ([7, "no", 33.5], ["bob", "bob", "eve"])
    assert found.told[0] > 1e9
    assert len(found) == 3


def test_probabilities_and_labels_come_back_as_they_are(url: str) -> None:
    """A classification's scores are a list a row, its truths a text or a boolean."""
    one = record(2, features='{"c": ["red", null], "b": [true, false]}', scores="[[0.25,0.75],[0.5,0.5]]")
    kept(url, [one], [("bob", Truth(f"{one.id}.0", "yes")), ("bob", Truth(f"{one.id}.1", True))])
    found = look(url)
    assert found.scores == [[0.25, 0.75], [0.5, 0.5]]
    assert found.features == {"c": ["red", None], "b": [True, False]}
    assert found.actual == ["yes", True]


def test_a_column_that_a_record_lacks_is_missing_in_its_rows(url: str) -> None:
    """Models with other features may be in one selection."""
    first, second = record(at=1.0, features='{"x": [1]}'), record(at=2.0, features='{"y": [2]}')
    kept(url, [first, second], [("bob", Truth(first.id, 1)), ("bob", Truth(second.id, 2))])
    assert look(url).features == {"x": [1, None], "y": [None, 2]}
    assert look(url, until=2.0).features == {"x": [1]}


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({}, [1.0, 2.0, 3.0, 4.0]),
        ({"model": ONE}, [1.0, 3.0]),
        ({"since": 2.0}, [2.0, 3.0, 4.0]),
        ({"until": 3.0}, [1.0, 2.0]),
        ({"since": 2.0, "until": 3.0}, [2.0]),
        ({"key": "cellar"}, [3.0, 4.0]),
        ({"teller": "eve"}, [2.0, 4.0]),
        ({"model": OTHER, "key": "cellar", "teller": "bob"}, []),
        ({"since": 9.0}, []),
    ],
)
def test_a_selection_bounds_what_is_joined(sqlite: str, bounds: dict[str, Any], expected: list[float]) -> None:
    """By model, by time of the prediction (the first included, the last not), by who asked and by who told."""
    records = [
        record(at=float(i), model=(OTHER, ONE)[i % 2], key="cellar" if i > 2 else "kitchen", features=json.dumps({"x": [i]}))
        for i in range(1, 5)
    ]
    kept(sqlite, records, [(("eve", "bob")[i % 2], Truth(one.id, i)) for i, one in enumerate(records, start=1)])
    found = look(sqlite, **bounds)
    assert found.at == expected
    assert found.actual == expected
    assert found.features == ({"x": expected} if expected else {})


def test_only_the_newest_rows_are_joined_where_there_are_more(url: str) -> None:
    """Also where the bound falls inside a batch."""
    records = [record(3, at=float(i)) for i in range(4)]
    truths = [("bob", Truth(f"{one.id}.{row}", 10 * i + row)) for i, one in enumerate(records) for row in range(3)]
    kept(url, records, truths)
    assert look(url, most=5).actual == [21, 22, 30, 31, 32]


def test_rows_are_counted_with_and_without_truths(url: str) -> None:
    """By model, within the selection."""
    kept(url, [record(3, at=1.0, model=ONE), record(2, at=2.0, model=OTHER), record(at=3.0, model=ONE)])
    with reading(url) as connection:
        assert predicted(connection, Selection()) == {ONE: 4, OTHER: 2}
        assert predicted(connection, Selection(model=ONE, since=2.0)) == {ONE: 1}
        assert predicted(connection, Selection(since=9.0)) == {}


def test_the_rows_beside_have_no_truth_and_are_of_the_same_moments(url: str) -> None:
    """Each record once, those straight after a time, without the rows that have a truth."""
    told, mixed = record(at=1.0), record(3, at=1.5)
    late = [record(at=1000.0 + i, features='{"x": [99]}') for i in range(9)]
    kept(url, [told, mixed, *late], [("bob", Truth(told.id, 1)), ("bob", Truth(f"{mixed.id}.1", 2))])
    found = beside(url, [0.5, 0.5, 0.9], until=1000.0)
    assert (found.features, found.scores) == ({"x": [0, 2]}, [0.0, 2.0])
    assert len(beside(url, [0.5])) == 3
    assert len(beside(url, [])) == len(beside(url, [2000.0])) == len(beside(url, [-3600.0])) == 0


def test_a_large_batch_gives_some_of_its_rows_to_the_sample(sqlite: str) -> None:
    """Spread over it, so that one client's batch is not the whole sample."""
    kept(sqlite, [record(1_000, at=1.0)])
    found = beside(sqlite, [0.0])
    assert found.features["x"] == list(range(0, 1_000, 50))


def test_memory_is_that_of_the_rows_asked_for(url: str) -> None:
    """Of records of a megabyte, a few at a time are held; the features of rows without a truth are let go."""
    text = "y" * 1_000
    records = [record(500, at=float(i), features=json.dumps({"x": [text] * 500})) for i in range(100)]
    kept(url, records, [("bob", Truth(f"{one.id}.7", 1)) for one in records])
    tracemalloc.start()
    try:
        with reading(url) as connection:
            assert len(joined(connection, Selection(), 10_000)) == 100
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 25e6
