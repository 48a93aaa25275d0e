import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tests.bundles import CONTRACT, Matrix, Tiny, coded

from hearth.bundle import Predictor, Trained, read, write
from hearth.bundle.trained import trained_on
from hearth.errors import BundleError

NAMES = CONTRACT.names
NAN = float("nan")
SEEN = np.array([[2.0, 3.0, 1.0, 2.0, NAN], [7.5, NAN, 1.0, 0.0, NAN], [4.0, 5.0, NAN, NAN, NAN]])
TRAINED = Trained(CONTRACT, trained_on(CONTRACT, NAMES, SEEN))


def test_what_a_model_was_trained_on_is_ranges_and_values() -> None:
    """Of the named features alone; one that was always missing has no entry."""
    assert trained_on(CONTRACT, NAMES, SEEN) == {
        "size": {"min": 2.0, "max": 7.5},
        "count": {"min": 3.0, "max": 5.0},
        "old": {"values": [True]},
        "colour": {"values": ["red", "blue"]},
    }
    assert list(trained_on(CONTRACT, ("colour", "size"), SEEN)) == ["colour", "size"]


@pytest.mark.parametrize(
    ("row", "outside"),
    [
        ([2.0, 3.0, 1.0, 0.0, 1e9], []),
        ([7.5, 5.0, 1.0, 2.0, -1e9], []),
        ([7.6, 2.0, 0.0, 1.0, NAN], ["size", "count", "old", "colour"]),
        ([np.nextafter(2.0, 0), 4.0, NAN, NAN, NAN], ["size"]),
        ([NAN, NAN, NAN, NAN, NAN], []),
        ([3.0, 3.0, 1.0, 1.0, 0.0], ["colour"]),
    ],
)
def test_a_row_names_what_lies_outside(row: list[float], outside: list[str]) -> None:
    """The ends of a range lie inside, a missing value nowhere outside, nor does a feature without an entry."""
    assert TRAINED.outside(row) == outside


ROWS = hnp.arrays(
    np.float64,
    st.tuples(st.integers(0, 20), st.just(5)),
    elements=st.sampled_from([0.0, 1.0, 2.0, 3.0, 5.0, 7.5, 8.0, NAN]),
)


@given(ROWS)
def test_many_rows_are_judged_as_each_alone(x: Matrix) -> None:
    """The matrix has a column for each feature of the contract."""
    found = TRAINED.outside_rows(x)
    assert found.shape == x.shape
    assert [[NAMES[i] for i in np.flatnonzero(row)] for row in found] == [TRAINED.outside(row) for row in x.tolist()]


def test_the_training_rows_lie_inside(tiny: Tiny) -> None:
    """All of them, whatever the task; `old` is no feature of the model and never outside."""
    assert not tiny.predictor.trained.outside_rows(tiny.x).any()
    assert tiny.predictor.trained.outside([11.0, 0.0, 7.0, 0.0, 1e6]) == ["size", "depth"]


def test_a_bundle_from_disk_knows_what_it_was_trained_on(tiny: Tiny, tmp_path: Path) -> None:
    """To the last bit."""
    write(tiny.bundle, tmp_path / "b")
    again = Predictor(read(tmp_path / "b"))
    assert again.metadata["trained"] == tiny.bundle.metadata["trained"]
    x = coded(17, 300) * 1.05
    np.testing.assert_array_equal(again.trained.outside_rows(x), tiny.predictor.trained.outside_rows(x))
    assert again.trained.outside_rows(x).any()


def test_a_bundle_that_does_not_say_warns_of_nothing(regression: Tiny) -> None:
    """As bundles did before."""
    metadata = {key: value for key, value in regression.bundle.metadata.items() if key != "trained"}
    predictor = Predictor(dataclasses.replace(regression.bundle, metadata=metadata))
    assert predictor.trained.outside([1e9] * 5) == []
    assert not predictor.trained.outside_rows(np.full((3, 5), 1e9)).any()


@pytest.mark.parametrize(
    "entries",
    [
        {"size": 3},
        {"size": {"min": 1}},
        {"size": {"min": "a", "max": 2}},
        {"colour": {"values": ["pink"]}},
        {"old": {"min": 1}},
        [],
    ],
)
def test_an_entry_that_is_not_its_features_is_refused(regression: Tiny, entries: object) -> None:
    """The message names the file."""
    bundle = dataclasses.replace(regression.bundle, metadata={"trained": entries})
    with pytest.raises(BundleError, match=r"metadata\.json does not hold what it should: trained"):
        Predictor(bundle)
