"""What is asked of the store: counts for the watchers, a window for drift."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, case, func, select, true

from api.store.tables import feedback, predictions
from api.store.upkeep import DAY

Scalar = float | int | str | bool | None
Score = float | list[float]
HOUR = 3_600

decode_features = msgspec.json.Decoder(dict[str, list[Scalar]]).decode
decode_scores = msgspec.json.Decoder(list[Score]).decode


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows predicted in the last hour and the last day, those of the day by name of the key, and truths that are stored."""

    last_hour: int
    last_day: int
    keys: dict[str, int]
    feedback: int


@dataclass(frozen=True, slots=True)
class Window:
    """The newest rows, oldest first.

    Every column of ``features`` and ``scores`` have ``rows`` entries; where a record lacks a column that another has, it is
    None. ``since`` and ``until`` are the times, in unix seconds, of the first and the last record, ``first`` and ``last`` their
    ids.
    """

    rows: int
    features: dict[str, list[Scalar]]
    scores: list[Score]
    since: float | None
    until: float | None
    first: str | None
    last: str | None


def counts(connection: Connection) -> Counts:
    """Count on the indexes alone."""
    now = time.time()
    rows = predictions.c.rows
    hour = func.sum(case((predictions.c.at >= now - HOUR, rows), else_=0))
    by_key = select(predictions.c.key, func.sum(rows), hour).where(predictions.c.at >= now - DAY).group_by(predictions.c.key)
    found = connection.execute(by_key.order_by(predictions.c.key)).all()
    truths = connection.execute(select(func.count()).select_from(feedback)).scalar_one()
    return Counts(
        last_hour=sum(int(one[2]) for one in found),
        last_day=sum(int(one[1]) for one in found),
        keys={one[0]: int(one[1]) for one in found},
        feedback=truths,
    )


def newest(connection: Connection, rows: int, model: str | None, among: ColumnElement[bool] | None = None) -> Window:
    """The newest ``rows`` rows, of ``model`` or of all, ``among`` some records or all; fewer where there are fewer."""
    of = and_(true() if model is None else predictions.c.model == model, true() if among is None else among)
    newest_first = select(predictions.c.at, predictions.c.rows).where(of).order_by(predictions.c.at.desc()).limit(rows)
    needed, until = _needed([(row.at, row.rows) for row in connection.execute(newest_first)], rows)
    whole = select(predictions).where(of, predictions.c.at <= until).order_by(predictions.c.at.desc(), predictions.c.id.desc())
    records = list(reversed(connection.execute(whole.limit(needed)).all())) if needed else []
    columns = [decode_features(one.features) for one in records]
    scores = list(chain.from_iterable(decode_scores(one.scores) for one in records))[-rows:]
    return Window(
        rows=len(scores),
        features=_joined(columns, [one.rows for one in records], rows),
        scores=scores,
        since=records[0].at if records else None,
        until=records[-1].at if records else None,
        first=records[0].id if records else None,
        last=records[-1].id if records else None,
    )


def _needed(found: Sequence[tuple[float, int]], rows: int) -> tuple[int, float]:
    """How many of the newest records hold ``rows`` rows, and the time of the newest of them: a record may be a megabyte."""
    total = 0
    for count, (_, size) in enumerate(found, start=1):
        total += size
        if total >= rows:
            return count, found[0][0]
    return len(found), found[0][0] if found else 0.0


def _joined(columns: Sequence[dict[str, list[Scalar]]], sizes: Sequence[int], rows: int) -> dict[str, list[Scalar]]:
    """The last ``rows`` values of each column, records one after the other."""
    names = dict.fromkeys(chain.from_iterable(columns))
    joined: dict[str, list[Scalar]] = {}
    for name in names:
        missing: list[list[Scalar]] = [[None] * size for size in sizes]
        parts = [one.get(name, empty) for one, empty in zip(columns, missing, strict=True)]
        joined[name] = list(chain.from_iterable(parts))[-rows:]
    return joined
