import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tests.bundles import Matrix, Tiny, coded

from hearth.bundle.booster import as_scores, scores

MARGINS = st.floats(allow_nan=False, allow_infinity=False, width=32) | st.floats(-20, 20, width=32)


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_probabilities_are_those_of_xgboost(kind: str, request: pytest.FixtureRequest) -> None:
    """Which computes them in single precision."""
    tiny: Tiny = request.getfixturevalue(kind)
    fitted = tiny.bundle.transform
    columns = fitted.apply(coded(8, 500)[:, fitted.columns(tiny.bundle.contract)])
    said, theirs = scores(tiny.booster, columns, tiny.bundle.contract.target.outputs), tiny.booster.inplace_predict(columns)
    np.testing.assert_allclose(said[:, 1] if kind == "binary" else said, theirs, rtol=1e-6)


@given(hnp.arrays(np.float64, st.integers(1, 40), elements=MARGINS))
def test_two_classes_of_one_row_are_the_bits_of_many(margins: Matrix) -> None:
    """Probabilities that sum to 1, whatever the margin."""
    many = as_scores(margins, 2)
    assert many.shape == (len(margins), 2)
    assert ((many >= 0) & (many <= 1)).all()
    np.testing.assert_array_equal(many.sum(axis=1), 1)
    np.testing.assert_array_equal(np.concatenate([as_scores(margins[i : i + 1], 2) for i in range(len(margins))]), many)
    np.testing.assert_array_equal(as_scores(margins[::-1], 2)[::-1], many)


@given(hnp.arrays(np.float64, st.tuples(st.integers(1, 40), st.integers(3, 24)), elements=MARGINS))
def test_several_classes_of_one_row_are_the_bits_of_many(margins: Matrix) -> None:
    """Also of a matrix that lies otherwise in memory."""
    k = margins.shape[1]
    many = as_scores(margins, k)
    np.testing.assert_allclose(many.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_array_equal(np.concatenate([as_scores(margins[i : i + 1], k) for i in range(len(margins))]), many)
    np.testing.assert_array_equal(as_scores(np.asfortranarray(margins), k), many)


@pytest.mark.parametrize(("outputs", "shape"), [(1, (0,)), (2, (0, 2)), (3, (0, 3))])
def test_no_rows_have_the_shape_of_their_answers(tiny: Tiny, outputs: int, shape: tuple[int, ...]) -> None:
    """XGBoost itself forgets the classes."""
    if tiny.bundle.contract.target.outputs == outputs:
        assert scores(tiny.booster, np.empty((0, tiny.columns.shape[1])), outputs).shape == shape
