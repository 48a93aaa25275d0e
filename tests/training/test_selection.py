"""Which features matter, by exact SHAP values."""

import numpy as np
import pytest
import xgboost as xgb
from tests.tiny import Kind, coded

from hearth.bundle.booster import contributions
from hearth.bundle.transform import Matrix
from hearth.params import PrepareParams
from hearth.training import selection
from hearth.training.fitting import Model, Recipe, fit, fit_transform
from hearth.training.selection import Attribution, attribute, default_attribution, selector
from hearth.training.table import Table

PREPARE = PrepareParams(seed=0, test_size=0.2, imputation="native", scaling="standard", encoding="onehot")


def fitted(table: Table, rounds: int = 10) -> Model:
    """A model of all features."""
    return fit(table, Recipe(rounds), fit_transform(table.contract, table.x, PREPARE), PREPARE, 0)


def raw_contributions(model: Model, table: Table) -> Matrix:
    """What XGBoost itself says, a column for each that it sees and the base last: (n, groups, columns + 1)."""
    data = xgb.DMatrix(model.transform.apply(table.x))
    contribs: Matrix = model.booster.predict(data, pred_contribs=True, strict_shape=True)
    return contribs


def test_attributions_are_xgboosts_contributions(kind: Kind, table: Table) -> None:
    """Each feature has the sum of what its columns contribute, in each class where there are more than two."""
    model = fitted(table)
    raw = raw_contributions(model, table).astype(np.float64)
    starts = [0, 1, 2, 5, 6]
    expected = np.add.reduceat(raw[..., :-1], starts, axis=-1)
    values = attribute(model, table).values
    assert values.shape == ((90, 3, 5) if kind == "multiclass" else (90, 5))
    np.testing.assert_array_equal(values, expected if kind == "multiclass" else expected[:, 0])


def test_attributions_add_up_to_the_margin(kind: Kind, table: Table) -> None:
    """Base and attributions together are the model's margin."""
    model = fitted(table)
    base = raw_contributions(model, table)[..., -1]
    margin = model.booster.predict(xgb.DMatrix(model.transform.apply(table.x)), output_margin=True)
    total = attribute(model, table).values.sum(axis=-1) + (base if kind == "multiclass" else base[:, 0])
    np.testing.assert_allclose(total, margin, rtol=1e-4, atol=1e-5)


def test_a_model_of_some_features_explains_those(table: Table) -> None:
    """Attributions come in the order of the model's own features."""
    transform = fit_transform(table.contract, table.x, PREPARE).subset(["k", "a"])
    found = attribute(fit(table, Recipe(5), transform, PREPARE, 0), table)
    assert found.features == ("k", "a")
    np.testing.assert_array_equal(found.x, table.x[:, [2, 0]])
    assert found.values.shape[-1] == 2


def test_a_large_table_is_explained_by_evenly_spread_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more rows than the limit are explained, from the first to the last."""
    table = coded()
    model = fitted(table)
    monkeypatch.setattr(selection, "MOST_ROWS", 10)
    found = attribute(model, table)
    rows = np.linspace(0, 89, 10).astype(int)
    np.testing.assert_array_equal(found.x, table.x[rows])
    np.testing.assert_array_equal(
        found.values, contributions(model.booster, model.transform, table.x[rows], model.target.outputs)[1]
    )


def test_importance_averages_rows_and_classes() -> None:
    """Importance is the mean of absolute values over all but the features."""
    values = np.array([[[1.0, -2.0], [3.0, 0.0]], [[-1.0, 2.0], [3.0, 4.0]]])
    np.testing.assert_allclose(Attribution(("a", "b"), np.zeros((2, 2)), values).importance, [2, 2])
    np.testing.assert_allclose(Attribution(("a", "b"), np.zeros((2, 2)), values[:, 0]).importance, [1, 2])


@pytest.mark.parametrize(
    ("percentile", "kept"), [(0, ("d", "a", "c", "b")), (20, ("d", "a", "b")), (50, ("d", "b")), (99, ("b",))]
)
def test_features_at_or_above_the_percentile_stay_in_order(percentile: float, kept: tuple[str, ...]) -> None:
    """Those below numpy's percentile of importance go, and the order is that of the contract."""
    found = Attribution(("d", "a", "c", "b"), np.zeros((1, 4)), np.array([[3.0, -2.0, 1.0, -4.0]]))
    assert found.kept(percentile) == kept


def test_equally_important_features_all_stay() -> None:
    """Nothing is below the percentile of equals."""
    assert Attribution(("a", "b"), np.zeros((1, 2)), np.array([[1.0, -1.0]])).kept(80) == ("a", "b")


def test_the_default_model_is_xgboosts(kind: Kind, table: Table) -> None:
    """What chooses features is a model of XGBoost's own defaults."""
    estimator = xgb.XGBRegressor if kind == "regression" else xgb.XGBClassifier
    x = fit_transform(table.contract, table.x, PREPARE).apply(table.x)
    booster = estimator(random_state=4, seed_per_iteration=True).fit(x, table.y).get_booster()
    expected = contributions(booster, fit_transform(table.contract, table.x, PREPARE), table.x, table.contract.target.outputs)[
        1
    ]
    np.testing.assert_allclose(default_attribution(table, PREPARE, 4).values, expected, rtol=1e-6, atol=1e-9)


def test_the_selector_keeps_what_the_default_model_needs(table: Table) -> None:
    """A column of noise goes first, and without a percentile nothing chooses."""
    select = selector(20, PREPARE, 0)
    assert select is not None
    assert tuple(select(table)) == default_attribution(table, PREPARE, 0).kept(20)
    assert 0 < len(select(table)) < 5
    assert selector(None, PREPARE, 0) is None


def test_percentile_zero_keeps_every_feature(table: Table) -> None:
    """Nothing is below the least."""
    select = selector(0, PREPARE, 0)
    assert select is not None
    assert tuple(select(table)) == table.contract.names
