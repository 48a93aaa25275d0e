"""The search for hyperparameters: candidates from the space, each scored on the same folds."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import optuna
from tqdm import tqdm

from hearth.params import Range, TuningParams
from hearth.schema import Target
from hearth.training.fitting import FoldData, Recipe, Setting, side_by_side, staged_scores
from hearth.training.metrics import OBJECTIVE, objective


@dataclass(frozen=True, slots=True)
class Candidate:
    """Settings that were tried and their score on each fold; lower is better."""

    recipe: Recipe
    scores: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean score over the folds."""
        return float(np.mean(self.scores))


def search(
    folds: Sequence[FoldData], target: Target, tuning: TuningParams, percentile: float | None, progress: bool = True
) -> tuple[Candidate, ...]:
    """Try ``tuning.candidates`` settings; the same seed gives the same ones, in the same order, on any machine."""
    study = optuna.create_study(sampler=_sampler(tuning), direction="minimize")
    tried: list[Candidate] = []
    with tqdm(total=tuning.candidates, disable=None if progress else True, unit="candidate") as bar:
        for trials in _batches(study, tuning):
            recipes = [recipe_of(trial.params, tuning, percentile) for trial in trials]
            for trial, candidate in zip(trials, score_all(recipes, folds, target, tuning.seed, bar.update), strict=True):
                study.tell(trial, candidate.mean)
                tried.append(candidate)
            bar.set_postfix({OBJECTIVE[target.task]: f"{best(tried).mean:.4f}"})
    return tuple(tried)


def best(candidates: Sequence[Candidate]) -> Candidate:
    """The candidate of the lowest mean score, the first of equals."""
    return min(candidates, key=lambda candidate: candidate.mean)


def score_all(
    recipes: Sequence[Recipe],
    folds: Sequence[FoldData],
    target: Target,
    seed: int,
    done: Callable[[int], object] = lambda _: None,
) -> list[Candidate]:
    """Score every recipe on every fold, side by side; ``done`` hears how many recipes have had their last fold.

    Recipes of the same parameters cost one boosting, that of the most rounds: each score is that of a boosting of its own.
    """

    def one(job: tuple[list[int], int]) -> list[float]:
        alike, at = job
        counts, fold = [recipes[i].rounds for i in alike], folds[at]
        answers = staged_scores(fold, recipes[alike[0]], counts, target, seed)
        if at == len(folds) - 1:
            done(len(alike))
        return [objective(target.task, fold.actual, answer) for answer in answers]

    jobs = [(alike, at) for alike in _alike(recipes) for at in range(len(folds))]
    scores = np.empty((len(recipes), len(folds)))
    for (alike, at), each in zip(jobs, side_by_side(one, jobs), strict=True):
        scores[alike, at] = each
    return [Candidate(recipe, tuple(row)) for recipe, row in zip(recipes, scores.tolist(), strict=True)]


def _alike(recipes: Sequence[Recipe]) -> list[list[int]]:
    """Positions of the recipes that have the same parameters, for each set of these."""
    found: dict[frozenset[tuple[str, Setting]], list[int]] = {}
    for at, recipe in enumerate(recipes):
        found.setdefault(frozenset(recipe.params.items()), []).append(at)
    return list(found.values())


def recipe_of(drawn: Mapping[str, Setting], tuning: TuningParams, percentile: float | None) -> Recipe:
    """A recipe of drawn settings, cut to 6 digits: a processor's last bit then changes no model."""
    settings = {name: value if isinstance(value, int) else float(f"{value:.6g}") for name, value in drawn.items()}
    rounds = int(settings.pop("rounds"))
    return Recipe(rounds, {**settings, **tuning.fixed.model_dump()}, percentile, tuning.class_weight)


def _batches(study: optuna.Study, tuning: TuningParams) -> Iterator[list[optuna.Trial]]:
    """Random candidates all at once; TPE's a draw at a time, since each learns from those before."""
    space: dict[str, optuna.distributions.BaseDistribution] = {
        name: _distribution(values) for name, values in tuning.space.items()
    }
    starts = range(0, tuning.candidates, tuning.rounds_per_draw)
    draws = (_draw(study, space, min(tuning.rounds_per_draw, tuning.candidates - start)) for start in starts)
    if tuning.method == "random":
        yield [trial for draw in draws for trial in draw]
    else:
        yield from draws


def _draw(study: optuna.Study, space: Mapping[str, optuna.distributions.BaseDistribution], count: int) -> list[optuna.Trial]:
    """Trials that have rounds of their own and share the rest."""
    first = study.ask(space)
    shared = {name: value for name, value in first.params.items() if name != "rounds"}
    for _ in range(count - 1):
        study.enqueue_trial(shared)
    return [first, *(study.ask(space) for _ in range(count - 1))]


def _sampler(tuning: TuningParams) -> optuna.samplers.BaseSampler:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if tuning.method == "random":
        return optuna.samplers.RandomSampler(seed=tuning.seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(seed=tuning.seed, multivariate=True)


def _distribution(values: Range) -> optuna.distributions.BaseDistribution:
    if values.integer:
        return optuna.distributions.IntDistribution(int(values.low), int(values.high), log=values.log)
    return optuna.distributions.FloatDistribution(float(values.low), float(values.high), log=values.log)
