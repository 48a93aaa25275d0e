"""Builds of tiny tables, in memory: what the gate compares."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace

import pyarrow as pa
from tests.tiny import Cells, Kind, arrow, cells, settings

from hearth.params import Params
from hearth.release.build import Build
from hearth.release.verdict import Rule, Side
from hearth.stages.prepare import plan
from hearth.training import table
from hearth.training.assemble import assemble
from hearth.training.experiment import Experiment
from hearth.training.fitting import Recipe

GOOD = Recipe(30, {"learning_rate": 0.3, "max_depth": 4, "max_bin": 64})
POOR = Recipe(2, {"learning_rate": 0.1, "max_depth": 2, "max_bin": 64})
RULE = Rule(alpha=0.05, min_rows=30, folds=3, repeats=2, seed=0)
NEVER = RULE.model_copy(update={"min_rows": 10_000})  # no table here has so many rows: recipes are compared


def build(
    name: str, columns: Cells, kind: Kind = "regression", recipe: Recipe = GOOD, **sections: Mapping[str, object]
) -> Build:
    """A build of a table by a recipe, under ``settings``."""
    return build_of(name, columns, settings(kind, **sections), recipe)


def build_of(name: str, columns: Cells, chosen: Params, recipe: Recipe = GOOD) -> Build:
    """A build under settings of its own."""
    everything = arrow(chosen.contract, columns)
    train, test, folds, transform = plan(table.code(everything, chosen.contract), chosen)
    parts = {"table": everything, "train": everything.take(pa.array(train)), "test": everything.take(pa.array(test))}
    experiment = Experiment("tune_full", recipe, chosen.contract.names, ())
    rows = table.code(parts["train"], chosen.contract)
    bundle = assemble(experiment, rows, folds, transform, chosen, {})
    side = Side(
        digest=hashlib.sha256(name.encode()).hexdigest(),
        sha256=dict.fromkeys(parts, "00"),
        rows={part: one.num_rows for part, one in parts.items()},
    )
    return Build(bundle=replace(bundle, digest=side.digest), **parts, side=side)


def grown(kind: Kind, first: int, more: int) -> Cells:
    """The first table with more rows below it."""
    old, new = cells(kind, first), cells(kind, more, seed=1)
    return {name: [*values, *new[name]] for name, values in old.items()}
