"""The domain classifier: it sees a lost relation, and seldom sees what is not there."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from hearth.monitoring.domain import auc, tell_apart

NAMES = ("a", "b", "c")


def related(seed: int, rows: int, relation: float) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    """Three normal columns, the first two with a correlation."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 3))
    x[:, 1] = relation * x[:, 0] + np.sqrt(1 - relation**2) * x[:, 1]
    return x


def test_a_lost_correlation_is_seen() -> None:
    """Each column alone is as it was; the two that were related are named."""
    found = tell_apart(NAMES, related(0, 300, 0.9), related(1, 120, -0.2), draws=19)
    assert found.auc > 0.7
    assert found.p_value == pytest.approx(1 / 20)
    assert set(found.leading[:2]) == {"a", "b"}


def test_the_same_world_is_none_that_can_be_told_apart() -> None:
    """The p-value is no small one, and few permutations tell so; the same rows give the same answer."""
    before, after = related(0, 200, 0.9), related(1, 80, 0.9)
    after[3, 2] = np.nan
    found = tell_apart(NAMES, before, after, draws=29)
    assert found.p_value > 0.05
    assert 0.35 < found.auc < 0.62
    again = tell_apart(NAMES, before, after, draws=29)
    assert (found.auc, found.p_value, found.odds.tolist()) == (again.auc, again.p_value, again.odds.tolist())


def test_odds_are_higher_where_the_window_is() -> None:
    """Reference rows like those of the window count for more."""
    before, after = related(0, 400, 0.0), related(1, 200, 0.0)
    after[:, 0] += 1.5
    odds = tell_apart(NAMES, before, after, draws=1).odds
    assert odds[before[:, 0] > 1].mean() > 4 * odds[before[:, 0] < -1].mean()
    assert len(odds) == 400


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.1, 0.2, 0.5, 0.9])), min_size=2))
def test_the_auc_is_that_of_scikit_learn(rows: list[tuple[bool, float]]) -> None:
    """Ties count half."""
    mine, said = np.array([float(one) for one, _ in rows]), np.array([score for _, score in rows])
    if 0 < mine.sum() < len(mine):
        assert auc(mine, said) == pytest.approx(roc_auc_score(mine, said))
