"""Folds as data: made once by ``prepare``, the same for every experiment."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hearth.errors import DataError
from hearth.training.table import Rows, Table, read, read_contract

# (repeats, n): the fold in which each row is validated.
Folds = NDArray[np.int16]


def pairs(folds: Folds) -> Iterator[tuple[Rows, Rows]]:
    """The training and validation rows of every fold of every repeat, each ascending."""
    for assigned in folds:
        for fold in range(int(assigned.max()) + 1):
            valid = assigned == fold
            yield np.flatnonzero(~valid), np.flatnonzero(valid)


def save(folds: Folds, path: Path) -> None:
    """Write folds as a numpy array."""
    np.save(path, folds, allow_pickle=False)


def load(path: Path) -> Folds:
    """Read what ``save`` wrote: the first repeat is for searches, the others score what they found.

    Raises:
        DataError: the file is missing or holds no array.
    """
    try:
        folds: Folds = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path} cannot be read: {error}. Run the stage that writes it: dvc repro.") from error
    return folds


def training_rows(folder: Path) -> tuple[Table, Folds]:
    """The rows that ``prepare`` kept for training, and their folds.

    Raises:
        DataError: a file is missing or is not what its name says.
    """
    return read(folder / "train.parquet", read_contract(folder)), load(folder / "folds.npy")
