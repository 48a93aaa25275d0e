import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from tests.bundles import CONTRACT, coded, transform
from tests.laws import drawn

from hearth.bundle.transform import Matrix, Transform
from hearth.schema import Contract, Feature, Target

NAN = float("nan")
VALUES = st.floats(-1e9, 1e9) | st.just(NAN)
SHAPES = st.tuples(st.integers(2, 20), st.integers(1, 4))


def plain(p: int, **parts: tuple[float, ...]) -> Transform:
    """A transform of p numbers that does nothing but what is given."""
    names = tuple(f"x{i}" for i in range(p))
    neutral = {"fill": (NAN,) * p, "shift": (0.0,) * p, "scale": (1.0,) * p}
    return Transform(features=names, levels=(0,) * p, **{**neutral, **parts})


@given(hnp.arrays(np.float64, SHAPES, elements=VALUES))
def test_scaling_is_that_of_scikit_learn(x: Matrix) -> None:
    """To the last bit, missing values included."""
    x[0] = np.nan_to_num(x[0])
    scaler = StandardScaler().fit(x)
    ours = plain(x.shape[1], shift=tuple(scaler.mean_.tolist()), scale=tuple(scaler.scale_.tolist()))
    np.testing.assert_array_equal(ours.apply(x), scaler.transform(x))


@given(hnp.arrays(np.float64, SHAPES, elements=VALUES))
def test_imputation_is_that_of_scikit_learn(x: Matrix) -> None:
    """Medians stand in for missing values and for nothing else."""
    x[0] = np.nan_to_num(x[0])
    imputer = SimpleImputer(strategy="median").fit(x)
    ours = plain(x.shape[1], fill=tuple(imputer.statistics_.tolist()))
    np.testing.assert_array_equal(ours.apply(x), imputer.transform(x))


@given(st.integers(1, 5), st.lists(st.integers(0, 4), min_size=1, max_size=20))
def test_one_hot_encoding_is_that_of_scikit_learn(levels: int, codes: list[int]) -> None:
    """A column a category, also where a category has a single value or none of these rows has it."""
    column = np.array(codes, dtype=np.float64)[:, None] % levels
    theirs = OneHotEncoder(categories=[np.arange(levels)], sparse_output=False).fit_transform(column)
    ours = dataclasses.replace(plain(1), levels=(levels,))
    np.testing.assert_array_equal(ours.apply(column), theirs)


def test_a_missing_category_is_missing_in_each_of_its_columns() -> None:
    """The booster then decides by its default direction, not by a false row of zeros."""
    ours = dataclasses.replace(plain(2), levels=(3, 0))
    np.testing.assert_array_equal(ours.apply(np.array([[NAN, 5.0], [1.0, NAN]])), [[NAN, NAN, NAN, 5], [0, 1, 0, NAN]])


@pytest.mark.parametrize("imputed", [False, True])
def test_imputing_and_scaling_follow_each_other(imputed: bool) -> None:
    """The fill is on the scale of the data, and is scaled with it."""
    ours = plain(1, fill=(4.0 if imputed else NAN,), shift=(1.0,), scale=(2.0,))
    np.testing.assert_array_equal(ours.apply(np.array([[NAN], [3.0]])), [[1.5 if imputed else NAN], [1.0]])


@given(st.permutations(CONTRACT.names), st.integers(1, 5), st.sampled_from(["onehot", "ordinal"]))
def test_a_subset_is_the_same_transform_of_some_columns(order: list[str], size: int, encoding: str) -> None:
    """In any order: each feature keeps its own numbers."""
    whole = transform(encoding, imputed=True)
    names = [name for name in order if name in whole.features][:size]
    part, x = whole.subset(names), coded(3, 10)
    together = whole.apply(x[:, whole.columns(CONTRACT)])
    starts = dict(zip(whole.features, np.cumsum((0, *whole.widths)), strict=False))
    widths = dict(zip(whole.features, whole.widths, strict=True))
    picked = [at for name in names for at in range(starts[name], starts[name] + widths[name])]
    np.testing.assert_array_equal(part.apply(x[:, part.columns(CONTRACT)]), together[:, picked])


def test_a_subset_of_foreign_names_is_refused() -> None:
    """A name that was not fitted has no numbers."""
    with pytest.raises(ValueError, match="not in tuple"):
        transform("onehot", imputed=False).subset(["size", "smell"])


@given(hnp.arrays(np.float64, (3, 2, 6), elements=st.floats(-1e6, 1e6)))
def test_gathering_sums_what_belongs_to_a_feature(x: Matrix) -> None:
    """Three columns of the category, one of each number, over any leading shape."""
    ours = transform("onehot", imputed=False)
    np.testing.assert_allclose(ours.gather(x)[..., 0], x[..., :3].sum(-1), atol=1e-6)
    np.testing.assert_array_equal(ours.gather(x)[..., 1:], x[..., 3:])


def test_gathering_without_encoding_changes_nothing() -> None:
    """A column is a feature then."""
    x = np.arange(8.0).reshape(2, 4)
    np.testing.assert_array_equal(transform("ordinal", imputed=False).gather(x), x)


@given(hnp.arrays(np.float64, (3, 4), elements=st.floats(allow_nan=False, allow_infinity=False)), st.booleans())
def test_a_transform_survives_json(numbers: Matrix, missing: bool) -> None:
    """To the last bit; a missing fill is null."""
    fill, shift, scale = (tuple(row) for row in numbers.tolist())
    ours = Transform(("a", "b", "c", "d"), (NAN, *fill[1:]) if missing else fill, shift, scale, (0, 3, 0, 0))
    text = json.dumps(ours.to_dict(), allow_nan=False)
    again = Transform.from_dict(json.loads(text))
    np.testing.assert_array_equal(again.fill, ours.fill)
    assert dataclasses.replace(again, fill=()) == dataclasses.replace(ours, fill=())


@settings(max_examples=drawn(20))
@given(st.integers(0, 30))
def test_applying_leaves_its_argument_alone(rows: int) -> None:
    """Also for no rows at all, the width is the booster's."""
    ours, x = transform("onehot", imputed=True), coded(1, rows)[:, [3, 1, 4, 0]]
    before = x.copy()
    assert ours.apply(x).shape == (rows, 6)
    np.testing.assert_array_equal(x, before)


GOOD = transform("onehot", imputed=False)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ({"features": ()}, "features are not"),
        ({"features": ("colour", "count", "depth", "smell")}, "features are not the contract's"),
        ({"features": ("colour", "count", "depth", "secret")}, "features are not the contract's"),
        ({"features": ("colour", "count", "depth", "count")}, "each once"),
        ({"fill": (NAN,)}, "one value for each feature"),
        ({"levels": (3, 0, 0, 0, 0)}, "one value for each feature"),
        ({"fill": (NAN, float("inf"), NAN, NAN)}, "not finite"),
        ({"shift": (0.0, NAN, 0.0, 0.0)}, "not finite"),
        ({"scale": (1.0, float("inf"), 1.0, 1.0)}, "not finite"),
        ({"scale": (1.0, 0.0, 1.0, 1.0)}, "scale is not positive"),
        ({"scale": (1.0, -1.0, 1.0, 1.0)}, "scale is not positive"),
        ({"levels": (2, 0, 0, 0)}, "levels are not the categories"),
        ({"levels": (3, 1, 0, 0)}, "levels are not the categories"),
    ],
)
def test_a_transform_of_another_contract_is_refused(damage: dict[str, tuple[object, ...]], said: str) -> None:
    """The message names the file it stands in."""
    GOOD.check(CONTRACT)
    with pytest.raises(ValueError, match=f"^transform.json: .*{said}"):
        dataclasses.replace(GOOD, **damage).check(CONTRACT)  # type: ignore[arg-type]


def test_a_category_of_one_value_is_one_column() -> None:
    """Encoded or not, it is constant where it is there."""
    contract = Contract(
        target=Target(name="y", task="regression"), features=(Feature(name="x0", type="category", values=("a",)),)
    )
    ours = dataclasses.replace(plain(1), levels=(1,))
    ours.check(contract)
    np.testing.assert_array_equal(ours.apply(np.array([[0.0], [NAN]])), [[1.0], [NAN]])
