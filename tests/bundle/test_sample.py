import numpy as np
import pytest

from hearth.bundle.sample import spread


@pytest.mark.parametrize(("rows", "most"), [(10, 4), (10, 10), (3, 8), (1, 1), (1000, 7)])
def test_rows_are_spread_evenly(rows: int, most: int) -> None:
    """Positions ascend in equal steps, at most one apart, and are no more than asked for."""
    found = spread(rows, most)
    steps = np.diff(found)
    assert len(found) == min(rows, most)
    assert found[0] == 0
    assert found[-1] == (rows - 1 if most > 1 else 0)
    assert len(steps) == 0 or steps.max() - steps.min() <= 1
