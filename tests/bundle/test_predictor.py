import dataclasses
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import xgboost as xgb
from tests.bundle.test_format import resum
from tests.bundles import SEED, Matrix, Tiny, coded, rows_of, transform

from hearth.bundle import Predictor, RowError, read, write
from hearth.bundle.explained import explained
from hearth.errors import BundleError
from hearth.schema import MOST

SETTINGS = {"n_estimators": 12, "max_depth": 3, "random_state": SEED, "n_jobs": 1, "tree_method": "hist"}


def margin(tiny: Tiny, x: Matrix) -> Matrix:
    """The booster's own margin, (n,) or (n, k)."""
    fitted = tiny.bundle.transform
    columns = fitted.apply(x[:, fitted.columns(tiny.bundle.contract)])
    return np.asarray(tiny.booster.predict(xgb.DMatrix(columns), output_margin=True), dtype=np.float64)


def test_a_regression_is_xgbregressor_to_the_last_bit(regression: Tiny) -> None:
    """The bundle adds nothing of its own to the prediction."""
    theirs = xgb.XGBRegressor(**SETTINGS).fit(regression.columns, regression.y).predict(regression.columns)
    np.testing.assert_array_equal(regression.predictor.predict(regression.x).value, theirs.astype(np.float64))


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_a_classification_is_xgbclassifier(kind: str, request: pytest.FixtureRequest) -> None:
    """The predicted class, and the probabilities, which XGBoost computes in single precision."""
    tiny: Tiny = request.getfixturevalue(kind)
    model = xgb.XGBClassifier(**SETTINGS).fit(tiny.columns, tiny.y)
    ours = tiny.predictor.predict(tiny.x)
    assert ours.probabilities is not None
    np.testing.assert_allclose(ours.probabilities, model.predict_proba(tiny.columns), rtol=1e-6, atol=1e-7)
    np.testing.assert_array_equal(ours.value, model.predict(tiny.columns))


def test_an_answer_has_what_belongs_to_its_task(tiny: Tiny) -> None:
    """A regression has bounds; a classification probabilities that sum to 1, and sets that hold the likeliest class."""
    answer = tiny.predictor.predict(tiny.x)
    if answer.probabilities is None:
        assert answer.lower is not None
        assert answer.upper is not None
        assert ((answer.lower <= answer.value) & (answer.value <= answer.upper)).all()
        assert np.mean((answer.lower <= tiny.y) & (tiny.y <= answer.upper)) >= 0.9
    else:
        assert answer.lower is answer.upper is None
        assert answer.label_sets is not None
        np.testing.assert_allclose(answer.probabilities.sum(axis=1), 1, atol=1e-6)
        assert answer.label_sets[np.arange(len(tiny.x)), answer.value.astype(int)].all()


def test_contributions_and_base_add_up_to_the_margin(tiny: Tiny) -> None:
    """In single precision, in which XGBoost adds them; one for each feature of the model, in its order."""
    explanation = tiny.predictor.explain(tiny.x)
    assert explanation.features == tiny.predictor.features == ("colour", "count", "depth", "size")
    total = explanation.base + explanation.values.sum(axis=-1)
    np.testing.assert_allclose(total, margin(tiny, tiny.x), rtol=1e-5, atol=1e-5)
    if tiny.bundle.contract.target.task == "regression":
        np.testing.assert_allclose(total, tiny.predictor.predict(tiny.x).value, rtol=1e-5, atol=1e-5)


def test_contributions_are_those_of_xgboost(regression: Tiny) -> None:
    """The three columns of the category are summed, the others are as they were."""
    theirs = regression.booster.predict(xgb.DMatrix(regression.columns), pred_contribs=True).astype(np.float64)
    ours = regression.predictor.explain(regression.x)
    np.testing.assert_array_equal(ours.values[:, 1:], theirs[:, 3:6])
    np.testing.assert_allclose(ours.values[:, 0], theirs[:, :3].sum(axis=1), atol=1e-12)
    np.testing.assert_array_equal(ours.base, theirs[:, 6])


def test_rows_in_any_order_of_columns_give_what_the_matrix_gives(tiny: Tiny) -> None:
    """Names decide, not positions."""
    x = coded(3, 20)
    rows = [dict(sorted(row.items(), reverse=True)) for row in rows_of(x)]
    np.testing.assert_array_equal(tiny.predictor.predict_rows(rows).value, tiny.predictor.predict(x).value)


def test_rows_at_fault_are_refused(regression: Tiny) -> None:
    """All at once, before the model is asked."""
    with pytest.raises(RowError, match="row 1, size: required, but missing"):
        regression.predictor.predict_rows([{"size": 1}, {}])


def test_each_row_is_answered_alone(tiny: Tiny) -> None:
    """A row's answer does not depend on its neighbours, nor on the layout in memory."""
    x = coded(5, 30)
    whole = tiny.predictor.scores(x)
    np.testing.assert_array_equal(np.concatenate([tiny.predictor.scores(x[i : i + 1]) for i in range(30)]), whole)
    np.testing.assert_array_equal(tiny.predictor.scores(np.asfortranarray(x)), whole)


def test_columns_that_the_model_does_not_use_change_nothing(tiny: Tiny) -> None:
    """`old` is in the contract and not among the model's features."""
    x = coded(5, 30)
    other = x.copy()
    other[:, 2] = 1 - np.nan_to_num(x[:, 2])
    np.testing.assert_array_equal(tiny.predictor.scores(other), tiny.predictor.scores(x))


def test_no_rows_get_an_answer_without_rows(tiny: Tiny) -> None:
    """With the shapes that rows would have."""
    k = tiny.bundle.contract.target.outputs
    answer, explanation = tiny.predictor.predict(np.empty((0, 5))), tiny.predictor.explain(np.empty((0, 5)))
    assert answer.value.shape == (0,)
    assert (None if answer.probabilities is None else answer.probabilities.shape) == ((0, k) if k > 1 else None)
    assert explanation.values.shape == ((0, 3, 4) if k == 3 else (0, 4))
    assert explanation.base.shape == ((0, 3) if k == 3 else (0,))


def test_a_row_of_nothing_but_gaps_is_answered(tiny: Tiny) -> None:
    """Missing values go where training sent them."""
    x = np.full((1, 5), np.nan)
    assert np.isfinite(tiny.predictor.scores(x)).all()
    explanation = tiny.predictor.explain(x)
    np.testing.assert_allclose(explanation.base + explanation.values.sum(-1), margin(tiny, x), rtol=1e-5, atol=1e-5)


def test_the_greatest_number_that_a_row_may_hold_is_explained(regression: Tiny) -> None:
    """Though scaling by less than 1 takes it out of single precision."""
    narrow = dataclasses.replace(regression.bundle.transform, scale=(1.0, 2.9, 0.01, 2.8))
    bundle = dataclasses.replace(regression.bundle, transform=narrow, probe_scores=np.zeros(5))
    with pytest.raises(BundleError, match=r"probe\.json"):
        Predictor(bundle)
    columns = narrow.apply(bundle.probe_rows[:, narrow.columns(bundle.contract)])
    said = np.asarray(regression.booster.inplace_predict(columns), dtype=np.float64)
    predictor = Predictor(dataclasses.replace(bundle, probe_scores=said))
    x = np.array([[1, 1, 1, 1, MOST], [1, 1, 1, 1, -MOST]])
    explanation = predictor.explain(x)
    np.testing.assert_allclose(explanation.base + explanation.values.sum(-1), predictor.scores(x), rtol=1e-5)


def test_a_predictor_is_shared_between_threads(tiny: Tiny) -> None:
    """Many at once get what one alone gets, predictions and explanations."""
    predictor = tiny.predictor
    inputs = [coded(seed, 40) for seed in range(24)]
    alone = [(predictor.scores(x), predictor.explain(x).values) for x in inputs]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda x: (predictor.scores(x), predictor.explain(x).values), inputs))
    for (scores, values), (scores_too, values_too) in zip(alone, together, strict=True):
        np.testing.assert_array_equal(scores, scores_too)
        np.testing.assert_array_equal(values, values_too)


def test_the_number_of_threads_changes_no_bit(tiny: Tiny) -> None:
    """One, two, or as many as there are."""
    x = coded(9, 500)
    first, *others = [Predictor(tiny.bundle, threads).scores(x) for threads in (1, 2, None)]
    for other in others:
        np.testing.assert_array_equal(first, other)


def test_a_bundle_from_disk_answers_like_the_one_in_memory(
    tiny: Tiny, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It knows its digest, its metadata and its features, and XGBoost says nothing while it is loaded."""
    digest = write(tiny.bundle, tmp_path / "b")
    predictor = Predictor.load(tmp_path / "b")
    np.testing.assert_array_equal(predictor.scores(tiny.x), tiny.predictor.scores(tiny.x))
    predictor.explain(tiny.x)
    assert (predictor.digest, predictor.metadata["task"]) == (digest, tiny.bundle.contract.target.task)
    assert predictor.features == tiny.bundle.transform.features
    assert capfd.readouterr() == ("", "")


def test_a_booster_with_names_of_its_own_explains_too(regression: Tiny) -> None:
    """Names in the model file are not compared with those of the columns."""
    names = [f"f{i}" for i in range(6)]
    booster = xgb.train({"max_depth": 2}, xgb.DMatrix(regression.columns, regression.y, feature_names=names), 3)
    said = np.asarray(booster.inplace_predict(regression.columns), dtype=np.float64)
    model = bytes(booster.save_raw("ubj"))
    bundle = dataclasses.replace(regression.bundle, model=model, probe_scores=said[:5], reference_scores=said[:50])
    assert Predictor(bundle).explain(regression.x).values.shape == (240, 4)


@pytest.mark.parametrize("cut", [1, 50, 1000, -1])
def test_a_model_that_xgboost_cannot_read_is_refused(folder: Path, cut: int) -> None:
    """Though its sum is right; the message names the file."""
    (folder / "model.ubj").write_bytes((folder / "model.ubj").read_bytes()[:cut])
    resum(folder)
    with pytest.raises(BundleError, match=r"model\.ubj cannot be read by xgboost"):
        Predictor.load(folder)


def test_a_model_of_another_width_is_refused(regression: Tiny) -> None:
    """A model and a transform of two builds do not meet."""
    other = transform("ordinal", imputed=False)
    with pytest.raises(BundleError, match=r"model\.ubj takes 6 columns, transform\.json gives 4"):
        Predictor(dataclasses.replace(regression.bundle, transform=other))


def test_a_model_of_another_task_is_refused(regression: Tiny, multiclass: Tiny) -> None:
    """It does not say what the probe recorded, whatever the shape of its answer."""
    for mine, other in ((regression, multiclass), (multiclass, regression)):
        with pytest.raises(BundleError, match=r"probe\.json"):
            Predictor(dataclasses.replace(mine.bundle, model=other.bundle.model))


@pytest.mark.parametrize("metadata", [{}, {"versions": None}, {"versions": {"xgboost": "3.2.0"}}])
def test_a_model_that_predicts_other_than_it_did_is_refused(regression: Tiny, metadata: dict[str, object]) -> None:
    """The message says which XGBoost wrote it, where that is known; less than the tolerance is none of its matters."""
    close = dataclasses.replace(regression.bundle, probe_scores=regression.bundle.probe_scores * (1 + 1e-6), metadata=metadata)
    assert Predictor(close).features
    far = dataclasses.replace(close, probe_scores=regression.bundle.probe_scores + 0.01)
    with pytest.raises(BundleError, match=f"written with xgboost {'3.2.0' if metadata.get('versions') else '[?]'}, this is"):
        Predictor(far)


def test_an_explained_regression_adds_up(regression: Tiny) -> None:
    """As plain JSON, the largest contribution first."""
    said = explained(regression.predictor, {"size": 5, "colour": "blue"})
    sizes = [abs(value) for value in parts(said).values()]
    assert sizes == sorted(sizes, reverse=True)
    assert set(parts(said)) == set(regression.predictor.features)
    assert number(said, "base") + sum(parts(said).values()) == pytest.approx(number(said, "prediction"), rel=1e-5)
    assert json.loads(json.dumps(said)) == said


@pytest.mark.parametrize(("kind", "inverse"), [("binary", lambda m: 1 / (1 + np.exp(-m))), ("multiclass", None)])
def test_an_explained_classification_names_the_class_it_explains(
    kind: str, inverse: Callable[[float], float] | None, request: pytest.FixtureRequest
) -> None:
    """The log-odds of the second of two classes, the margin of the predicted one of more."""
    tiny: Tiny = request.getfixturevalue(kind)
    row = {"size": 9.5, "colour": "blue", "count": 3, "depth": 10.0}
    said = explained(tiny.predictor, row)
    total = number(said, "base") + sum(parts(said).values())
    probabilities = said["probabilities"]
    assert isinstance(probabilities, dict)
    assert said["prediction"] == max(probabilities, key=lambda name: probabilities[name])
    if inverse:
        assert said["explains"] == "yes"
        assert inverse(total) == pytest.approx(probabilities["yes"], rel=1e-4)
    else:
        assert said["explains"] == said["prediction"] == "high"
        x = np.array([[9.5, 3, np.nan, 2, 10.0]])
        assert total == pytest.approx(margin(tiny, x)[0, 2], rel=1e-4)


def parts(said: dict[str, object]) -> dict[str, float]:
    """The contributions."""
    contributions = said["contributions"]
    assert isinstance(contributions, dict)
    return contributions


def number(said: dict[str, object], key: str) -> float:
    """A figure of the answer."""
    value = said[key]
    assert isinstance(value, float)
    return value


def test_a_bundle_read_twice_is_two_equal_predictors(folder: Path) -> None:
    """Nothing in it depends on when it is loaded."""
    x = coded(2, 10)
    np.testing.assert_array_equal(Predictor(read(folder)).scores(x), Predictor(read(folder)).scores(x))
