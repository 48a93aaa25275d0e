"""What two builds have other than each other, and which is ahead."""

from typing import Any

from hearth.release import compared


def build(score: float, **changed: Any) -> dict[str, Any]:  # noqa: ANN401 - parts of metadata
    """What a bundle says of itself."""
    return {
        "task": "regression",
        "winner": "select",
        "metrics": {
            "cv": {"rmse": {"mean": score, "sd": 0.5}},
            "test": {"rmse": {"value": score, "low": score - 1, "high": score + 1}},
        },
        "recipe": {"rounds": 10, "percentile": None, "params": {"max_depth": 3}},
        "features": ["a", "b"],
        "versions": {"xgboost": "3.2.0"},
        "data": {"source": "csv", "sha256": "aa", "version": None, "rows": 9},
        "training_rows": 7,
        **changed,
    }


def test_figures_stand_side_by_side() -> None:
    """Those of either, with their spread; a metric that one lacks is none there."""
    other = build(2, metrics={"cv": {"log_loss": {"mean": 1, "sd": 0.1}}, "test": {}})
    assert compared.pairs(build(3), other) == {
        "cv rmse": ({"mean": 3, "sd": 0.5}, None),
        "test rmse": ({"value": 3, "low": 2, "high": 4}, None),
        "cv log_loss": (None, {"mean": 1, "sd": 0.1}),
    }


def test_only_what_differs_is_told() -> None:
    """Parameters, features, versions of libraries; the data."""
    a, b = build(3), build(3, features=["a"], recipe={"rounds": 10, "percentile": 20, "params": {"eta": 1}}, winner="tune")
    assert compared.different(compared.settings(a), compared.settings(a)) == {}
    assert compared.different(compared.settings(a), compared.settings(b)) == {
        "experiment": ("select", "tune"),
        "percentile": (None, 20),
        "max_depth": (3, None),
        "eta": (None, 1),
        "features": ("a, b", "a"),
    }
    more = build(3, training_rows=8, data={"source": "csv", "sha256": "bb", "version": None, "rows": 9})
    assert compared.different(compared.data(a), compared.data(more)) == {"sha256": ("aa", "bb"), "training rows": (7, 8)}
    joined = build(3, data={**a["data"], "rows": 12, "feedback": {"file": "data/feedback.csv", "sha256": "cc", "rows": 3}})
    assert compared.different(compared.data(a), compared.data(joined)) == {
        "rows": (9, 12),
        "feedback sha256": (None, "cc"),
        "feedback rows": (None, 3),
    }


def test_builds_are_ranked_on_the_same_data_alone() -> None:
    """By the score that searches minimise; other data, truths that joined a table, and other tasks stand aside."""
    other = {"source": "csv", "sha256": "bb", "version": None, "rows": 9}
    builds = {1: build(3), 2: build(2.5), 3: build(1, data=other), 4: build(1, task="classification"), 5: build(4)}
    assert compared.ranked(builds, 1) == [(2, 2.5, 0.5), (1, 3, 0.5), (5, 4, 0.5)]
    assert compared.ranked(builds, 3) == [(3, 1, 0.5)]
    joined = {**builds[1]["data"], "feedback": {"file": "data/feedback.csv", "sha256": "cc", "rows": 3}}
    assert compared.ranked({**builds, 6: build(1, data=joined)}, 1) == [(2, 2.5, 0.5), (1, 3, 0.5), (5, 4, 0.5)]
    assert compared.score(builds[1]) == "rmse"
