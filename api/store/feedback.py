"""Truths come in: each row has one, the first that was told."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from sqlalchemy import Connection, select

from api.store.records import Outcome, Row, Truth, actual_text, row_of
from api.store.statements import insert
from api.store.tables import feedback, predictions

_T = TypeVar("_T")
_AT_ONCE = 1_000  # names in one statement, well below SQLite's limit of variables


def keep_truths(connection: Connection, key: str, truths: Sequence[Truth]) -> list[Outcome]:
    """Store what is new, inside a transaction of the caller's, and say of each truth what became of it.

    Exact under concurrency: the primary key lets one truth in, and what it says afterwards decides. Of two truths for one
    row in the same call the first counts.
    """
    rows = _rows(connection, truths)
    told = [actual_text(one.actual) for one in truths]
    first: dict[Row, str] = {}
    for row, text in zip(rows, told, strict=True):
        if row is not None:
            first.setdefault(row, text)
    standing = _standing(connection, sorted(first))
    fresh = _insert(connection, key, {row: text for row, text in first.items() if row not in standing})
    standing |= {row: first[row] for row in fresh}
    standing |= _standing(connection, sorted(first.keys() - standing.keys()))  # somebody else was faster
    outcomes: list[Outcome] = []
    for row, text in zip(rows, told, strict=True):
        outcomes.append(_outcome(row, text, standing, new=row in fresh))
        fresh -= {row}  # stored once; told again in the same call it is the same
    return outcomes


def _outcome(row: Row | None, text: str, standing: Mapping[Row, str], *, new: bool) -> Outcome:
    if row is None or row not in standing:
        return "unknown"
    if standing[row] != text:
        return "conflict"
    return "stored" if new else "same"


def _rows(connection: Connection, truths: Sequence[Truth]) -> list[Row | None]:
    """Where each truth belongs, None where no such row is stored."""
    named = [row_of(one.id) for one in truths]
    sizes = _sizes(connection, sorted({name[0] for name in named if name is not None}))
    return [None if name is None else _row(*name, sizes.get(name[0], 0)) for name in named]


def _row(record: str, index: int | None, rows: int) -> Row | None:
    """The row of an id; a bare id names the only row of its record, and no row of a batch."""
    if index is None:
        return Row(record, 0) if rows == 1 else None
    return Row(record, index) if index < rows else None


def _sizes(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    """The rows of each record that is stored, held against deletion until the transaction ends; sorted ids never deadlock."""
    sizes: dict[str, int] = {}
    for some in _parts(ids):
        found = (
            select(predictions.c.id, predictions.c.rows)
            .where(predictions.c.id.in_(some))
            .order_by(predictions.c.id)
            .with_for_update(read=True, key_share=True)
        )
        sizes.update((row.id, row.rows) for row in connection.execute(found))
    return sizes


def _insert(connection: Connection, key: str, truths: Mapping[Row, str]) -> set[Row]:
    """Insert those that have no truth yet, in the order of their rows; returns them."""
    now = time.time()
    statement = insert(connection.dialect, feedback).on_conflict_do_nothing().returning(feedback.c.prediction, feedback.c.row)
    stored: set[Row] = set()
    for some in _parts(sorted(truths)):
        values = [
            {"prediction": row.prediction, "row": row.index, "actual": truths[row], "at": now, "key": key} for row in some
        ]
        stored.update(Row(found.prediction, found.row) for found in connection.execute(statement, values))
    return stored


def _standing(connection: Connection, rows: Sequence[Row]) -> dict[Row, str]:
    """The truths that rows, and perhaps some of their neighbours, already have."""
    standing: dict[Row, str] = {}
    for some in _parts(rows):
        ids, indexes = {row.prediction for row in some}, {row.index for row in some}
        where = feedback.c.prediction.in_(ids), feedback.c.row.in_(indexes)  # pairs would take PostgreSQL ten times as long
        found = connection.execute(select(feedback.c.prediction, feedback.c.row, feedback.c.actual).where(*where))
        standing.update((Row(one.prediction, one.row), one.actual) for one in found)
    return standing


def _parts(values: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for start in range(0, len(values), _AT_ONCE):
        yield values[start : start + _AT_ONCE]
