import json
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.bundles import CONTRACT, FEATURES, TARGETS

from hearth.schema import MOST, Contract, Feature, FeatureType, Target

TARGET = Target(name="y", task="regression")
NUMBER = Feature(name="x", type="number")
NAMES = st.text(st.characters(categories=["L"]), min_size=1, max_size=8)


@st.composite
def features(draw: st.DrawFn, name: str) -> Feature:
    """A feature of any type."""
    kind: FeatureType = draw(st.sampled_from(get_args(FeatureType)))
    bounds = (
        sorted(draw(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)))) if kind in {"number", "integer"} else [None, None]
    )
    values = tuple(draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))) if kind == "category" else ()
    low, high = bounds
    ordered = bool(values) and draw(st.booleans())
    bounded = Feature(name=name, type=kind, min=low, max=high, values=values, ordered=ordered)
    return replace(bounded, required=draw(st.booleans()), unit=draw(st.text()))


@st.composite
def contracts(draw: st.DrawFn) -> Contract:
    """A classification over any features."""
    names = draw(st.lists(NAMES, min_size=2, max_size=5, unique=True))
    return Contract(
        target=Target(name=names[0], task="classification", classes=("a", "b")),
        features=tuple(draw(features(name)) for name in names[1:]),
    )


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"type": "text"}, "x: type must be one of number, integer, category, boolean"),
        ({"type": "number", "min": 2, "max": 1}, "x: min 2 is above max 1"),
        ({"type": "boolean", "min": 0}, "x: min and max belong to a number or an integer, not to a boolean"),
        ({"type": "category", "values": ("a",), "max": 0}, "x: min and max belong to"),
        ({"type": "category"}, "x: values are needed for a category"),
        ({"type": "number", "values": ("a",)}, "x: values are needed for a category"),
        ({"type": "category", "values": ("a", "b", "a")}, "x: values holds an entry twice"),
        ({"type": "integer", "ordered": True}, "x: ordered belongs to a category; type integer has"),
        ({"type": "number", "use": False}, "x: use: false needs a reason"),
        ({"type": "number", "min": float("nan")}, "x: min and max must be within 3.40282e"),
        ({"type": "number", "max": float("inf")}, "x: min and max must be within"),
        ({"type": "integer", "max": 10**400}, "x: min and max must be within"),
    ],
)
def test_a_feature_that_contradicts_itself_is_refused(fields: dict[str, object], said: str) -> None:
    """The message names the feature and says what is allowed."""
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 - the message is compared below
        Feature(name="x", **fields)  # type: ignore[arg-type]
    assert said in str(refusal.value)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"task": "ranking"}, "y: task must be one of regression, classification"),
        ({"task": "regression", "classes": ("a", "b")}, "y: classes belong to a classification"),
        ({"task": "classification", "classes": ("a",)}, "y: classes must be two or more"),
        ({"task": "classification", "classes": ("a", "a")}, "y: classes must be two or more, each once"),
    ],
)
def test_a_target_that_contradicts_itself_is_refused(fields: dict[str, object], said: str) -> None:
    """The message names the target and says what is allowed."""
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 - the message is compared below
        Target(name="y", **fields)  # type: ignore[arg-type]
    assert said in str(refusal.value)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ((NUMBER, Feature(name="y", type="number")), "the target y is among the features"),
        ((NUMBER, NUMBER), "named twice"),
        ((), "no feature is used"),
        ((Feature(name="x", type="number", use=False, reason="r"),), "no feature is used"),
    ],
)
def test_features_that_make_no_model_are_refused(parts: tuple[Feature, ...], said: str) -> None:
    """A contract has one name a column, something to learn from, and does not look up the answer."""
    with pytest.raises(ValueError, match=said):
        Contract(target=TARGET, features=parts)


def test_bounds_may_meet_and_reach_the_ends_of_single_precision() -> None:
    """Inclusive bounds may be equal; the greatest float32 is allowed."""
    assert Feature(name="x", type="number", min=1, max=1).numeric
    assert Feature(name="x", type="number", min=-MOST, max=MOST).max == MOST == 3.4028234663852886e38


def test_values_are_coded_as_the_floats_that_models_see() -> None:
    """Numbers as they are, booleans 0 and 1, categories by position, nothing as NaN."""
    size, count, old, _, colour, _ = FEATURES
    coded = [size.code(2.5), count.code(3), old.code(True), old.code(False), colour.code("blue"), colour.code("red")]
    assert coded == [2.5, 3, 1, 0, 2, 0]
    assert size.code(None) != size.code(None)


def test_a_column_that_is_not_used_is_not_coded() -> None:
    """It belongs to the contract and not to the matrix."""
    assert CONTRACT.names == ("size", "count", "old", "colour", "depth")
    assert len(CONTRACT.features) == 6


def test_a_target_has_one_output_or_one_a_class() -> None:
    """Scores have as many columns."""
    assert [target.outputs for target in TARGETS.values()] == [1, 2, 3]


@given(contracts())
def test_a_contract_survives_json(contract: Contract) -> None:
    """What is written is what is read."""
    assert Contract.from_dict(json.loads(json.dumps(contract.to_dict()))) == contract


@pytest.mark.parametrize(
    "damage",
    [
        {"target": None},
        {"target": []},
        {"features": None},
        {"features": [1]},
        {"features": [{"name": "x", "type": "number", "colour": "red"}]},
        {"features": [{"name": "x"}]},
        {"features": [{"name": 5, "type": "number"}]},
        {"features": [{"name": "x", "type": "number", "min": "0"}]},
        {"features": [{"name": "x", "type": "number", "required": "yes"}]},
        {"features": [{"name": "x", "type": "category", "values": "abc"}]},
        {"features": [{"name": "x", "type": "category", "values": [1, 2]}]},
        {"features": [{"name": "x", "type": "category", "values": {"a": 1}}]},
        {"target": {"name": "y", "task": "regression", "classes": None}},
    ],
)
def test_what_is_no_contract_is_refused_with_a_value_error(damage: dict[str, object]) -> None:
    """Unknown, missing and wrongly typed fields end here, not in a prediction."""
    raw = {"target": {"name": "y", "task": "regression"}, "features": [{"name": "x", "type": "number"}]}
    assert Contract.from_dict(raw).names == ("x",)
    with pytest.raises(ValueError):  # noqa: PT011 - that it is one is the point
        Contract.from_dict({**raw, **damage})


def test_a_missing_part_of_a_contract_is_refused() -> None:
    """Target and features are both needed."""
    with pytest.raises(ValueError, match="not a contract: 'features'"):
        Contract.from_dict({"target": {"name": "y", "task": "regression"}})
