"""Cross-validation of one recipe, everything that is fitted fitted inside the fold."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hearth.params import PrepareParams
from hearth.training.fitting import Recipe, fold_data, fold_scores, side_by_side
from hearth.training.folds import Folds, pairs
from hearth.training.metrics import metrics
from hearth.training.selection import selector
from hearth.training.table import Rows, Table, Vector


@dataclass(frozen=True, slots=True)
class Validated:
    """One fold's validation rows, by position in the table, and the answers to them: (m,), or probabilities (m, k)."""

    rows: Rows
    scores: Vector


def cross_validate(table: Table, folds: Folds, prepare: PrepareParams, recipe: Recipe, seed: int) -> tuple[Validated, ...]:
    """Answer every validation row of every fold of every repeat; a recipe that selects does so in each fold."""
    select = selector(recipe.percentile, prepare, seed)

    def one(rows: tuple[Rows, Rows]) -> Validated:
        data = fold_data(table, rows, prepare, recipe.params, select)
        return Validated(data.rows, fold_scores(data, recipe, table.contract.target, seed))

    return tuple(side_by_side(one, pairs(folds)))


def measured(table: Table, validated: Sequence[Validated]) -> tuple[dict[str, float], ...]:
    """Every metric of each fold."""
    task = table.contract.target.task
    return tuple(metrics(task, table.y[one.rows], one.scores) for one in validated)


def out_of_fold(validated: Sequence[Validated], repeats: int) -> list[Vector]:
    """The answer to each row of the table from the fold that did not see it, one array a repeat."""
    each = len(validated) // repeats
    return [_joined(validated[i * each : (i + 1) * each]) for i in range(repeats)]


def _joined(validated: Sequence[Validated]) -> Vector:
    order = np.argsort(np.concatenate([one.rows for one in validated]), kind="stable")
    return np.concatenate([one.scores for one in validated])[order]
