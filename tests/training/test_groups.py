"""Groups of rows that are measured apart."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from tests.tiny import coded

from hearth.params import GroupParams
from hearth.schema import Feature
from hearth.training.evaluation import Group
from hearth.training.groups import grouped
from hearth.training.metrics import metrics
from hearth.training.table import Table, Vector


def by(expression: str, table: Table, repeats: Sequence[Vector]) -> tuple[Group, ...]:
    """The groups that an expression makes of a table."""
    return tuple(grouped(table, repeats, [GroupParams(expression=expression, above="more", rest="less")]))


def test_each_side_is_measured_by_its_own_rows_and_a_gap_is_not_above() -> None:
    """The mean over the repeats of the metrics of those rows alone; the two sides are all rows."""
    table = coded("regression")
    a, noise = table.x[:, 0], np.random.default_rng(0).normal(size=(2, len(table)))
    assert np.isnan(a).any()
    repeats = [table.y + one for one in noise]
    more, less = by("a - 0.5", table, repeats)
    for group, rows in ((more, a > 0.5), (less, ~(a > 0.5))):
        each = [metrics("regression", table.y[rows], one[rows]) for one in repeats]
        assert group.rows == rows.sum()
        assert group.scores["rmse"] == pytest.approx(np.mean([one["rmse"] for one in each]))
    assert (more.name, more.rule, less.rule) == ("more", "a - 0.5 > 0", "the others")


def test_derived_features_can_make_groups_and_a_group_without_rows_is_left_out() -> None:
    """As the contract computes them."""
    table = coded("multiclass")
    derived = Feature(name="d", type="number", required=False, expression="c + 1")
    seen = Table(replace(table.contract, derived=(derived,)), table.x, table.y)
    shares = np.full((len(table), 3), 1 / 3)
    (group,) = by("d", seen, [shares])
    assert (group.name, group.rows) == ("more", len(table))
    assert group.scores["log_loss"] == pytest.approx(np.log(3))
