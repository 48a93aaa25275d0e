"""Which rows are held out, and the folds. Rows with equal features stay together, so that no copy sits on both sides."""

import hashlib

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold, train_test_split

from hearth.bundle.transform import Matrix
from hearth.errors import DataError
from hearth.training.folds import Folds
from hearth.training.table import Rows, Table


def groups(table: Table) -> Rows:
    """The group of each row, numbered by first appearance: rows with equal features, gaps included, share one."""
    _, first, inverse = np.unique(_contents(table.x), return_index=True, return_inverse=True)
    order = np.empty(len(first), dtype=np.intp)
    order[np.argsort(first, kind="stable")] = np.arange(len(first))
    return order[inverse.reshape(-1)]


def holdout(table: Table, test_size: float, seed: int, appended: int = 0) -> tuple[Rows, Rows]:
    """Training and test rows, each ascending; stratified for a classification.

    The last ``appended`` rows joined the others, which are split as if they stood alone. A row that joined is on the side of
    its copy among those, or else on one that the seed and its own values decide: no row changes sides when others join later.

    Raises:
        DataError: a class has too few rows, or too few distinct rows are there to split.
    """
    group = groups(table)
    alone = np.arange(len(table) - appended)
    count, labels = group[alone].max() + 1, _labels(table.take(alone), group[alone])
    try:
        _, test = train_test_split(np.arange(count), test_size=test_size, random_state=seed, stratify=labels)
    except ValueError as error:
        raise DataError(f"the table cannot be split with prepare.test_size {test_size:g}: {error}") from error
    _, first = np.unique(group, return_index=True)
    tested = np.zeros(len(first), dtype=bool)
    tested[test] = True
    tested[count:] = _drawn(table.x[first[count:]], seed) < test_size
    return np.flatnonzero(~tested[group]), np.flatnonzero(tested[group])


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


def sampled(table: Table, most: int, folds: int, seed: int) -> Rows:
    """Rows that stand for all, ascending: about ``most`` of more, drawn from the seed, of each class its share.

    Of each class, or of a regression in all, the first of so many distinct rows as there are ``folds`` are among them: what can
    be put into folds stays so. Copies are drawn each for itself, and those that are drawn share a fold like any.
    """
    if len(table) <= most:
        return np.arange(len(table))
    rng = np.random.default_rng(seed)
    kind = table.y if table.contract.target.task == "classification" else np.zeros(len(table))
    _, first = np.unique(groups(table), return_index=True)
    chosen = []
    for code in np.unique(kind):
        needed = rng.permutation(first[kind[first] == code])[:folds]
        others = rng.permutation(np.setdiff1d(np.flatnonzero(kind == code), needed))
        share = round(most * np.count_nonzero(kind == code) / len(table))
        chosen += [needed, others[: max(0, share - len(needed))]]
    return np.sort(np.concatenate(chosen))


def _labels(table: Table, group: Rows) -> NDArray[np.float64] | None:
    """The class of each group: that of its first row; none for a regression."""
    if table.contract.target.task == "regression":
        return None
    _, first = np.unique(group, return_index=True)
    return table.y[first]


def _contents(x: Matrix) -> NDArray[np.void]:
    """The bytes of each row, since NaN is never equal to itself; one NaN, one zero."""
    same = np.ascontiguousarray(np.where(np.isnan(x), np.nan, x + 0.0), dtype="<f8")
    return same.view(np.dtype((np.void, same.itemsize * same.shape[1]))).ravel()


def _drawn(x: Matrix, seed: int) -> NDArray[np.float64]:
    """A number in [0, 1) for each row, of the seed and the row's values alone: the first 48 bits of a SHA-256."""
    sums = [hashlib.sha256(f"{seed}:".encode() + content.tobytes()).digest() for content in _contents(x)]
    return np.array([int.from_bytes(one[:6], "big") for one in sums], dtype=np.float64) / 2**48
