"""Recipes and what they make of training rows: parity with scikit-learn and XGBoost, and nothing fitted outside its fold."""

import json
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
import xgboost as xgb
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight
from tests.tiny import Kind, coded

from hearth.bundle.booster import contributions
from hearth.bundle.booster import scores as booster_scores
from hearth.bundle.transform import Matrix, Transform
from hearth.errors import DataError
from hearth.params import PrepareParams
from hearth.schema import Contract, Feature, Target
from hearth.training import fitting
from hearth.training.fitting import (
    Model,
    Recipe,
    Setting,
    advance,
    binned,
    boost,
    column_types,
    fit,
    fit_transform,
    fittable,
    fold_data,
    fold_scores,
    side_by_side,
    staged_scores,
    weights,
)
from hearth.training.folds import pairs
from hearth.training.metrics import rmse
from hearth.training.selection import default_attribution, selector
from hearth.training.split import repeated_folds
from hearth.training.table import Rows, Table
from hearth.training.validation import cross_validate

Encoding = Literal["onehot", "ordinal", "native"]
Imputation = Literal["native", "median", "drop"]
IMPUTATIONS: tuple[Imputation, ...] = ("native", "median", "drop")
SAMPLED: dict[str, Setting] = {"learning_rate": 0.2, "subsample": 0.7, "colsample_bynode": 0.5, "max_depth": 4, "max_bin": 16}
RECIPE = Recipe(rounds=12, params=SAMPLED)
CELLS = st.one_of(st.floats(-1e6, 1e6, allow_subnormal=False), st.just(np.nan), st.just(0.1))


def prepare(
    imputation: Imputation = "native", scaling: Literal["standard", "none"] = "standard", encoding: Encoding = "onehot"
) -> PrepareParams:
    """Settings of the preparation."""
    return PrepareParams(seed=0, test_size=0.2, imputation=imputation, scaling=scaling, encoding=encoding)


def numbers(columns: int) -> Contract:
    """A contract of plain numbers."""
    features = tuple(Feature(name=f"f{i}", type="number", required=False) for i in range(columns))
    return Contract(target=Target(name="y", task="regression"), features=features)


def applied(transform: Transform, table: Table) -> Matrix:
    """The table as the booster sees it."""
    return transform.apply(table.x[:, transform.columns(table.contract)])


def reference(table: Table, recipe: Recipe, seed: int) -> xgb.XGBModel:
    """XGBoost's own estimator with the parameters of a recipe."""
    estimator = xgb.XGBRegressor if table.contract.target.task == "regression" else xgb.XGBClassifier
    return estimator(
        n_estimators=recipe.rounds, tree_method="hist", random_state=seed, seed_per_iteration=True, **recipe.params
    )


@given(hnp.arrays(np.float64, st.tuples(st.integers(2, 20), st.integers(1, 4)), elements=CELLS))
def test_scaling_is_that_of_scikit_learn(x: Matrix) -> None:
    """Means and standard deviations leave gaps out and spare columns without spread, as ``StandardScaler``."""
    x = x[:, ~np.isnan(x).all(axis=0)]
    if x.shape[1] == 0:
        return
    ours = fit_transform(numbers(x.shape[1]), x, prepare()).apply(x)
    np.testing.assert_allclose(ours, StandardScaler().fit_transform(x), rtol=1e-6, atol=1e-6)


@given(hnp.arrays(np.float64, st.tuples(st.integers(1, 20), st.integers(1, 4)), elements=CELLS))
def test_imputation_is_that_of_scikit_learn(x: Matrix) -> None:
    """Gaps take the column's median, as ``SimpleImputer``; a column of gaps alone stays one."""
    ours = fit_transform(numbers(x.shape[1]), x, prepare("median", "none")).apply(x)
    empty = np.isnan(x).all(axis=0)
    assert np.isnan(ours[:, empty]).all()
    if not empty.all():
        np.testing.assert_array_equal(ours[:, ~empty], SimpleImputer(strategy="median").fit_transform(x[:, ~empty]))


def test_imputed_columns_are_scaled_as_in_a_pipeline(table: Table) -> None:
    """Scaling is fitted to what imputation filled."""
    numeric = [0, 1, 3, 4]
    expected = StandardScaler().fit_transform(SimpleImputer(strategy="median").fit_transform(table.x[:, numeric]))
    fitted = fit_transform(table.contract, table.x, prepare("median"))
    np.testing.assert_allclose(applied(fitted, table)[:, [0, 1, 5, 6]], expected, rtol=1e-12)


def test_a_column_without_spread_is_not_blown_up() -> None:
    """A constant whose computed deviation is a rounding error keeps its scale."""
    assert fit_transform(numbers(1), np.full((3, 1), 0.1), prepare()).scale == (1.0,)


def test_categories_are_never_scaled_nor_filled(table: Table) -> None:
    """A category becomes one column a value, a gap a gap in each of them."""
    fitted = fit_transform(table.contract, table.x, prepare("median"))
    codes, hot = table.x[:, 2], applied(fitted, table)[:, 2:5]
    assert np.isnan(hot[np.isnan(codes)]).all()
    np.testing.assert_array_equal(hot[~np.isnan(codes)], np.eye(3)[codes[~np.isnan(codes)].astype(int)])


def ordered(table: Table) -> Table:
    """The same table, whose categories stand in their order."""
    features = tuple(replace(one, ordered=bool(one.values)) for one in table.contract.features)
    return replace(table, contract=replace(table.contract, features=features))


@pytest.mark.parametrize("encoding", ["onehot", "ordinal", "native"])
def test_ordered_categories_stay_one_column_of_codes(table: Table, encoding: Encoding) -> None:
    """Whatever the encoding of the others: a split then tells less from more."""
    fitted = fit_transform(ordered(table).contract, table.x, prepare(encoding=encoding))
    assert fitted.levels == (0,) * 5
    np.testing.assert_array_equal(applied(fitted, table)[:, 2], table.x[:, 2])
    assert "c" not in (column_types(ordered(table).contract, fitted, prepare(encoding=encoding)) or [])


def test_native_categories_are_those_of_xgboost(table: Table) -> None:
    """A model of them answers, explains and comes back from bytes as XGBoost's own does on columns of that type."""
    recipe = replace(RECIPE, params={**SAMPLED, "max_cat_to_onehot": 1})
    settings = prepare("median", "none", "native")
    fitted = fit_transform(table.contract, table.x, settings)
    assert column_types(table.contract, fitted, settings) == ["q", "q", "c", "q", "q"]
    model = fit(table, recipe, fitted, settings, 3)
    assert any(tree["categories_nodes"] for tree in trees_of(model.booster)), "no split by category: this test shows nothing"
    data = xgb.DMatrix(applied(fitted, table), feature_types=["q", "q", "c", "q", "q"], enable_categorical=True)
    margins = model.booster.predict(data, output_margin=True)
    loaded = xgb.Booster(model_file=model.booster.save_raw("ubj"))
    expected = booster_scores(loaded, applied(fitted, table), table.contract.target.outputs)
    np.testing.assert_array_equal(model.scores(table.x, table.contract), expected)
    base, values = contributions(loaded, fitted, table.x, table.contract.target.outputs)
    np.testing.assert_allclose(base + values.sum(-1), margins, rtol=1e-4, atol=1e-4)


def trees_of(booster: xgb.Booster) -> list[dict[str, list[int]]]:
    """The trees of a booster as its JSON has them."""
    found: list[dict[str, list[int]]] = json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]["model"]["trees"]
    return found


def test_dropping_leaves_whole_rows_alone(table: Table) -> None:
    """``imputation: drop`` keeps the rows without a gap, every other setting all rows."""
    whole = ~np.isnan(table.x).any(axis=1)
    assert 0 < whole.sum() < len(table)
    np.testing.assert_array_equal(fittable(table, prepare("drop")).x, table.x[whole])
    assert fittable(table, prepare("median")) is table


def test_dropping_every_row_is_refused(table: Table) -> None:
    """Where each row has a gap the message says what to use."""
    holes = replace(table, x=np.where(np.arange(5) == 0, np.nan, table.x))
    with pytest.raises(DataError, match=r"leaves no training row.*native or median"):
        fittable(holes, prepare("drop"))


def test_a_recipe_is_read_from_what_it_writes() -> None:
    """As JSON has it."""
    assert Recipe(**replace(RECIPE, class_weight="balanced").to_dict()).class_weight == "balanced"  # type: ignore[arg-type]
    recipe = Recipe(7, SAMPLED, percentile=20)
    raw = json.loads(json.dumps(recipe.to_dict()))
    assert raw == {"rounds": 7, "params": SAMPLED, "percentile": 20}
    assert Recipe(**raw) == recipe


@pytest.mark.parametrize("imputation", IMPUTATIONS)
def test_a_fit_is_that_of_xgboosts_estimator(table: Table, imputation: Imputation) -> None:
    """The same parameters and rows give the predictions of ``XGBRegressor`` and ``XGBClassifier``, in single precision."""
    settings = prepare(imputation)
    kept = fittable(table, settings)
    transform = fit_transform(table.contract, kept.x, settings)
    model = fit(table, RECIPE, transform, settings, seed=5)
    theirs = reference(table, RECIPE, 5).fit(applied(transform, kept), kept.y)
    x = applied(transform, table)
    expected = theirs.predict(x) if table.contract.target.task == "regression" else theirs.predict_proba(x)
    np.testing.assert_allclose(model.scores(table.x, table.contract), expected, rtol=1e-6, atol=1e-7)


def test_boosting_gives_the_bytes_of_xgboosts_own_loop(table: Table) -> None:
    """The booster is that of ``xgb.train``, byte for byte."""
    data = binned(applied(fit_transform(table.contract, table.x, prepare()), table), table.y, SAMPLED, threads=1)
    fixed = {"tree_method": "hist", "seed": 5, "seed_per_iteration": True, **fitting.objective_of(table.contract.target)}
    theirs = xgb.train({**SAMPLED, **fixed}, data, num_boost_round=RECIPE.rounds)
    assert boost(data, RECIPE, table.contract.target, 5).save_raw() == theirs.save_raw()


@pytest.mark.parametrize("limit", [1, 10**9])
def test_threads_change_no_byte(table: Table, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread or two, chosen by the number of rows: the booster is the same."""
    transform = fit_transform(table.contract, table.x, prepare())
    monkeypatch.setattr(fitting, "processors", lambda: 2)
    monkeypatch.setattr(fitting, "ROWS_FOR_ALL_THREADS", limit)
    x = applied(transform, table)
    one, two = (boost(binned(x, table.y, SAMPLED, n), RECIPE, table.contract.target, 5, n).save_raw() for n in (1, 2))
    model = fit(table, RECIPE, transform, prepare(), 5)
    assert one == two == model.booster.save_raw()
    assert f'"nthread":"{2 if limit == 1 else 1}"' in model.booster.save_config()


def test_boosters_side_by_side_are_those_made_in_turn(table: Table) -> None:
    """Fits that run at once share no generator."""
    data = binned(applied(fit_transform(table.contract, table.x, prepare()), table), table.y, SAMPLED, threads=1)

    def made(seed: int) -> bytes:
        return bytes(boost(data, RECIPE, table.contract.target, seed).save_raw())

    assert side_by_side(made, [1, 2, 3] * 4) == [made(seed) for seed in (1, 2, 3)] * 4


def test_a_seed_matters(table: Table) -> None:
    """Another seed samples other rows and columns."""
    transform = fit_transform(table.contract, table.x, prepare())
    models = [fit(table, RECIPE, transform, prepare(), seed).booster.save_raw() for seed in (1, 1, 2)]
    assert models[0] == models[1] != models[2]


def test_a_parameter_that_xgboost_refuses_is_an_error() -> None:
    """What XGBoost says of it is passed on."""
    data = binned(np.arange(20.0).reshape(-1, 1), np.arange(20.0), {}, threads=1)
    with pytest.raises(xgb.core.XGBoostError, match="subsample"):
        boost(data, Recipe(2, {"subsample": -1.0}), Target(name="y", task="regression"), 0)
    with pytest.raises(xgb.core.XGBoostError, match=r".+"):
        advance(xgb.Booster({"objective": "none such"}, [data]), data, 1)


def test_scores_of_classes_are_probabilities(kind: Kind, table: Table) -> None:
    """A classification answers one column a class that add up to 1, a regression one number."""
    model = fit(table, RECIPE, fit_transform(table.contract, table.x, prepare()), prepare(), 0)
    scores = model.scores(table.x, table.contract)
    if kind == "regression":
        assert scores.shape == (90,)
    else:
        assert scores.shape == (90, len(table.contract.target.classes))
        np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-6)


def test_a_model_of_some_features_takes_rows_of_all(table: Table) -> None:
    """A model picks its own columns, in its own order, from the contract's."""
    transform = fit_transform(table.contract, table.x, prepare()).subset(["n", "a"])
    model = fit(table, RECIPE, transform, prepare(), 0)
    other = Model(table.contract.target, transform, model.booster)
    changed = np.where(np.isin(np.arange(5), [0, 1]), table.x, 7.0)
    np.testing.assert_array_equal(other.scores(changed, table.contract), model.scores(table.x, table.contract))


def poisoned(table: Table, rows: Rows) -> Table:
    """The table with absurd features and targets in these rows."""
    x, y = table.x.copy(), table.y.copy()
    x[rows], y[rows] = np.where(np.array([f.numeric for f in table.contract.used]), 1e9, 1.0), y.max()
    return Table(table.contract, x, y)


@pytest.mark.parametrize("imputation", IMPUTATIONS)
@pytest.mark.parametrize("percentile", [None, 40])
def test_validation_rows_change_nothing_that_is_fitted(table: Table, imputation: Imputation, percentile: int | None) -> None:
    """With absurd validation rows the fold has the same choice of features, transform and booster."""
    settings = prepare(imputation)
    select = selector(percentile, settings, 0)
    for train, valid in pairs(repeated_folds(table, 3, 1, 0)):
        spoilt = poisoned(table, valid[1:])
        clean = fold_data(table, (train, valid), settings, RECIPE, select)
        dirty = fold_data(spoilt, (train, valid), settings, RECIPE, select)
        boosters = [boost(fold.train, RECIPE, table.contract.target, 0).save_raw() for fold in (clean, dirty)]
        assert boosters[0] == boosters[1]
        np.testing.assert_array_equal(clean.valid[0], dirty.valid[0])
        assert (clean.valid[1:] != dirty.valid[1:]).any()


def test_training_rows_change_what_is_fitted(table: Table) -> None:
    """Absurd training rows do change transform and booster: the test above can fail."""
    train, valid = next(pairs(repeated_folds(table, 3, 1, 0)))
    clean, dirty = (
        fold_data(one, (train, valid), prepare("median"), RECIPE, None) for one in (table, poisoned(table, train[::2]))
    )
    assert (clean.valid != dirty.valid).any()


def test_a_fold_fits_exactly_its_training_rows(table: Table) -> None:
    """A fold's scores are those of a model fitted to its training rows alone."""
    train, valid = next(pairs(repeated_folds(table, 3, 1, 0)))
    fold = fold_data(table, (train, valid), prepare("median"), RECIPE, None)
    alone = table.take(train)
    transform = fit_transform(table.contract, alone.x, prepare("median"))
    model = fit(alone, RECIPE, transform, prepare("median"), 3)
    scores = fold_scores(fold, RECIPE, table.contract.target, 3)
    np.testing.assert_array_equal(scores, model.scores(table.x[valid], table.contract))
    np.testing.assert_array_equal(fold.actual, table.y[valid])
    np.testing.assert_array_equal(scores, booster_scores(model.booster, fold.valid, table.contract.target.outputs))


@pytest.mark.parametrize("trees", [1, 2])
def test_fewer_rounds_of_a_boosting_are_a_boosting_of_fewer_rounds(table: Table, trees: int) -> None:
    """Answers after each count of rounds, in whatever order, are to the bit those of a booster that stopped there."""
    fold = fold_data(table, next(pairs(repeated_folds(table, 3, 1, 0))), prepare(), RECIPE, None)
    recipe, counts = Recipe(1, {**SAMPLED, "num_parallel_tree": trees}), (7, 1, 12, 7)
    together = staged_scores(fold, recipe, counts, table.contract.target, 3)
    for rounds, scores in zip(counts, together, strict=True):
        alone = boost(fold.train, replace(recipe, rounds=rounds), table.contract.target, 3)
        assert np.array_equal(scores, booster_scores(alone, fold.valid, table.contract.target.outputs))
        assert np.array_equal(scores, fold_scores(fold, replace(recipe, rounds=rounds), table.contract.target, 3))
    assert not np.array_equal(together[0], together[1])


def test_selection_from_noise_gains_nothing() -> None:
    """Pure noise scores no better than the mean, unless features are chosen with the validation rows in sight."""
    rng = np.random.default_rng(0)
    noise = Table(numbers(200), rng.normal(size=(60, 200)), rng.normal(size=60))
    folds = repeated_folds(noise, 5, 2, 0)
    recipe = Recipe(rounds=30, params={"max_depth": 3, "max_bin": 32}, percentile=97)

    def gain(table: Table, recipe: Recipe) -> float:
        answers = cross_validate(table, folds, prepare(), recipe, 0)
        means = [np.delete(table.y, one.rows).mean() for one in answers]
        lost = [
            rmse(table.y[one.rows], one.scores) - rmse(table.y[one.rows], np.full(len(one.rows), mean))
            for one, mean in zip(answers, means, strict=True)
        ]
        return -float(np.mean(lost))

    chosen = [noise.contract.names.index(name) for name in default_attribution(noise, prepare(), 0).kept(97)]
    leaking = Table(numbers(len(chosen)), noise.x[:, chosen], noise.y)
    assert gain(noise, recipe) <= 0
    assert gain(leaking, replace(recipe, percentile=None)) > 0


def test_results_side_by_side_keep_their_order() -> None:
    """Results come in the order of the items, whichever ends first."""
    assert side_by_side(lambda item: item * item, range(50)) == [item * item for item in range(50)]


def test_an_error_side_by_side_is_raised() -> None:
    """What one of the functions raises is raised."""

    def fails(_: int) -> None:
        raise DataError("broken")

    with pytest.raises(DataError, match="broken"):
        side_by_side(fails, [1])


@pytest.mark.parametrize("codes", [[0, 0, 0, 1], [2, 0, 0, 2, 1, 1, 1], [0, 2, 2]])
def test_balanced_weights_are_scikit_learns(codes: list[int]) -> None:
    """Every class that is there weighs the same in all, and the rows weigh 1 on average; without them all weigh 1."""
    expected = compute_sample_weight("balanced", codes)
    found = weights(np.array(codes, dtype=np.float64), "balanced")
    assert found is not None
    np.testing.assert_allclose(found, expected)
    assert weights(np.array(codes, dtype=np.float64), "none") is None


def test_weights_are_of_the_training_rows_of_a_fold_and_no_score_knows_them() -> None:
    """A fold's rows weigh by the classes of its own training rows; the answers are scored as if all rows were alike."""
    table, recipe = coded("binary"), replace(RECIPE, class_weight="balanced")
    rare = table.take(np.flatnonzero((table.y == 0) | (np.arange(len(table)) % 4 == 0)))
    rows = next(pairs(repeated_folds(rare, 3, 1, 0)))
    fold, alike = (fold_data(rare, rows, prepare(), one, None) for one in (recipe, RECIPE))
    expected = compute_sample_weight("balanced", rare.y[rows[0]])
    np.testing.assert_allclose(fold.train.get_weight(), expected, rtol=1e-6)
    assert alike.train.get_weight().size == 0
    assert np.array_equal(fold.actual, rare.y[rows[1]])
    before, after = (fold_scores(one, RECIPE, rare.contract.target, 0)[:, 1].mean() for one in (alike, fold))
    assert after > before + 0.05
    (validated, *_) = cross_validate(rare, repeated_folds(rare, 3, 1, 0), prepare(), recipe, 0)
    assert np.array_equal(validated.scores, fold_scores(fold, recipe, rare.contract.target, 0))


def test_a_model_of_all_rows_is_weighed_too() -> None:
    """A recipe with class weights fits another booster than one without, and XGBoost's own with those weights the same."""
    table = coded("multiclass").take(np.arange(60))
    transform = fit_transform(table.contract, table.x, prepare())
    one, two = (
        fit(table, recipe, transform, prepare(), 5).booster for recipe in (RECIPE, replace(RECIPE, class_weight="balanced"))
    )
    assert one.save_raw() != two.save_raw()
    weight = compute_sample_weight("balanced", table.y)
    data = binned(applied(transform, table), table.y, SAMPLED, threads=1, weight=weight)
    assert boost(data, RECIPE, table.contract.target, 5).save_raw() == two.save_raw()
