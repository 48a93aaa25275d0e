"""From margins to probabilities and labels."""

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.bundles import Tiny, rows_of

from api.model import Model
from hearth.bundle import Predictor
from hearth.bundle.booster import as_scores
from hearth.bundle.decision import Decision, labels
from hearth.bundle.explained import explained
from hearth.errors import BundleError

Scores = NDArray[np.float64]


@pytest.fixture(scope="module")
def tiny_of(regression: Tiny, binary: Tiny, multiclass: Tiny) -> dict[str, Tiny]:
    """Bundles by kind."""
    return {"regression": regression, "binary": binary, "multiclass": multiclass}


def decided(tiny: Tiny, temperature: float, threshold: float = 0.5) -> Predictor:
    """A predictor of the same trees with a decision in its metadata."""
    said = as_scores(margins(tiny.predictor.scores(tiny.x)), tiny.bundle.contract.target.outputs, temperature)
    told = {"calibration": {"temperature": temperature}, "threshold": {"value": threshold}}
    bundle = replace(tiny.bundle, metadata={**tiny.bundle.metadata, **told}, probe_scores=said[:5], reference_scores=said[:50])
    return Predictor(bundle, threads=1)


def margins(probabilities: Scores) -> Scores:
    """Margins of which these are the probabilities."""
    logs: Scores = np.log(probabilities)
    return logs[:, 1] - logs[:, 0] if logs.shape[1] == 2 else logs


def told(answer: object) -> Any:  # noqa: ANN401 - JSON
    """An answer as a client reads it."""
    return msgspec.json.decode(msgspec.json.encode(answer))


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_a_temperature_divides_the_margins_on_every_way_to_an_answer(
    tiny_of: dict[str, Tiny], kind: str, temperature: float
) -> None:
    """Rows one by one, many at once, by either engine and over the API get the same bits: margins over the temperature."""
    tiny = tiny_of[kind]
    predictor, x = decided(tiny, temperature), tiny.x[:20]
    scores = predictor.scores(x)
    expected = as_scores(margins(tiny.predictor.scores(x)), scores.shape[1], temperature)
    np.testing.assert_allclose(scores, expected, rtol=1e-9)
    assert predictor.engine == "forest"
    assert [predictor.score_one(row) for row in x.tolist()] == scores.tolist()
    assert np.array_equal(predictor._booster_scores(x), scores)
    many = told(Model(predictor).answers(predictor.predict(x), [None] * len(x)))
    alone = [told(Model(predictor).answer(None, predictor.score_one(row), row)) for row in x.tolist()]
    assert [{name: one[name] for name in answer} for one, answer in zip(alone, many, strict=True)] == many


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_contributions_add_up_to_the_margin_of_the_probabilities(tiny_of: dict[str, Tiny], kind: str) -> None:
    """Base and contributions are those of the calibrated margin, and the API's explanation names whose log-odds they are."""
    tiny = tiny_of[kind]
    predictor = decided(tiny, 1.7)
    found, scores = predictor.explain(tiny.x[:20]), predictor.scores(tiny.x[:20])
    summed = as_scores(found.base + found.values.sum(axis=-1), scores.shape[1])
    np.testing.assert_allclose(summed, scores, atol=1e-5)
    assert explained(predictor, rows_of(tiny.x[:1])[0])["prediction"] in tiny.bundle.contract.target.classes


def test_a_threshold_moves_the_label_alone(tiny_of: dict[str, Tiny]) -> None:
    """Above it the label is the second class, in single answers, in batches and in explanations; the label is in its set."""
    tiny = tiny_of["binary"]
    even, low = tiny.predictor.predict(tiny.x), decided(tiny, 1.0, 0.2).predict(tiny.x)
    assert even.probabilities is not None
    assert low.probabilities is not None
    assert low.label_sets is not None
    assert np.array_equal(low.probabilities, even.probabilities)
    assert np.array_equal(low.value, even.probabilities[:, 1] > 0.2)
    moved = np.flatnonzero(low.value != even.value)
    assert len(moved)
    assert low.label_sets[np.arange(len(tiny.x)), low.value.astype(int)].all()
    model, row = Model(decided(tiny, 1.0, 0.2)), tiny.x[moved[0]]
    assert told(model.answer(None, model.predictor.score_one(row.tolist()), row.tolist()))["prediction"] == "yes"
    assert explained(model.predictor, rows_of(row[None])[0])["prediction"] == "yes"


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_one_half_is_the_more_probable_class(second: list[float]) -> None:
    """At one half labels are those of argmax, ties to the first."""
    probabilities = np.stack([1 - np.array(second), second], axis=1)
    assert np.array_equal(labels(probabilities), probabilities.argmax(axis=1))


def test_a_bundle_without_a_decision_answers_as_before() -> None:
    """Metadata that say nothing of it leave margins and labels as they are."""
    assert Decision.of({"task": "classification"}) == Decision(1.0, 0.5)


@pytest.mark.parametrize(
    "told",
    [
        {"calibration": {"temperature": 0}},
        {"calibration": {"temperature": float("inf")}},
        {"calibration": {"temperature": "1"}},
        {"calibration": {"temperature": True}},
        {"calibration": 2},
        {"threshold": {"value": 1}},
        {"threshold": {"value": float("nan")}},
    ],
)
def test_a_decision_that_none_is_refuses_the_bundle(tiny_of: dict[str, Tiny], told: dict[str, object]) -> None:
    """A temperature or threshold that cannot be one is an error that says what to do."""
    bundle = tiny_of["binary"].bundle
    with pytest.raises(BundleError, match=r"metadata\.json does not hold what it should"):
        Predictor(replace(bundle, metadata={**bundle.metadata, **told}))


def test_a_regression_knows_no_temperature(tiny_of: dict[str, Tiny]) -> None:
    """Numbers are answered as they are, whatever the metadata say."""
    bundle = tiny_of["regression"].bundle
    told = {"calibration": {"temperature": 3.0}}
    assert Predictor(replace(bundle, metadata={**bundle.metadata, **told})).decision == Decision()
