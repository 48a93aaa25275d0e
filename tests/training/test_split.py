"""The split and the folds: stratified, and with no row on both sides of either."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold, train_test_split
from tests.tiny import Kind, coded

from hearth.bundle.transform import Matrix
from hearth.errors import DataError
from hearth.schema import Contract, Feature, Target
from hearth.training.folds import pairs
from hearth.training.split import groups, holdout, repeated_folds
from hearth.training.table import Rows, Table

# Few values, so that rows repeat; NaN is one of them.
CELLS = st.sampled_from([0.0, -0.0, 1.0, 2.0, 3.0, np.nan])
FEW = hnp.arrays(np.float64, st.tuples(st.integers(24, 60), st.just(2)), elements=CELLS)


def bare(x: Matrix) -> Table:
    """A table of plain numbers."""
    features = tuple(Feature(name=f"f{i}", type="number", required=False) for i in range(x.shape[1]))
    return Table(Contract(target=Target(name="y", task="regression"), features=features), x, np.zeros(len(x)))


def rows_of(table: Table, rows: Rows) -> set[bytes]:
    """Each distinct row of features."""
    return {(table.x[row] + 0.0).tobytes() for row in rows}


@given(FEW)
def test_groups_are_numbered_by_first_appearance(x: Matrix) -> None:
    """Rows with equal features, gaps included, share a number, and new numbers count up."""
    seen: dict[str, int] = {}
    expected = [seen.setdefault(str((row + 0.0).tolist()), len(seen)) for row in x]
    np.testing.assert_array_equal(groups(bare(x)), expected)


@given(FEW, st.integers(0, 99))
def test_no_row_is_on_both_sides_of_the_split(x: Matrix, seed: int) -> None:
    """Copies of a row are all trained on or all tested, and every row is one of the two."""
    table = bare(x)
    if groups(table).max() < 4:
        return
    train, test = holdout(table, 0.25, seed)
    np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(len(x)))
    assert not rows_of(table, train) & rows_of(table, test)


@given(FEW, st.integers(0, 99))
def test_no_row_is_on_both_sides_of_a_fold(x: Matrix, seed: int) -> None:
    """Copies of a row are all trained on or all validated, in every fold of every repeat."""
    table = bare(x)
    if groups(table).max() < 2:
        return
    for train, valid in pairs(repeated_folds(table, 3, 2, seed)):
        assert not rows_of(table, train) & rows_of(table, valid)


def test_copies_stay_together_in_each_kind_of_table(doubled: Table) -> None:
    """Rows that stand twice straddle neither the split nor a fold, stratified or not."""
    sides = [holdout(doubled, 0.2, 3), *pairs(repeated_folds(doubled, 4, 3, 3))]
    assert len(rows_of(doubled, np.arange(len(doubled)))) < len(doubled)
    for train, other in sides:
        assert not rows_of(doubled, train) & rows_of(doubled, other)


@pytest.mark.parametrize("seed", [0, 42])
def test_without_copies_the_split_is_that_of_scikit_learn(kind: Kind, table: Table, seed: int) -> None:
    """Where no row stands twice the rows of each side are those of ``train_test_split``."""
    labels = None if kind == "regression" else table.y
    expected = train_test_split(np.arange(len(table)), test_size=0.2, random_state=seed, stratify=labels)
    for ours, theirs in zip(holdout(table, 0.2, seed), expected, strict=True):
        np.testing.assert_array_equal(ours, np.sort(theirs))


@pytest.mark.parametrize("folds", [2, 5])
def test_without_copies_the_folds_are_those_of_scikit_learn(kind: Kind, table: Table, folds: int) -> None:
    """Where no row stands twice the folds are those of ``RepeatedKFold``, stratified for a classification."""
    splitter = RepeatedKFold if kind == "regression" else RepeatedStratifiedKFold
    expected = list(splitter(n_splits=folds, n_repeats=3, random_state=7).split(table.x, table.y))
    ours = list(pairs(repeated_folds(table, folds, 3, 7)))
    assert len(ours) == len(expected)
    for mine, theirs in zip(ours, expected, strict=True):
        np.testing.assert_array_equal(mine[0], theirs[0])
        np.testing.assert_array_equal(mine[1], theirs[1])


@given(st.integers(0, 999))
def test_classes_keep_their_shares(seed: int) -> None:
    """Each class is spread over the folds and the split as evenly as whole rows allow."""
    table = coded("multiclass").take(np.r_[0:60])
    counts = np.bincount(table.y.astype(int))
    _, test = holdout(table, 0.25, seed)
    assert (abs(np.bincount(table.y[test].astype(int), minlength=3) - counts / 4) <= 1).all()
    for _, valid in pairs(repeated_folds(table, 4, 1, seed)):
        assert (abs(np.bincount(table.y[valid].astype(int), minlength=3) - counts / 4) <= 1).all()


def test_a_seed_fixes_split_and_folds(doubled: Table) -> None:
    """The same seed gives the same rows, another one others."""
    np.testing.assert_array_equal(holdout(doubled, 0.2, 1)[1], holdout(doubled, 0.2, 1)[1])
    np.testing.assert_array_equal(repeated_folds(doubled, 3, 2, 1), repeated_folds(doubled, 3, 2, 1))
    assert set(holdout(doubled, 0.2, 1)[1]) != set(holdout(doubled, 0.2, 2)[1])
    assert (repeated_folds(doubled, 3, 2, 1) != repeated_folds(doubled, 3, 2, 2)).any()


def test_repeats_differ(table: Table) -> None:
    """Each repeat deals the rows anew."""
    first, second = repeated_folds(table, 3, 2, 0)
    assert (first != second).any()


def test_too_few_distinct_rows_for_the_folds_are_refused() -> None:
    """Copies do not count: three distinct rows make no five folds."""
    with pytest.raises(DataError, match="5 folds need at least 5 distinct rows, there are 3"):
        repeated_folds(bare(np.tile(np.arange(3.0)[:, None], (10, 1))), 5, 1, 0)


def test_too_few_rows_of_a_class_are_refused() -> None:
    """The smallest class needs a row for every fold."""
    table = coded("multiclass")
    rows = np.r_[np.flatnonzero(table.y == 0), np.flatnonzero(table.y == 1), np.flatnonzero(table.y == 2)[:2]]
    with pytest.raises(DataError, match="3 distinct rows in the smallest class, there are 2"):
        repeated_folds(table.take(rows), 3, 1, 0)


def test_a_class_that_cannot_be_split_is_refused() -> None:
    """One row of a class cannot be on both sides of a stratified split."""
    table = coded("binary")
    with pytest.raises(DataError, match=r"cannot be split with prepare\.test_size 0\.2"):
        holdout(replace(table, y=np.r_[1.0, np.zeros(len(table) - 1)]), 0.2, 0)
