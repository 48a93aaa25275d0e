"""Tiny seeded tables of all three kinds, with categories, booleans, integers, gaps, and rows that stand twice."""

import numpy as np
import pytest
from tests.tiny import KINDS, Kind, coded

from hearth.training.table import Table


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    """What is predicted: a number, one of two classes, one of three."""
    chosen: Kind = request.param
    return chosen


@pytest.fixture
def table(kind: Kind) -> Table:
    """Ninety rows, no two with equal features."""
    return coded(kind)


@pytest.fixture
def doubled(table: Table) -> Table:
    """The table with a third of its rows once more, in between and at the end."""
    return table.take(np.concatenate([np.arange(40), np.arange(0, 30, 2), np.arange(40, len(table)), np.arange(75, 90)]))
