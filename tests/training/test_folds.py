"""Folds as data."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hearth.errors import DataError
from hearth.training.folds import Folds, load, pairs, save


@given(hnp.arrays(np.int16, st.tuples(st.integers(1, 3), st.integers(4, 12)), elements=st.integers(0, 3)))
def test_pairs_part_the_rows_of_each_repeat(assigned: Folds) -> None:
    """In each fold a row is either trained on or validated, and validated in the one fold that it is assigned to."""
    each = list(pairs(assigned))
    assert len(each) == sum(int(repeat.max()) + 1 for repeat in assigned)
    for train, valid in each:
        np.testing.assert_array_equal(np.sort(np.concatenate([train, valid])), np.arange(assigned.shape[1]))
    start = 0
    for repeat in assigned:
        for fold in range(int(repeat.max()) + 1):
            np.testing.assert_array_equal(repeat[each[start + fold][1]], fold)
        start += int(repeat.max()) + 1


def test_saved_folds_are_loaded_again(tmp_path: Path) -> None:
    """The array comes back as it was, of the same type."""
    assigned = np.array([[0, 1, 2], [2, 0, 1]], dtype=np.int16)
    save(assigned, tmp_path / "folds.npy")
    again = load(tmp_path / "folds.npy")
    assert again.dtype == np.int16
    np.testing.assert_array_equal(again, assigned)


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    """An array of Python objects is refused unread."""
    path = tmp_path / "folds.npy"
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"folds\.npy cannot be read"):
        load(path)


@pytest.mark.parametrize("content", [None, b"", b"no array", b"\x93NUMPY\x01\x00"])
def test_what_is_no_array_is_refused_by_name(content: bytes | None, tmp_path: Path) -> None:
    """Folds that are missing, empty or broken name their file and the way out."""
    path = tmp_path / "folds.npy"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"folds\.npy cannot be read.*dvc repro"):
        load(path)
