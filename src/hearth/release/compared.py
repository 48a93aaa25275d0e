"""Builds side by side, from what their bundles say of themselves."""

from collections.abc import Mapping
from typing import Any

from hearth.training.metrics import OBJECTIVE

Metadata = Mapping[str, Any]
Pair = tuple[object, object]


def figures(one: Metadata) -> dict[str, Mapping[str, float | None]]:
    """Every figure by name: ``mean`` and ``sd`` of the cross-validation, ``value``, ``low`` and ``high`` on the test rows."""
    return {f"{part} {name}": figure for part in ("cv", "test") for name, figure in one["metrics"][part].items()}


def pairs(a: Metadata, b: Metadata) -> dict[str, tuple[Mapping[str, float | None] | None, Mapping[str, float | None] | None]]:
    """The figures of two, side by side; ``None`` where one has none."""
    left, right = figures(a), figures(b)
    return {name: (left.get(name), right.get(name)) for name in {**left, **right}}


def settings(one: Metadata) -> dict[str, object]:
    """What a model was made by: its experiment, rounds and parameters, features and versions of libraries."""
    recipe = {**one["recipe"], **one["recipe"]["params"]}
    recipe.pop("params")
    versions = {f"{name} (version)": version for name, version in one["versions"].items()}
    return {"experiment": one["winner"], "task": one["task"], **recipe, "features": ", ".join(one["features"]), **versions}


def data(one: Metadata) -> dict[str, object]:
    """What a model was made from: the source, its sum, rows; of truths that joined it, likewise."""
    table = {name: value for name, value in one["data"].items() if name != "feedback"}
    joined = {f"feedback {name}": value for name, value in one["data"].get("feedback", {}).items() if name != "file"}
    return {**table, **joined, "training rows": one["training_rows"]}


def different(a: Mapping[str, object], b: Mapping[str, object]) -> dict[str, Pair]:
    """The values that two do not share; ``None`` where one has none."""
    return {name: (a.get(name), b.get(name)) for name in {**a, **b} if a.get(name) != b.get(name)}


def ranked(builds: Mapping[int, Metadata], like: int) -> list[tuple[int, float, float]]:
    """The builds on the data and the task of one of them: number, mean and standard deviation of the score, the best first.

    The score is what searches minimise, by the repeated cross-validation that all builds on a table share.
    """
    name, kind = score(builds[like]), _kind(builds[like])
    scores = {number: one["metrics"]["cv"][name] for number, one in builds.items() if _kind(one) == kind}
    return sorted(((number, one["mean"], one["sd"]) for number, one in scores.items()), key=lambda entry: entry[1])


def score(one: Metadata) -> str:
    """The name of the score by which builds of a task are ranked."""
    return OBJECTIVE[one["task"]]


def _kind(one: Metadata) -> tuple[object, ...]:
    table = one["data"]
    return one["task"], table["sha256"], table["rows"], table.get("feedback", {}).get("sha256")
