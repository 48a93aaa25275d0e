"""Cross-validation of one recipe, everything that is fitted fitted inside the fold."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from hearth.bundle.decision import EVEN, labels
from hearth.params import PrepareParams
from hearth.training.fitting import Recipe, fold_data, fold_scores, side_by_side
from hearth.training.folds import Folds, pairs
from hearth.training.metrics import metrics
from hearth.training.selection import selector
from hearth.training.table import Rows, Table, Vector

Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Validated:
    """One fold's validation rows, by position in the table, and the answers to them: (m,), or probabilities (m, k).

    Of two classes the second is the label above ``threshold``.
    """

    rows: Rows
    scores: Vector
    threshold: float = EVEN


def cross_validate(table: Table, folds: Folds, prepare: PrepareParams, recipe: Recipe, seed: int) -> tuple[Validated, ...]:
    """Answer every validation row of every fold of every repeat; a recipe that selects does so in each fold."""
    select = selector(recipe.percentile, prepare, seed)

    def one(rows: tuple[Rows, Rows]) -> Validated:
        data = fold_data(table, rows, prepare, recipe, select)
        return Validated(data.rows, fold_scores(data, recipe, table.contract.target, seed))

    return tuple(side_by_side(one, pairs(folds)))


def measured(table: Table, validated: Sequence[Validated]) -> tuple[dict[str, float], ...]:
    """Every metric of each fold."""
    task = table.contract.target.task
    return tuple(metrics(task, table.y[one.rows], one.scores, one.threshold) for one in validated)


def out_of_fold(validated: Sequence[Validated], repeats: int) -> list[Vector]:
    """The answer to each row of the table from the fold that did not see it, one array a repeat."""
    return [_joined(part, [one.scores for one in part]) for part in _by_repeat(validated, repeats)]


def labels_out_of_fold(validated: Sequence[Validated], repeats: int) -> list[NDArray[np.intp]]:
    """The labels of a classification's ``out_of_fold`` answers, each at the threshold of its fold."""
    return [_joined(part, [labels(one.scores, one.threshold) for one in part]) for part in _by_repeat(validated, repeats)]


def _by_repeat(validated: Sequence[Validated], repeats: int) -> list[Sequence[Validated]]:
    size = len(validated) // repeats
    return [validated[i * size : (i + 1) * size] for i in range(repeats)]


def _joined(validated: Sequence[Validated], parts: Sequence[NDArray[Number]]) -> NDArray[Number]:
    """Parts of each fold's rows in the order of the table."""
    order = np.argsort(np.concatenate([one.rows for one in validated]), kind="stable")
    return np.concatenate(parts)[order]
