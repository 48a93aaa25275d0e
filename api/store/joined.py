"""Predictions joined with their truths, for commands; and, beside them, predictions of the same moments without a truth."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, exists, func, select

from api.store.reading import Scalar, Score, decode_features, decode_scores
from api.store.tables import feedback, predictions

Actual = float | str | bool
AT_ONCE = 20  # records in memory as text: one may be a megabyte
ANCHORS, NEIGHBOURS, SPREAD = 200, 3, 20  # of the sample without truths: moments, records at each, rows of each record at most
NEAR = 3_600.0  # seconds that a moment lasts: of a model that is rarely asked nothing is looked for in all that came later

_actual = msgspec.json.Decoder(float | str | bool).decode
_Record = Row[tuple[str, float, str, str, int, str, str]]
_Told = Mapping[int, tuple[Actual, float, str]]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which predictions; None is no bound.

    Of a ``model``'s digest, made from ``since`` on and before ``until`` (unix seconds), asked for by ``key``, with a truth from
    the key ``teller``.
    """

    model: str | None = None
    since: float | None = None
    until: float | None = None
    key: str | None = None
    teller: str | None = None

    @property
    def of_predictions(self) -> list[ColumnElement[bool]]:
        """The conditions on a prediction, whether or not it has a truth."""
        columns = predictions.c
        equal = ((columns.model, self.model), (columns.key, self.key))
        conditions = [column == value for column, value in equal if value is not None]
        since = [] if self.since is None else [columns.at >= self.since]
        until = [] if self.until is None else [columns.at < self.until]
        return [*conditions, *since, *until]

    @property
    def of_truths(self) -> list[ColumnElement[bool]]:
        """The conditions on a truth."""
        return [] if self.teller is None else [feedback.c.key == self.teller]


@dataclass(frozen=True, slots=True)
class Joined:
    """Predicted rows and their truths, oldest prediction first; every column has an entry a row.

    ``records`` and ``rows`` say which row it is, ``at`` when it was predicted (unix seconds), ``models`` by which bundle,
    ``askers`` for which key; ``tellers`` which key told the truth, ``told`` when. ``features`` are the values as they were
    asked, by column; ``scores`` a number a row, or a probability for each class; ``actual`` is the truth.
    """

    records: list[str] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    askers: list[str] = field(default_factory=list)
    tellers: list[str] = field(default_factory=list)
    told: list[float] = field(default_factory=list)
    features: dict[str, list[Scalar]] = field(default_factory=dict)
    scores: list[Score] = field(default_factory=list)
    actual: list[Actual] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True)
class Untold:
    """Predicted rows whose truth did not come back; columns as in ``Joined``."""

    features: dict[str, list[Scalar]] = field(default_factory=dict)
    scores: list[Score] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.scores)


def predicted(connection: Connection, selection: Selection) -> dict[str, int]:
    """Rows predicted, with a truth or without, by the model's digest; counted on an index alone."""
    by_model = select(predictions.c.model, func.sum(predictions.c.rows)).where(*selection.of_predictions)
    return {one[0]: int(one[1]) for one in connection.execute(by_model.group_by(predictions.c.model))}


def joined(connection: Connection, selection: Selection, most: int) -> Joined:
    """The newest ``most`` rows of a selection that have a truth; memory holds these, whatever the store does."""
    found = Joined()
    for record, told in _with_truths(connection, selection):
        _add(found, record, dict(sorted(told.items(), reverse=True)[: most - len(found)]))
        if len(found) == most:
            break
    for column in (*found.features.values(), *(getattr(found, one.name) for one in fields(found) if one.name != "features")):
        column.reverse()
    return found


def untold(connection: Connection, selection: Selection, beside: Sequence[float]) -> Untold:
    """Rows without a truth that were predicted straight after some of the times ``beside``, which ascend.

    Those of the same moments, and not of all the store: whether truths come back for rows like any others is then not mixed
    up with what changed meanwhile, or with truths that are still to come.
    """
    step = -(-len(beside) // ANCHORS) or 1
    found, seen = Untold(), set[str]()
    for at in beside[::step]:
        for record, rows in _without_truths(connection, selection, at):
            if record.id not in seen:
                seen.add(record.id)
                _add_row_values(found, record, rows)
    return found


def _without_truths(connection: Connection, selection: Selection, after: float) -> Iterator[tuple[_Record, Sequence[int]]]:
    """The records that follow a time, and up to ``SPREAD`` of the rows of each that have no truth."""
    near = predictions.c.at > after, predictions.c.at <= after + NEAR
    found = select(predictions).where(*selection.of_predictions, *near).order_by(predictions.c.at).limit(NEIGHBOURS)
    records = connection.execute(found).all()
    truths = _truths(connection, [one.id for one in records], [])
    for record in records:
        rows = [row for row in range(record.rows) if row not in truths[record.id]]
        yield record, rows[:: -(-len(rows) // SPREAD) or 1]


def _with_truths(connection: Connection, selection: Selection) -> Iterator[tuple[_Record, _Told]]:
    """Each record that has one, newest first, with the truths of its rows."""
    told = exists().where(feedback.c.prediction == predictions.c.id, *selection.of_truths)
    newest_first = (predictions.c.at.desc(), predictions.c.id.desc())
    found = select(predictions).where(*selection.of_predictions, told).order_by(*newest_first)
    with connection.execute(found, execution_options={"yield_per": AT_ONCE}) as records:
        for some in records.partitions():
            truths = _truths(connection, [one.id for one in some], selection.of_truths)
            yield from ((one, truths[one.id]) for one in some)


def _truths(connection: Connection, ids: Sequence[str], of: Sequence[ColumnElement[bool]]) -> Mapping[str, _Told]:
    """Truths by record and row; nothing under a record that has none."""
    found: defaultdict[str, dict[int, tuple[Actual, float, str]]] = defaultdict(dict)
    for one in connection.execute(select(feedback).where(feedback.c.prediction.in_(ids), *of)):
        found[one.prediction][one.row] = (_actual(one.actual), one.at, one.key)
    return found


def _add(found: Joined, record: _Record, told: _Told) -> None:
    """Add the rows of one record whose truths these are."""
    count = len(told)
    _add_row_values(found, record, list(told))
    found.records.extend([record.id] * count)
    found.rows.extend(told)
    found.at.extend([record.at] * count)
    found.models.extend([record.model] * count)
    found.askers.extend([record.key] * count)
    for actual, at, key in told.values():
        found.tellers.append(key)
        found.told.append(at)
        found.actual.append(actual)


def _add_row_values(found: Joined | Untold, record: _Record, rows: Sequence[int]) -> None:
    """Add features and scores of some rows of a record; a column that it lacks, or that those before lack, is None there."""
    before, features = len(found.scores), decode_features(record.features)
    for name in features:
        if name not in found.features:
            found.features[name] = [None] * before
    for name, column in found.features.items():
        values = features.get(name)
        column.extend([None] * len(rows) if values is None else [values[row] for row in rows])
    scores = decode_scores(record.scores)
    found.scores.extend(scores[row] for row in rows)
