"""Windows of predictions that were judged for drift. Each row is in one of them at most, so each is judged once."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Self

from sqlalchemy import ColumnElement, Connection, and_, false, or_, select

from api.store.reading import Window, newest
from api.store.statements import insert
from api.store.tables import drift_windows, predictions


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A window that was judged: of ``model``, from the record ``first`` to ``last``, ``rows`` rows of them.

    ``after`` is the last record of the window before, empty where there was none; ``since`` and ``until`` are the times of the
    first and the last record and ``at`` that of the verdict, in unix seconds; ``verdict`` is JSON.
    """

    model: str
    after: str
    first: str
    last: str
    since: float
    until: float
    rows: int
    at: float
    verdict: str

    @classmethod
    def of(cls, window: Window, before: "Judged | None", *, model: str, at: float, verdict: str) -> Self:
        """The judgement of a window that follows ``before``.

        Raises:
            ValueError: the window is empty.
        """
        if window.first is None or window.last is None or window.since is None or window.until is None:
            raise ValueError("a window without a record is none")
        return cls(
            model=model,
            after=before.last if before else "",
            first=window.first,
            last=window.last,
            since=window.since,
            until=window.until,
            rows=window.rows,
            at=at,
            verdict=verdict,
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """The window of a model that was judged last, and the rows since: ``window`` holds them once they are enough, else None."""

    judged: Judged | None
    pending: int
    window: Window | None


def standing(connection: Connection, model: str, rows: int, least: int) -> Standing:
    """How things stand with a model: the newest ``rows`` of the rows since the last window, where they are at least ``least``.

    ``pending`` counts no further than to ``rows`` or a little beyond. A record that is committed after the window was judged in
    whose time it falls is in none.
    """
    before = latest(connection, model)
    after = _after(before)
    mine = select(predictions.c.rows).where(predictions.c.model == model, after)
    sizes = connection.execute(mine.order_by(predictions.c.at.desc()).limit(rows)).scalars().all()
    pending = _until_enough(sizes, rows)
    window = newest(connection, rows, model, after) if pending >= max(least, 1) else None
    return Standing(before, pending, window)


def latest(connection: Connection, model: str) -> Judged | None:
    """The window of a model that was judged last."""
    columns = [drift_windows.c[field.name] for field in fields(Judged)]
    order = drift_windows.c.until.desc(), drift_windows.c.last.desc()
    found = connection.execute(select(*columns).where(drift_windows.c.model == model).order_by(*order).limit(1)).first()
    return None if found is None else Judged(**found._mapping)


def keep(connection: Connection, judged: Judged) -> Judged:
    """Store a judgement, in a transaction of the caller's, and return the one that stands.

    That is another where somebody else was faster. Where the window is forgotten already (retention), nothing is stored.
    """
    held = select(predictions.c.id).where(predictions.c.id == judged.last).with_for_update(read=True, key_share=True)
    if connection.execute(held).first() is None:
        return judged
    connection.execute(insert(connection.dialect, drift_windows).values(**asdict(judged)).on_conflict_do_nothing())
    return latest(connection, judged.model) or judged


def _after(before: Judged | None) -> ColumnElement[bool]:
    """Records that came after a window; all where there was none."""
    if before is None:
        return ~false()
    at = predictions.c.at
    return and_(at >= before.until, or_(at > before.until, predictions.c.id > before.last))


def _until_enough(sizes: Sequence[int], rows: int) -> int:
    total = 0
    for size in sizes:
        total += size
        if total >= rows:
            break
    return total
