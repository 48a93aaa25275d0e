"""Which rows are held out, and the folds. Rows with equal features stay together, so that no copy sits on both sides."""

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold, train_test_split

from hearth.errors import DataError
from hearth.training.folds import Folds
from hearth.training.table import Rows, Table


def groups(table: Table) -> Rows:
    """The group of each row, numbered by first appearance: rows with equal features, gaps included, share one."""
    same = np.ascontiguousarray(np.where(np.isnan(table.x), np.nan, table.x + 0.0))  # one NaN, one zero
    rows = same.view(np.dtype((np.void, same.itemsize * same.shape[1]))).ravel()  # by bytes, since NaN is never equal
    _, first, inverse = np.unique(rows, return_index=True, return_inverse=True)
    order = np.empty(len(first), dtype=np.intp)
    order[np.argsort(first, kind="stable")] = np.arange(len(first))
    return order[inverse.reshape(-1)]


def holdout(table: Table, test_size: float, seed: int) -> tuple[Rows, Rows]:
    """Training and test rows, each ascending; stratified for a classification.

    Raises:
        DataError: a class has too few rows, or too few distinct rows are there to split.
    """
    group = groups(table)
    labels = _labels(table, group)
    try:
        train, test = train_test_split(np.arange(group.max() + 1), test_size=test_size, random_state=seed, stratify=labels)
    except ValueError as error:
        raise DataError(f"the table cannot be split with prepare.test_size {test_size:g}: {error}") from error
    return np.flatnonzero(np.isin(group, train)), np.flatnonzero(np.isin(group, test))


def repeated_folds(table: Table, folds: int, repeats: int, seed: int) -> Folds:
    """Repeated k-fold over the groups, stratified for a classification, shape (repeats, n).

    Where no row stands twice these are the folds of scikit-learn's RepeatedKFold in the table's order.

    Raises:
        DataError: fewer distinct rows, or rows of a class, than folds.
    """
    group = groups(table)
    count, labels = group.max() + 1, _labels(table, group)
    least = count if labels is None else np.bincount(labels.astype(np.intp)).min()
    if least < folds:
        where = "distinct rows" if labels is None else "distinct rows in the smallest class"
        raise DataError(f"{folds} folds need at least {folds} {where}, there are {least}: lower the folds or add rows")
    splitter = RepeatedKFold if labels is None else RepeatedStratifiedKFold
    splits = splitter(n_splits=folds, n_repeats=repeats, random_state=seed).split(np.zeros(count), labels)
    result = np.empty((repeats, count), dtype=np.int16)
    for i, (_, valid) in enumerate(splits):
        result[i // folds, valid] = i % folds
    return result[:, group]


def _labels(table: Table, group: Rows) -> NDArray[np.float64] | None:
    """The class of each group: that of its first row; none for a regression."""
    if table.contract.target.task == "regression":
        return None
    _, first = np.unique(group, return_index=True)
    return table.y[first]
