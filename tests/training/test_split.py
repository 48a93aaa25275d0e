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
from hearth.training.split import groups, holdout, repeated_folds, sampled
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


def sides(table: Table, appended: int) -> list[bool]:
    """Whether each row is a test row."""
    _, test = holdout(table, 0.25, 7, appended)
    tested = set(test.tolist())
    return [row in tested for row in range(len(table))]


@given(FEW, hnp.arrays(np.float64, st.tuples(st.integers(0, 40), st.just(2)), elements=CELLS), st.integers(0, 40))
def test_a_row_keeps_its_side_when_others_join(x: Matrix, later: Matrix, number: int) -> None:
    """The table is split as it was alone; what joined is split as it was when less had joined; no copy is on both sides."""
    if groups(bare(x)).max() < 4:
        return
    whole, some = bare(np.vstack([x, later])), bare(np.vstack([x, later[:number]]))
    tested = sides(whole, len(later))
    assert tested[: len(x)] == sides(bare(x), 0)
    assert tested[: len(some)] == sides(some, len(some) - len(x))
    split = [np.flatnonzero(np.array(tested) == side) for side in (False, True)]
    assert not rows_of(whole, split[0]) & rows_of(whole, split[1])


@pytest.mark.parametrize("most", [90, 1000])
def test_a_table_within_the_bound_is_taken_whole(table: Table, most: int) -> None:
    """Every row, in its order."""
    np.testing.assert_array_equal(sampled(table, most, 5, 0), np.arange(90))


def test_of_a_larger_table_a_seeded_sample_is_taken(kind: Kind) -> None:
    """As many distinct rows as asked for, ascending, of each class its share; the seed draws them."""
    table = coded(kind, rows=900)
    rows = sampled(table, 300, 5, 1)
    assert abs(len(rows) - 300) <= 1  # the shares of classes are rounded
    assert np.all(np.diff(rows) > 0)
    np.testing.assert_array_equal(rows, sampled(table, 300, 5, 1))
    assert 60 < len(np.intersect1d(rows, sampled(table, 300, 5, 2))) < 140
    if kind != "regression":
        shares = [np.bincount(y.astype(np.intp)) / len(y) for y in (table.y, table.y[rows])]
        np.testing.assert_allclose(shares[0], shares[1], atol=0.005)


def test_a_rare_class_of_which_folds_can_be_made_stays_so() -> None:
    """Of 5 distinct rows among 1000 a share would be none; all are kept, though others of them repeat."""
    table = coded("multiclass", rows=1000)
    rare = np.arange(1000) % 200 == 3
    table = replace(table, y=np.where(rare, 2.0, np.minimum(table.y, 1.0)))
    table = table.take(np.concatenate([np.arange(1000), np.flatnonzero(rare)[[0, 0, 0]]]))
    rows = sampled(table, 100, 5, 0)
    assert np.count_nonzero(table.y[rows] == 2) == 5
    assert abs(len(rows) - 100) <= 5
    assert repeated_folds(table.take(rows), 5, 2, 0).max() == 4


@given(FEW, st.integers(0, 99))
def test_a_sample_of_rows_that_repeat_can_be_put_into_folds(x: Matrix, seed: int) -> None:
    """Where the whole table can; copies that are drawn share a fold, and no row is drawn twice."""
    table = bare(x)
    if groups(table).max() < 2:
        return
    rows = sampled(table, 12, 3, seed)
    assert len(np.unique(rows)) == len(rows) == 12
    part = table.take(rows)
    for train, valid in pairs(repeated_folds(part, 3, 2, seed)):
        assert not rows_of(part, train) & rows_of(part, valid)


@given(st.permutations(range(30)))
def test_the_order_in_which_rows_join_decides_nothing(order: list[int]) -> None:
    """A row's side is a matter of its values."""
    x, later = np.arange(20.0)[:, None], np.arange(100.0, 130.0)[:, None]
    straight = sides(bare(np.vstack([x, later])), 30)[20:]
    assert sides(bare(np.vstack([x, later[order]])), 30)[20:] == [straight[i] for i in order]


def test_of_what_joins_the_share_asked_for_is_tested() -> None:
    """Of many rows, a quarter by the seed; another seed draws others."""
    whole = bare(np.random.default_rng(0).normal(size=(4100, 2)))
    drawn = [np.isin(np.arange(100, 4100), holdout(whole, 0.25, seed, 4000)[1]) for seed in (1, 2)]
    assert all(0.22 < one.mean() < 0.28 for one in drawn)  # 4 standard errors
    assert 0.3 < (drawn[0] != drawn[1]).mean() < 0.45  # 2 x 0.25 x 0.75 of draws that know nothing of each other


@pytest.mark.parametrize("number", [0, 7])
def test_rows_join_each_kind_of_table(table: Table, number: int) -> None:
    """The rows of the table are split as without those that join, classes stratified."""
    whole = Table(table.contract, np.vstack([table.x, table.x[:number] + 1.0]), np.r_[table.y, table.y[:number]])
    alone, joined = holdout(table, 0.2, 3), holdout(whole, 0.2, 3, number)
    for one, other in zip(alone, joined, strict=True):
        np.testing.assert_array_equal(other[other < len(table)], one)


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
