"""Which predictions truths came back for."""

from dataclasses import replace

import numpy as np
from tests.bundles import Tiny
from tests.monitoring.made import Rows, joined

from hearth.bundle.drift import Thresholds
from hearth.monitoring.returned import returned
from hearth.monitoring.truths import Truths, read

THRESHOLDS = Thresholds()


def some(rows: Rows, keep: list[int]) -> Rows:
    """Some of the rows, in features and answers."""
    features = {name: [column[i] for i in keep] for name, column in rows.features.items()}
    return replace(rows, features=features, scores=[rows.scores[i] for i in keep])


def test_rows_like_any_others_do_not_differ(tiny: Tiny) -> None:
    """And the share of those that came back is told."""
    truths = read(tiny.bundle.contract, joined(tiny, 300, 1))
    found = returned(truths, 1_200, joined(tiny, 400, 2), THRESHOLDS)
    assert (found.rows, found.predicted, found.share, found.compared) == (300, 1_200, 0.25, 400)
    assert found.differing == ()


def test_truths_that_come_back_for_some_rows_only_are_told(tiny: Tiny) -> None:
    """Here only for large ones: the column is named."""
    rows = joined(tiny, 600, 3)
    large = [i for i, size in enumerate(rows.features["size"]) if isinstance(size, float) and size > 5]
    truths = read(tiny.bundle.contract, joined(tiny, 600, 3)).take(np.array(large))
    found = returned(truths, 600, some(rows, [i for i in range(600) if i not in large]), THRESHOLDS)
    assert found.differing[0] == "size"


def test_few_rows_are_not_compared(regression: Tiny, honest: Truths) -> None:
    """On either side."""
    assert returned(honest, 400, joined(regression, 49), THRESHOLDS).compared == 0
    assert returned(honest.take(np.arange(49)), 400, joined(regression, 300), THRESHOLDS).compared == 0
    nothing = returned(honest.take(np.arange(0)), 0, joined(regression, 0), THRESHOLDS)
    assert (nothing.rows, nothing.share, nothing.compared) == (0, 0.0, 0)


def test_answers_of_another_kind_are_not_compared(binary: Tiny, honest: Truths) -> None:
    """A store may hold those of a model before."""
    assert returned(honest, 400, joined(binary, 300), THRESHOLDS).compared == 0
