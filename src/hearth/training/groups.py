"""The winner on groups of rows apart, which the settings declare by an expression."""

from collections.abc import Iterator, Sequence

import numpy as np

from hearth.bundle.decision import EVEN
from hearth.expressions import over
from hearth.params import GroupParams
from hearth.training.evaluation import Group
from hearth.training.metrics import metrics, summary
from hearth.training.table import Rows, Table, Vector


def grouped(
    table: Table, repeats: Sequence[Vector], declared: Sequence[GroupParams], threshold: float = EVEN
) -> Iterator[Group]:
    """Each group that has rows; ``repeats`` are answers to all rows out of fold, whose metrics are averaged.

    Of two classes the second is the label above ``threshold``.
    """
    columns = dict(zip(table.contract.columns, table.seen.T, strict=True))
    for group in declared:
        above = over(group.expression, table.contract, "card.groups")(columns) > 0  # what is not known is not above
        yield from _measured(table, repeats, group.above, f"{group.expression} > 0", np.flatnonzero(above), threshold)
        yield from _measured(table, repeats, group.rest, "the others", np.flatnonzero(~above), threshold)


def _measured(table: Table, repeats: Sequence[Vector], name: str, rule: str, rows: Rows, threshold: float) -> Iterator[Group]:
    if len(rows):
        task = table.contract.target.task
        scores = summary([metrics(task, table.y[rows], answers[rows], threshold) for answers in repeats])
        yield Group(name, rule, len(rows), {metric: figures["mean"] for metric, figures in scores.items()})
