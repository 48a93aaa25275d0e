"""The learning curve: what a recipe makes of more and more rows."""

import numpy as np

from hearth.params import Params
from hearth.training.evaluation import LearningPoint
from hearth.training.fitting import Recipe, fit, fit_transform, fittable, side_by_side
from hearth.training.folds import Folds, pairs
from hearth.training.metrics import objective
from hearth.training.selection import selector
from hearth.training.table import Rows, Table

# Shares of a fold's training rows on the learning curve.
SHARES = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0)


def learning_curve(train: Table, assigned: Folds, recipe: Recipe, settings: Params) -> tuple[LearningPoint, ...]:
    """A recipe on growing shares of the training rows of some folds, measured on their validation rows."""
    folds = list(pairs(assigned))
    order = np.random.default_rng(settings.evaluate.seed).permutation(len(train))

    def one(job: tuple[float, tuple[Rows, Rows]]) -> tuple[int, float, float]:
        share, (rows, valid) = job
        shuffled = order[np.isin(order, rows)]
        part = train.take(np.sort(shuffled[: max(2, round(share * len(rows)))]))
        return (len(part), *_both_sides(part, train.take(valid), recipe, settings))

    jobs = [(share, rows) for share in SHARES for rows in folds]
    results = np.array(side_by_side(one, jobs)).reshape(len(SHARES), len(folds), 3)
    return tuple(
        LearningPoint(
            int(point[:, 0].min()), float(point[:, 1].mean()), float(point[:, 2].mean()), float(point[:, 2].std(ddof=1))
        )
        for point in results
    )


def _both_sides(part: Table, valid: Table, recipe: Recipe, settings: Params) -> tuple[float, float]:
    """The objective of a recipe on the rows that it was fitted to and on others."""
    select = selector(recipe.percentile, settings.prepare, settings.tuning.seed)
    names = tuple(select(part)) if select else part.contract.columns
    transform = fit_transform(part.contract, fittable(part, settings.prepare).seen, settings.prepare).subset(names)
    model = fit(part, recipe, transform, settings.prepare, settings.tuning.seed)

    def of(side: Table) -> float:
        return objective(side.contract.target.task, side.y, model.scores(side.x, side.contract))

    return of(part), of(valid)
