"""One experiment: a recipe, how it was found, and what repeated cross-validation on the training rows says of it."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hearth.artifacts import replacing, rounded, to_json
from hearth.errors import DataError
from hearth.params import PrepareParams, TuningParams
from hearth.training.fitting import Recipe, all_folds
from hearth.training.folds import Folds
from hearth.training.metrics import OBJECTIVE, summary
from hearth.training.search import Candidate, best, search
from hearth.training.selection import selector
from hearth.training.table import Table
from hearth.training.validation import cross_validate, measured

# The experiments that are compared, in the order of the graph; equals are won by the first.
EXPERIMENTS = ("tune_full", "select", "tune_selected")


@dataclass(frozen=True, slots=True)
class Experiment:
    """``folds`` has the metrics of each scoring fold; ``tried`` every candidate of a search, in the order drawn."""

    name: str
    recipe: Recipe
    features: tuple[str, ...]
    folds: tuple[dict[str, float], ...]
    tried: tuple[Candidate, ...] = field(default=())


def run_search(
    name: str,
    table: Table,
    folds: Folds,
    prepare: PrepareParams,
    tuning: TuningParams,
    percentile: float | None,
    *,
    progress: bool = True,
) -> Experiment:
    """Search on the first repeat of the folds, then score the best candidate on the others, which no candidate has seen.

    With a ``percentile`` the features are chosen anew inside each fold; ``features`` are those that all rows choose.
    """
    select = selector(percentile, prepare, tuning.seed)
    shared = Recipe(params=tuning.fixed.model_dump(), class_weight=tuning.class_weight)
    searched = all_folds(table, folds[:1], prepare, shared, select)
    tried = search(searched, table.contract.target, tuning, percentile, progress)
    recipe = best(tried).recipe
    features = tuple(select(table)) if select else table.contract.columns
    return Experiment(name, recipe, features, score(table, folds[1:], prepare, recipe, tuning.seed), tried)


def score(table: Table, folds: Folds, prepare: PrepareParams, recipe: Recipe, seed: int) -> tuple[dict[str, float], ...]:
    """Metrics of a recipe on every fold, with all that is fitted fitted inside the fold."""
    return measured(table, cross_validate(table, folds, prepare, recipe, seed))


def winner(experiments: Sequence[Experiment], objective: str) -> Experiment:
    """The experiment of the lowest mean objective over its scoring folds, the first of equals."""
    return min(experiments, key=lambda experiment: float(np.mean([fold[objective] for fold in experiment.folds])))


def write(experiment: Experiment, folder: Path, task_objective: str) -> None:
    """Write ``result.json`` and, after a search, ``candidates.csv``, in place of the folder."""
    with replacing(folder) as temporary:
        (temporary / "result.json").write_text(to_json(_result(experiment)), encoding="utf-8", newline="\n")
        if experiment.tried:
            table = candidates_csv(experiment.tried, task_objective)
            (temporary / "candidates.csv").write_text(table, encoding="utf-8", newline="\n")


def read(folder: Path) -> Experiment:
    """Read what ``write`` wrote, without the candidates.

    Raises:
        DataError: a file is missing or not an experiment's.
    """
    path = folder / "result.json"
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        recipe = Recipe(**raw["recipe"])
        return Experiment(raw["name"], recipe, tuple(raw["features"]), tuple(raw["folds"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} cannot be read: {error}. Run the stage that writes it: dvc repro.") from error


def read_candidates(folder: Path) -> tuple[float, ...]:
    """The mean score of every candidate, in the order tried; none where nothing was searched.

    Raises:
        DataError: the file is not a table of candidates.
    """
    path = folder / "candidates.csv"
    if not path.exists():
        return ()
    try:
        header, *rows = csv.reader(path.read_text(encoding="utf-8").splitlines())
        return tuple(float(row[header.index("sd") - 1]) for row in rows)
    except (OSError, ValueError, IndexError) as error:
        raise DataError(f"{path} cannot be read: {error}. Run the stage that writes it: dvc repro.") from error


def candidates_csv(tried: Sequence[Candidate], task_objective: str) -> str:
    """A line a candidate: its settings, mean and sd of its score over the folds, and the best so far; 6 digits."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    names = [*tried[0].recipe.params]
    writer.writerow(["candidate", "rounds", *names, task_objective, "sd", "best"])
    lowest = np.minimum.accumulate([candidate.mean for candidate in tried])
    for i, (candidate, low) in enumerate(zip(tried, lowest.tolist(), strict=True)):
        settings = [candidate.recipe.params[name] for name in names]
        figures = [candidate.mean, float(np.std(candidate.scores)), low]
        writer.writerow([i, candidate.recipe.rounds, *settings, *(f"{value:.6g}" for value in figures)])
    return buffer.getvalue()


def _result(experiment: Experiment) -> object:
    return {
        "name": experiment.name,
        "recipe": experiment.recipe.to_dict(),
        "features": list(experiment.features),
        "cv": rounded(summary(experiment.folds)),
        "folds": rounded(list(experiment.folds)),
        "candidates": len(experiment.tried),
    }


def objective_of(table: Table) -> str:
    """The name of the metric that experiments on this table minimise."""
    return OBJECTIVE[table.contract.target.task]
