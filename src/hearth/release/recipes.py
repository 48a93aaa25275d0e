"""Two recipes with their data by cross-validation, where too few rows are left that neither model has seen."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import ValidationError

from hearth.bundle import Bundle
from hearth.errors import GateError
from hearth.params import PrepareParams
from hearth.release.coding import Pair
from hearth.release.verdict import Outcome, Rule
from hearth.training.comparison import compare
from hearth.training.fitting import Recipe, fold_data, fold_scores, side_by_side
from hearth.training.folds import pairs
from hearth.training.metrics import OBJECTIVE, objective
from hearth.training.selection import selector
from hearth.training.split import groups, repeated_folds
from hearth.training.table import Rows, Table


@dataclass(frozen=True, slots=True)
class Procedure:
    """How a side makes a model of rows: everything that is fitted is fitted to them, with the side's own seed."""

    recipe: Recipe
    prepare: PrepareParams
    seed: int

    @classmethod
    def of(cls, bundle: Bundle) -> "Procedure":
        """What a bundle's metadata say of how its model was made.

        Raises:
            GateError: they do not say it.
        """
        try:
            recipe, prepare, seed = (bundle.metadata[key] for key in ("recipe", "prepare", "seed"))
            return cls(Recipe(**recipe), PrepareParams.model_validate(prepare), int(seed))  # type: ignore[arg-type,call-overload]
        except (KeyError, TypeError, ValueError, ValidationError) as error:
            raise GateError(
                f"metadata.json of the bundle {bundle.digest[:12]} does not say how its model was made, so it cannot be "
                "cross-validated. Build it again with this version (make repro)."
            ) from error


def compare_recipes(rows: Pair, owned: tuple[Table, Table], procedures: tuple[Procedure, Procedure], rule: Rule) -> Outcome:
    """Cross-validate the candidate and the champion, in this order, on the same folds of ``rows``.

    In each fold a side is trained on its own table without what is validated. With equal tables this is recipe against
    recipe, and with a grown one the value of the new rows counts too. Tested one-sided by Nadeau and Bengio's corrected
    resampled t-test.

    Raises:
        DataError: too few rows for the folds.
    """
    target = rows.candidate.contract.target
    folds = repeated_folds(rows.candidate, rule.folds, rule.repeats, rule.seed)
    validated = [valid for _, valid in pairs(folds)]
    metric = OBJECTIVE[target.task]
    mine, theirs = (
        [{metric: score} for score in scores(side, own, procedure, validated, rule.folds)]
        for side, own, procedure in zip((rows.candidate, rows.champion), owned, procedures, strict=True)
    )
    found = compare("champion", mine, theirs, metric, 1 / (rule.folds - 1), 1 - 2 * rule.alpha)
    better = found.difference.value < 0
    return Outcome(
        metric=metric,
        rows=int(groups(rows.candidate).max()) + 1,
        candidate=_mean(mine),
        champion=_mean(theirs),
        difference=found.difference.value,
        low=found.difference.low,
        high=found.difference.high,
        confidence=1 - 2 * rule.alpha,
        p_value=found.p_value / 2 if better else 1 - found.p_value / 2,
    )


def scores(rows: Table, own: Table, procedure: Procedure, validated: Sequence[Rows], folds: int) -> list[float]:
    """The objective of a procedure on the validation rows of each of so many folds a repeat, trained on its own table.

    Left out of training are the rows of which a copy is validated, and of those that are validated nowhere a share in turn:
    each fold is trained on the same share of the table.
    """
    select = selector(procedure.recipe.percentile, procedure.prepare, procedure.seed)
    together = Table(own.contract, np.concatenate([own.x, rows.x]), np.concatenate([own.y, rows.y]))
    group, target = groups(together), own.contract.target
    mine = group[: len(own)]
    elsewhere = ~np.isin(mine, group[len(own) :])
    turn = np.where(elsewhere, np.cumsum(elsewhere) % folds, -1)

    def one(job: tuple[int, Rows]) -> float:
        number, valid = job[0] % folds, job[1] + len(own)
        train = np.flatnonzero(~np.isin(mine, group[valid]) & (turn != number))
        fold = fold_data(together, (train, valid), procedure.prepare, procedure.recipe, select)
        return objective(target.task, fold.actual, fold_scores(fold, procedure.recipe, target, procedure.seed))

    return side_by_side(one, enumerate(validated))


def _mean(folds: list[dict[str, float]]) -> float:
    return float(np.mean([value for fold in folds for value in fold.values()]))
