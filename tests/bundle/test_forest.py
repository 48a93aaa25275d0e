import dataclasses
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import xgboost as xgb
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tests.bundles import OBJECTIVES, Matrix, Tiny, coded, make, transform
from tests.laws import drawn

from hearth.bundle import Predictor, Transform, forest, trees
from hearth.bundle.forest import BLOCK, Forest
from hearth.schema import MOST

GREATEST = float(np.finfo(np.float64).max)
AT = (3, 1, 4, 0)  # where the features of the tiny transform stand in a row
VARIANTS = [
    (kind, encoding, imputed)
    for kind in ("regression", "binary", "multiclass")
    for encoding in ("onehot", "ordinal")
    for imputed in (False, True)
]
NUMBERS = st.floats(-MOST, MOST) | st.floats(-30, 30) | st.integers(-5, 15).map(float) | st.just(float("nan"))


@pytest.fixture(scope="module")
def variants() -> Mapping[str, Tiny]:
    """Each task with each encoding, with and without imputation, by name."""
    return {"-".join(map(str, variant)): make(*variant) for variant in VARIANTS}


@pytest.fixture(scope="module")
def grown(variants: Mapping[str, Tiny]) -> Mapping[str, tuple[Tiny, Forest | None]]:
    """Each of them with its forest."""
    return {name: (one, Forest.of(one.booster, one.bundle.transform, AT)) for name, one in variants.items()}


@pytest.fixture(params=["-".join(map(str, variant)) for variant in VARIANTS])
def variant(request: pytest.FixtureRequest, variants: Mapping[str, Tiny]) -> Tiny:
    """Each of them in turn."""
    return variants[request.param]


def theirs(booster: xgb.Booster, fitted: Transform, x: Matrix) -> Matrix:
    """The booster's own margins, (n, groups)."""
    with np.errstate(over="ignore"):
        said = booster.inplace_predict(fitted.apply(x[:, AT]), predict_type="margin")
    return np.asarray(said).reshape(len(x), -1)


def ours(made: Forest | None, x: Matrix) -> Matrix:
    """The forest's, of each row alone and of all together."""
    assert made is not None
    alone = np.array([made.margins(row) for row in x.tolist()])
    np.testing.assert_array_equal(made.many(x), alone)
    return alone


def assert_same(booster: xgb.Booster, fitted: Transform, x: Matrix) -> None:
    """To the last bit."""
    np.testing.assert_array_equal(ours(Forest.of(booster, fitted, AT), x), theirs(booster, fitted, x))


def trained(fitted: Transform, params: Mapping[str, str | float], kind: str = "regression", rounds: int = 8) -> xgb.Booster:
    """A booster of columns of the tiny transform."""
    x = coded(1, 300)
    y = np.nan_to_num(x[:, 0] * x[:, 1] + 9 * x[:, 3] - 0.02 * x[:, 4] ** 2)
    cuts = {"regression": None, "binary": [0.5], "multiclass": [0.3, 0.7]}[kind]
    target = y if cuts is None else np.digitize(y, np.quantile(y, cuts))
    settings = {**OBJECTIVES[kind], "max_depth": 4, "nthread": 1, "tree_method": "hist", "verbosity": 0, **params}
    return xgb.train(settings, xgb.DMatrix(fitted.apply(x[:, AT]), target), rounds)


def thresholds(booster: xgb.Booster, fitted: Transform) -> dict[int, list[float]]:
    """Of each position in a row the values about which the booster's trees split it, as the table of its trees has them."""
    table = booster.trees_to_dataframe()
    columns = np.repeat(np.arange(4), fitted.widths)
    found: dict[int, list[float]] = {}
    for name, split in table[table.Feature != "Leaf"][["Feature", "Split"]].itertuples(index=False):
        feature = int(columns[int(name[1:])])
        value = float(np.float32(split)) * fitted.scale[feature] + fitted.shift[feature]
        found.setdefault(AT[feature], []).append(value)
    return found


@given(x=hnp.arrays(np.float64, (20, 5), elements=NUMBERS))
@settings(max_examples=drawn(30))
def test_a_row_gets_the_bits_of_xgboost(grown: Mapping[str, tuple[Tiny, Forest | None]], x: Matrix) -> None:
    """Whatever finite numbers it holds, also categories that there are not; every variant is asked about the same rows."""
    for name, (variant, made) in grown.items():
        np.testing.assert_array_equal(ours(made, x), theirs(variant.booster, variant.bundle.transform, x), name)


def test_rows_of_the_contract_get_the_bits_of_xgboost(variant: Tiny) -> None:
    """As they are served."""
    assert_same(variant.booster, variant.bundle.transform, coded(11, 300))


def test_values_about_a_threshold_go_the_way_of_xgboost(variant: Tiny) -> None:
    """Each double within a few of the place where scaling and rounding turn the comparison."""
    fitted = variant.bundle.transform
    rows = []
    for at, values in thresholds(variant.booster, fitted).items():
        for value in dict.fromkeys(values):
            step = max(abs(float(np.spacing(np.float32(value)))), 1e-9)
            near = [value + k * float(np.spacing(value)) for k in range(-3, 4)] + [value - step, value + step]
            for one in near:
                row = coded(5, 1)[0]
                row[at] = one
                rows.append(row)
    assert len(rows) > 200
    assert_same(variant.booster, fitted, np.array(rows))


@pytest.mark.parametrize("imputed", [False, True])
def test_a_cut_is_the_least_double_that_is_not_below_its_threshold(imputed: bool) -> None:
    """Each threshold has one; the double before it is still below, when the booster sees it."""
    tiny = make("multiclass", "ordinal", imputed)
    fitted, read = tiny.bundle.transform, trees.read(tiny.booster)
    assert read is not None
    for i, cuts in enumerate(forest.cuts_of(read, fitted)):
        split = np.unique(read.value[~read.leaf & (read.column == i)])
        at = (cuts - fitted.shift[i]) / fitted.scale[i]
        before = (np.nextafter(cuts, -np.inf) - fitted.shift[i]) / fitted.scale[i]
        assert len(cuts) == len(split) > 0
        assert (before.astype(np.float32) < split).all()
        assert (at.astype(np.float32) >= split).all()


def test_the_greatest_and_the_least_numbers_go_the_way_of_xgboost(variant: Tiny) -> None:
    """Also those that single precision cannot hold, and both zeros."""
    values = (GREATEST, MOST, 1e300, 5e-324, 0.0)
    rows = [np.full(5, sign * value) for value in values for sign in (1, -1)] + [np.full(5, np.nan)]
    assert_same(variant.booster, variant.bundle.transform, np.array(rows))


SHAPES = st.fixed_dictionaries(
    {
        "max_depth": st.integers(1, 6),
        "num_parallel_tree": st.integers(1, 3),
        "seed": st.integers(0, 9),
        "gamma": st.sampled_from([0.0, 20.0, 1e9]),
        "grow_policy": st.sampled_from(["depthwise", "lossguide"]),
        "subsample": st.just(0.7),
        "colsample_bynode": st.just(0.6),
    }
)


@given(st.sampled_from(sorted(OBJECTIVES)), st.sampled_from(["onehot", "ordinal"]), st.booleans(), SHAPES, st.integers(1, 12))
@settings(max_examples=drawn(40))
def test_a_booster_of_any_shape_is_followed(
    kind: str, encoding: str, imputed: bool, shape: Mapping[str, str | float], rounds: int
) -> None:
    """Depth, number of trees a round, sampling, pruning down to single leaves."""
    fitted = transform(encoding, imputed)
    assert_same(trained(fitted, shape, kind, rounds), fitted, coded(rounds, 40))


@pytest.mark.parametrize("base", [0.5, 0.123456789, 3e-7, 0.999])
def test_a_base_score_is_taken_as_xgboost_takes_it(binary: Tiny, base: float) -> None:
    """As a probability of a class, of which the margin is the log-odds."""
    params = {**OBJECTIVES["binary"], "base_score": base, "max_depth": 3}
    booster = xgb.train(params, xgb.DMatrix(binary.columns, binary.y), 5)
    assert_same(booster, binary.bundle.transform, coded(2, 50))


WIDE: Mapping[str, str | float] = {"max_depth": 0, "grow_policy": "lossguide", "min_child_weight": 0, "reg_lambda": 0}


@pytest.mark.parametrize(("leaves", "bits"), [(8, 8), (9, 16), (17, 32), (33, 64), (64, 64)])
def test_masks_are_as_narrow_as_the_largest_tree_allows(leaves: int, bits: int) -> None:
    """Up to 64 leaves a tree."""
    fitted = transform("ordinal", imputed=False)
    booster = trained(fitted, {**WIDE, "max_leaves": leaves})
    read = trees.read(booster)
    assert read is not None
    assert np.bitwise_count(read.below).max() == leaves
    assert forest.narrowest(read).itemsize * 8 == bits
    assert_same(booster, fitted, coded(3, 60))


UNFIT: Mapping[str, tuple[Mapping[str, str | float], int]] = {
    "65 leaves": ({**WIDE, "max_leaves": 65}, 2),
    "dart": ({"booster": "dart"}, 2),
    "linear": ({"booster": "gblinear"}, 2),
    "no trees": ({}, 0),
}


@pytest.mark.parametrize(("params", "rounds"), UNFIT.values(), ids=UNFIT)
def test_a_booster_of_another_kind_has_no_forest(params: Mapping[str, str | float], rounds: int) -> None:
    """Whoever asks must ask XGBoost."""
    fitted = transform("ordinal", imputed=True)
    assert Forest.of(trained(fitted, params, rounds=rounds), fitted, AT) is None


def test_splits_by_category_have_no_forest() -> None:
    """They are sets, not thresholds."""
    x = coded(1, 300)[:, AT]
    data = xgb.DMatrix(x, x[:, 0] == 1, feature_types=["c", "q", "q", "q"], enable_categorical=True)
    booster = xgb.train({"max_cat_to_onehot": 1, "tree_method": "hist"}, data, 3)
    assert Forest.of(booster, transform("ordinal", imputed=False), AT) is None


def test_leaves_of_several_values_have_no_forest() -> None:
    """A tree that answers several outputs at once."""
    x = coded(1, 300)[:, AT]
    data = xgb.DMatrix(x, np.nan_to_num(x[:, :2]))
    booster = xgb.train({"multi_strategy": "multi_output_tree", "tree_method": "hist"}, data, 3)
    assert Forest.of(booster, transform("ordinal", imputed=False), AT) is None


@pytest.mark.parametrize(("shift", "scale"), [(1.0, 1.0), (0.0, 2.0)])
def test_categories_that_are_scaled_have_no_forest(regression: Tiny, shift: float, scale: float) -> None:
    """Their codes are then not where their columns turn; no fit makes such a transform."""
    fitted = regression.bundle.transform
    odd = dataclasses.replace(fitted, shift=(shift, *fitted.shift[1:]), scale=(scale, *fitted.scale[1:]))
    assert Forest.of(regression.booster, fitted, AT) is not None
    assert Forest.of(regression.booster, odd, AT) is None


@pytest.mark.parametrize(("module", "bound"), [(forest, "MOST_BYTES"), (trees, "MOST_TEXT")])
def test_a_booster_that_takes_too_much_has_no_forest(
    regression: Tiny, module: object, bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of memory for its masks, or of time for its reading."""
    monkeypatch.setattr(module, bound, 100)
    assert Forest.of(regression.booster, regression.bundle.transform, AT) is None


def test_score_one_is_scores_to_the_last_bit(variant: Tiny) -> None:
    """A number, or a probability for each class."""
    predictor = variant.predictor
    assert predictor.engine == "forest"
    x = np.vstack([coded(21, 200), np.full((1, 5), np.nan)])
    assert [predictor.score_one(row) for row in x.tolist()] == predictor.scores(x).tolist()


def dart(tiny: Tiny) -> Predictor:
    """A predictor whose booster has no forest."""
    params = {**OBJECTIVES["regression"], "booster": "dart", "max_depth": 2, "nthread": 1}
    booster = xgb.train(params, xgb.DMatrix(tiny.columns, tiny.y), 4)
    said = np.asarray(booster.inplace_predict(tiny.columns), dtype=np.float64)
    return Predictor(dataclasses.replace(tiny.bundle, model=bytes(booster.save_raw("ubj")), probe_scores=said[:5]), threads=1)


def test_without_a_forest_xgboost_answers(regression: Tiny) -> None:
    """The same that it says of many rows."""
    predictor = dart(regression)
    assert predictor.engine == "xgboost"
    x = coded(4, 30)
    assert [predictor.score_one(row) for row in x.tolist()] == predictor.scores(x).tolist()


@pytest.mark.parametrize("part", ["probe_rows", "reference_rows"])
def test_a_forest_that_says_other_than_the_booster_is_dropped(tiny: Tiny, part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a bit, on one of the rows that the bundle holds."""
    bundle = dataclasses.replace(tiny.bundle, reference_rows=tiny.x[100:150])
    odd = getattr(bundle, part)[-1].tolist()
    honest = Forest.margins

    def biased(self: Forest, values: list[float]) -> forest.Singles:
        said = honest(self, values)
        if np.array_equal(values, odd, equal_nan=True):
            said[0] = np.nextafter(said[0], np.inf)
        return said

    monkeypatch.setattr(Forest, "margins", biased)
    predictor = Predictor(bundle, threads=1)
    assert predictor.engine == "xgboost"
    assert predictor.score_one(odd) == predictor.scores(np.array([odd]))[0].tolist()


def test_a_forest_that_says_other_of_many_rows_is_dropped(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    """One way through it that differs is enough."""
    honest = Forest.many
    monkeypatch.setattr(Forest, "many", lambda self, rows: np.nextafter(honest(self, rows), np.float32(np.inf)))
    assert Predictor(tiny.bundle, threads=1).engine == "xgboost"


@pytest.mark.parametrize("count", [0, 1, 2, 3, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 1, 300])
def test_any_number_of_rows_gets_the_bits_of_xgboost(tiny: Tiny, count: int) -> None:
    """A last block of one row too, whose sums numpy would add in another order; no row at all has the shape of its scores."""
    rows, several = coded(8, 300)[:count], Predictor(tiny.bundle, threads=2)
    said = tiny.predictor.scores(rows)
    np.testing.assert_array_equal(said, several.scores(rows))
    assert said.shape == several.scores(rows).shape


def test_many_rows_ask_whichever_is_quicker(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    """The forest on one thread, XGBoost on several or where there are many features."""
    one, several = tiny.predictor, Predictor(tiny.bundle, threads=2)
    asked: list[int] = []
    honest = Forest.many

    def noted(self: Forest, rows: Matrix) -> forest.Singles:
        asked.append(len(rows))
        return honest(self, rows)

    monkeypatch.setattr(Forest, "many", noted)
    one.scores(tiny.x[:10])
    several.scores(tiny.x[:11])
    monkeypatch.setattr(forest, "WORTH", 3)
    Predictor(tiny.bundle, threads=1).scores(tiny.x[:12])
    assert 10 in asked
    assert not {11, 12} & set(asked)


def test_score_one_is_shared_between_threads(tiny: Tiny) -> None:
    """Many at once get what one alone gets."""
    predictor, rows = tiny.predictor, coded(6, 400).tolist()
    alone = [predictor.score_one(row) for row in rows]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(predictor.score_one, rows)) == alone
