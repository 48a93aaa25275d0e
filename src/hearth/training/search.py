"""The search for hyperparameters: candidates from the space, each scored on the same folds."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import optuna
from tqdm import tqdm

from hearth.params import Range, TuningParams
from hearth.schema import Target
from hearth.training.fitting import FoldData, Recipe, Setting, fold_scores, side_by_side
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
    """Score every recipe on every fold, side by side; ``done`` hears of each recipe's last fold."""

    def one(job: tuple[Recipe, int]) -> float:
        recipe, at = job
        score = objective(target.task, folds[at].actual, fold_scores(folds[at], recipe, target, seed))
        if at == len(folds) - 1:
            done(1)
        return score

    scores = side_by_side(one, [(recipe, at) for recipe in recipes for at in range(len(folds))])
    each = len(folds)
    return [Candidate(recipe, tuple(scores[i * each : (i + 1) * each])) for i, recipe in enumerate(recipes)]


def recipe_of(drawn: Mapping[str, Setting], tuning: TuningParams, percentile: float | None) -> Recipe:
    """A recipe of drawn settings, cut to 6 digits: a processor's last bit then changes no model."""
    settings = {name: value if isinstance(value, int) else float(f"{value:.6g}") for name, value in drawn.items()}
    rounds = int(settings.pop("rounds"))
    return Recipe(rounds, {**settings, **tuning.fixed.model_dump()}, percentile)


def _batches(study: optuna.Study, tuning: TuningParams) -> Iterator[list[optuna.Trial]]:
    """Random candidates all at once; TPE's one by one, since each learns from those before."""
    space = {name: _distribution(values) for name, values in tuning.space.items()}
    size = tuning.candidates if tuning.method == "random" else 1
    for _ in range(0, tuning.candidates, size):
        yield [study.ask(space) for _ in range(size)]


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
