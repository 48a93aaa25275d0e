"""How often the gate is wrong: candidates no better than the champion that it promotes, and better ones that it keeps out.

Every candidate has a table of its own, drawn from one generating function: twelve correlated features, some skewed or rounded,
interactions and steps, noise with heavy tails that grows with a feature, a target that is capped. Both sides are real fits.
True risks are those on fresh rows. Beside the gate: the lower RMSE on the one test split.
"""

import argparse
import functools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hearth.imports import boosting
from hearth.params import PrepareParams
from hearth.schema import Contract, Feature, Target

boosting()

from hearth.release.coding import Pair  # noqa: E402 - boosting() comes first, as in a stage
from hearth.release.paired import paired  # noqa: E402
from hearth.release.recipes import Procedure, compare_recipes  # noqa: E402
from hearth.release.verdict import Rule  # noqa: E402
from hearth.training.fitting import Recipe, all_folds, fit, fit_transform, fold_scores  # noqa: E402
from hearth.training.metrics import losses, objective, rmse  # noqa: E402
from hearth.training.split import holdout, repeated_folds  # noqa: E402
from hearth.training.table import Table, Vector  # noqa: E402

FEATURES = 12
SMALL, LARGE = 506, 5000  # rows of the tables
CONTRACT = Contract(
    target=Target(name="y", task="regression"),
    features=tuple(Feature(name=f"x{i}", type="number") for i in range(FEATURES)),
)
MIXING = np.linalg.cholesky(0.5 ** np.abs(np.subtract.outer(np.arange(FEATURES), np.arange(FEATURES))))
PREPARE = PrepareParams(seed=42, test_size=0.2, imputation="native", scaling="standard", encoding="onehot")
RULE = Rule(alpha=0.05, min_rows=200, folds=5, repeats=5, seed=0)
BASE = Recipe(
    60,
    {
        "learning_rate": 0.15,
        "max_depth": 4,
        "min_child_weight": 3,
        "subsample": 0.7,
        "colsample_bynode": 0.5,
        "max_bin": 64,
    },
)
# Of another shape; how many rounds make it as good as BASE is measured. And one of steps too large, which fits noise.
OTHER = Recipe(120, {**BASE.params, "learning_rate": 0.2, "max_depth": 2})
ROUGH = Recipe(20, {**BASE.params, "max_depth": 5, "min_child_weight": 1})
BETTER = 0.5  # RMSE
CALIBRATION = 10_000_000  # seeds from here on are no candidate's
DRAWS = 20  # sets of fresh rows that two levelled models are judged on
STEPS = 7  # of a bisection
LUCKY = 10  # seeds of which the luckiest is the candidate


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a candidate: by the gate, and by the lower RMSE on the one test split."""

    promoted: bool
    lower: bool


@dataclass(frozen=True, slots=True)
class Cell:
    """A kind of candidate: how much its true RMSE lies below the champion's, and what plays one of it by its number."""

    rows: int
    method: str
    name: str
    better: float
    play: Callable[[int], Sequence[Trial]]


def world(rows: int, seed: int) -> Table:
    """Rows of the generating function; a model of 400 of them has an RMSE of about 3.2."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(rows, FEATURES)) @ MIXING.T
    signal = 22 + 4.5 * z[:, 0] + 3 * np.maximum(z[:, 0] - 0.8, 0) ** 2 - 3 * np.tanh(z[:, 1]) + 2 * z[:, 0] * (z[:, 2] < 0)
    signal += 1.5 * np.where(z[:, 4] > 0.5, z[:, 5], -1) - 2 * np.abs(z[:, 3]) + np.cos(2 * z[:, 6])
    noise = 1.85 * rng.standard_t(4, rows) * (0.6 + 0.5 * np.abs(z[:, 0]))
    x = z.copy()
    x[:, 1], x[:, 7], x[:, 8] = np.exp(z[:, 1]), np.round(3 * z[:, 7]), z[:, 8] > 1.5
    return Table(CONTRACT, np.ascontiguousarray(x), np.clip(signal + noise, 5, 50))


@functools.cache
def fresh(rows: int = 60_000) -> Table:
    """Rows that stand for all there will ever be."""
    return world(rows, CALIBRATION - 1)


def answers(train: Table, recipe: Recipe, seed: int, *asked: Table) -> list[Vector]:
    """What a recipe fitted to ``train`` says of the rows of some tables."""
    model = fit(train, recipe, fit_transform(CONTRACT, train.x, PREPARE), PREPARE, seed)
    return [model.scores(one.x, CONTRACT) for one in asked]


def risk(recipe: Recipe, rows: int, tables: int) -> float:
    """The true RMSE of a recipe on so many training rows, averaged over tables."""
    made = [answers(world(rows, CALIBRATION + i), recipe, CALIBRATION + i, fresh())[0] for i in range(tables)]
    return float(np.mean([rmse(fresh().y, one) for one in made]))


def calibrated(made: Callable[[float], Recipe], good: float, bad: float, wanted: float, rows: int, tables: int) -> Recipe:
    """By bisection, the recipe between a good and a bad value of some knob that has the true RMSE ``wanted``."""
    for _ in range(STEPS):
        middle = (good + bad) / 2
        good, bad = (middle, bad) if risk(made(middle), rows, tables) <= wanted else (good, middle)
    return made(good)


def split(table: Table) -> tuple[Table, Table]:
    """Training and test rows, as ``prepare`` splits them."""
    train, test = holdout(table, PREPARE.test_size, PREPARE.seed)
    return table.take(train), table.take(test)


def by_recipes(rows: int, candidate: Recipe, champion: Recipe, lucky: bool, seed: int) -> Sequence[Trial]:
    """One table, too small for its test rows to decide: recipe against recipe."""
    table = world(rows, seed)
    train, test = split(table)
    mine = luckiest(train, candidate, seed) if lucky else 2 * seed + 1
    procedures = Procedure(candidate, PREPARE, mine), Procedure(champion, PREPARE, 2 * seed)
    found = compare_recipes(Pair(table, table, 0), (table, table), procedures, RULE)
    scores = [objective("regression", test.y, answers(train, one.recipe, one.seed, test)[0]) for one in procedures]
    return [Trial(found.p_value < RULE.alpha, scores[0] < scores[1])]


def luckiest(train: Table, recipe: Recipe, seed: int) -> int:
    """Of some seeds of a recipe the one that a search would choose: the best by cross-validation on the training rows."""
    folds = all_folds(train, repeated_folds(train, 5, 1, PREPARE.seed), PREPARE, recipe)

    def score(tried: int) -> float:
        return float(np.mean([rmse(one.actual, fold_scores(one, recipe, CONTRACT.target, tried)) for one in folds]))

    return min(range(100 * seed, 100 * seed + LUCKY), key=score)


def by_rows(rows: int, judged: int, recipes: tuple[Recipe, Recipe], worse: bool, seed: int) -> Sequence[Trial]:
    """Two models of one table on ``judged`` rows that neither has seen; with ``worse`` the candidate is the truly worse one."""
    train, test = world(rows, seed), world(judged, seed + CALIBRATION // 2)
    asked = (test, fresh()) if worse else (test,)
    (mine, *mine_true), (theirs, *theirs_true) = (
        answers(train, recipe, 2 * seed + i, *asked) for i, recipe in enumerate(recipes)
    )
    if worse and rmse(fresh().y, mine_true[0]) < rmse(fresh().y, theirs_true[0]):
        mine, theirs = theirs, mine
    return [trial(test.y, mine, theirs)]


def by_rows_levelled(rows: int, judged: int, recipes: tuple[Recipe, Recipe], seed: int) -> Sequence[Trial]:
    """Two models of one table brought to exactly the same error on all fresh rows, judged on some of these again and again."""
    train, rng = world(rows, seed), np.random.default_rng(seed)
    both = [answers(train, recipe, 2 * seed + i, fresh())[0] for i, recipe in enumerate(recipes)]
    mine, theirs = levelled(*both)
    drawn = rng.integers(len(fresh()), size=(DRAWS, judged))
    return [trial(fresh().y[at], mine[at], theirs[at]) for at in drawn]


def trial(actual: Vector, mine: Vector, theirs: Vector) -> Trial:
    """A comparison of two models' answers."""
    found = paired("regression", losses("regression", actual, mine), losses("regression", actual, theirs), RULE.alpha)
    return Trial(found.p_value < RULE.alpha, found.difference < 0)


def levelled(mine: Vector, theirs: Vector) -> tuple[Vector, Vector]:
    """Both answers to all fresh rows, the better model's moved by the constant that makes its error the other's."""
    mine_off, theirs_off = mine - fresh().y, theirs - fresh().y
    gap = float(np.mean(mine_off**2) - np.mean(theirs_off**2))
    bias = float(np.mean(mine_off if gap < 0 else theirs_off))
    move = math.copysign(math.sqrt(bias**2 + abs(gap)) - abs(bias), bias)
    return (mine + move, theirs) if gap < 0 else (mine, theirs + move)


@dataclass(frozen=True, slots=True)
class Contenders:
    """Recipes with how much better BASE is than they on so many training rows."""

    equal: tuple[Recipe, float]
    short: tuple[Recipe, float]
    rough: tuple[Recipe, float]

    @classmethod
    def made(cls, rows: int, tables: int) -> "Contenders":
        """Another recipe as good as BASE; two that are worse by ``BETTER``, with steps too few and small, and too rough."""
        base = risk(BASE, rows, tables)

        def rounds(count: float) -> Recipe:
            return replace(OTHER, rounds=round(count))

        def steps(recipe: Recipe) -> Callable[[float], Recipe]:
            return lambda rate: replace(recipe, params={**recipe.params, "learning_rate": rate})

        found = (
            calibrated(rounds, OTHER.rounds, 1, base, rows, tables),
            calibrated(steps(replace(BASE, rounds=20)), 0.15, 0.02, base + BETTER, rows, tables),
            calibrated(steps(ROUGH), 0.2, 1, base + BETTER, rows, tables),
        )
        equal, short, rough = ((one, risk(one, rows, tables) - base) for one in found)
        return cls(equal, short, rough)


def cells(rows: int, tables: int) -> Iterator[Cell]:
    """What is measured on a table of so many rows; true RMSEs are averaged over ``tables`` tables, fewer of the large one."""
    if rows == SMALL:
        yield from _on_small(tables)
    else:
        yield from _on_rows("rows, 1000", LARGE, 4000, 1000, Contenders.made(4000, max(2, tables // 4)))


def _on_small(tables: int) -> Iterator[Cell]:
    made = Contenders.made(404, tables)
    recipes = functools.partial(by_recipes, SMALL)
    yield Cell(SMALL, "recipes", "the same recipe, another seed", 0, functools.partial(recipes, BASE, BASE, False))
    yield Cell(SMALL, "recipes", "the luckiest of ten seeds", 0, functools.partial(recipes, BASE, BASE, True))
    recipe, better = made.equal
    yield Cell(SMALL, "recipes", "another recipe, as good", -better, functools.partial(recipes, recipe, BASE, False))
    for name, better, recipe in _worse(made):
        yield Cell(SMALL, "recipes", name, better, functools.partial(recipes, BASE, recipe, False))
    yield from _on_rows("rows, 200", SMALL, 404, 200, made)


def _on_rows(method: str, rows: int, trained: int, judged: int, made: Contenders) -> Iterator[Cell]:
    play, level = (functools.partial(one, trained, judged) for one in (by_rows, by_rows_levelled))
    yield Cell(rows, method, "the same recipe, truly the worse seed", 0, functools.partial(play, (BASE, BASE), True))
    yield Cell(rows, method, "the same recipe, levelled", 0, functools.partial(level, (BASE, BASE)))
    yield Cell(rows, method, "another recipe, levelled", 0, functools.partial(level, (made.equal[0], BASE)))
    yield Cell(rows, method, "a rough recipe, levelled", 0, functools.partial(level, (made.rough[0], BASE)))
    for name, better, recipe in _worse(made):
        yield Cell(rows, method, name, better, functools.partial(play, (BASE, recipe), False))


def _worse(made: Contenders) -> Iterator[tuple[str, float, Recipe]]:
    """Champions that BASE is better than: what a candidate is called, by how much it is better, the champion."""
    for name, (recipe, better) in {"too small steps": made.short, "too rough steps": made.rough}.items():
        yield f"better: champion of {name}", better, recipe


def measured(cell: Cell, candidates: int) -> str:
    """A line of the table: the shares of candidates that gate and split promote, in per cent, with their standard errors."""
    start = time.perf_counter()
    played = [cell.play(seed) for seed in range(candidates)]
    shares = np.array([np.mean([(one.promoted, one.lower) for one in trials], axis=0) for trials in played])
    errors = shares.std(axis=0, ddof=1) / math.sqrt(candidates)
    gate, split = (f"{100 * share:.1f} ({100 * error:.1f})" for share, error in zip(shares.mean(axis=0), errors, strict=True))
    head = f"{cell.rows:>5} {cell.method:<11}{cell.name:<38}{cell.better:>7.2f}{candidates:>6}"
    return f"{head}{gate:>13}{split:>13}{time.perf_counter() - start:>6.0f}"


def main() -> None:
    """Print a line a cell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, default=200, help="of each kind")
    parser.add_argument("--tables", type=int, default=20, help="that each true RMSE is averaged over")
    parser.add_argument("--rows", type=int, nargs="+", choices=(SMALL, LARGE), default=(SMALL, LARGE), help="of the tables")
    parser.add_argument("--quick", action="store_true", help="20 candidates, 10 tables")
    args = parser.parse_args()
    candidates, tables = (20, 10) if args.quick else (args.candidates, args.tables)
    print(
        f"% promoted (standard error) at a level of {100 * RULE.alpha:g} %, by the gate and by the lower RMSE on one test split"
    )
    head = f"{'rows':>5} {'judged by':<11}{'candidate':<38}{'better':>7}{'n':>6}"
    print(f"{head}{'gate':>13}{'split':>13}{'s':>6}", flush=True)
    for cell in (one for rows in args.rows for one in cells(rows, tables)):
        print(measured(cell, candidates), flush=True)


if __name__ == "__main__":
    main()
