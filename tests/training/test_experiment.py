"""Experiments: searched on one repeat of the folds, scored on the others, won on the training rows."""

from pathlib import Path

import numpy as np
import pytest
from tests.tiny import coded, settings

from hearth.errors import DataError
from hearth.training import experiment
from hearth.training.experiment import Experiment, run_search, score, winner
from hearth.training.fitting import Recipe, all_folds
from hearth.training.folds import Folds
from hearth.training.metrics import OBJECTIVE, metrics
from hearth.training.search import Candidate, search
from hearth.training.selection import selector
from hearth.training.split import repeated_folds
from hearth.training.table import Table
from hearth.training.validation import cross_validate

SETTINGS = settings()


def assigned(table: Table, seed: int = 0) -> Folds:
    """Two folds, one repeat to search on and two to score with."""
    return repeated_folds(table, 2, 3, seed)


def run(table: Table, folds: Folds, percentile: float | None = None) -> Experiment:
    """A search that shows nothing."""
    return run_search("one", table, folds, SETTINGS.prepare, SETTINGS.tuning, percentile, progress=False)


def test_a_search_sees_the_first_repeat_alone(table: Table) -> None:
    """Other folds to score with leave every candidate as it was, and score the best one anew."""
    folds, others = assigned(table), assigned(table, 9)
    one, other = run(table, folds), run(table, np.vstack([folds[:1], others[1:]]))
    assert one.tried == other.tried
    assert one.recipe == other.recipe
    assert one.folds != other.folds


def test_the_best_candidate_is_scored_on_the_other_repeats(table: Table) -> None:
    """Its metrics are those of its recipe on folds that no candidate has seen."""
    folds = assigned(table)
    found = run(table, folds)
    least = min(found.tried, key=lambda candidate: candidate.mean)
    assert found.recipe == least.recipe
    assert found.folds == score(table, folds[1:], SETTINGS.prepare, least.recipe, SETTINGS.tuning.seed)
    assert len(found.folds) == 4
    answers = cross_validate(table, folds[1:], SETTINGS.prepare, least.recipe, SETTINGS.tuning.seed)
    task = table.contract.target.task
    assert list(found.folds) == [metrics(task, table.y[one.rows], one.scores) for one in answers]


def test_without_a_percentile_every_feature_stays(table: Table) -> None:
    """A search over all features says so."""
    assert run(table, assigned(table)).features == table.contract.names


def test_with_a_percentile_features_are_chosen_in_each_fold(table: Table) -> None:
    """Candidates are scored on folds that chose for themselves, and the experiment names what all rows choose."""
    folds = assigned(table)
    found = run(table, folds, 40)
    select = selector(40, SETTINGS.prepare, SETTINGS.tuning.seed)
    assert select is not None
    chosen = all_folds(table, folds[:1], SETTINGS.prepare, Recipe(params=SETTINGS.tuning.fixed.model_dump()), select)
    assert found.tried == search(chosen, table.contract.target, SETTINGS.tuning, 40, progress=False)
    assert found.features == tuple(select(table))
    assert len(found.features) < 5
    assert found.recipe.percentile == 40


def test_the_winner_has_the_lowest_mean_objective() -> None:
    """Over the scoring folds, not by the best one of them; the first of equals wins."""
    folds = {"low": (2.0, 2.0), "mean": (0.5, 3.0), "same": (3.0, 0.5), "high": (0.1, 9.0)}
    tried = [
        Experiment(name, Recipe(), (), tuple({"rmse": value, "r2": -value} for value in each)) for name, each in folds.items()
    ]
    assert winner(tried, "rmse").name == "mean"


def test_an_experiment_is_read_back(table: Table, tmp_path: Path) -> None:
    """What is written comes back, figures to six digits, candidates by their means alone."""
    found = run(table, assigned(table), 40)
    experiment.write(found, tmp_path / "one", experiment.objective_of(table))
    again = experiment.read(tmp_path / "one")
    assert (again.name, again.recipe, again.features, again.tried) == ("one", found.recipe, found.features, ())
    for ours, theirs in zip(again.folds, found.folds, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-5)
    means = [candidate.mean for candidate in found.tried]
    assert experiment.read_candidates(tmp_path / "one") == pytest.approx(means, rel=1e-5)
    assert experiment.objective_of(table) == OBJECTIVE[table.contract.target.task]


def test_the_same_experiment_has_the_same_bytes(tmp_path: Path) -> None:
    """Two runs write the same files."""
    table = coded()
    for name in ("one", "two"):
        experiment.write(run(table, assigned(table)), tmp_path / name, "rmse")
    for file in ("result.json", "candidates.csv"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_without_a_search_there_are_no_candidates(tmp_path: Path) -> None:
    """An experiment that tried nothing writes its result alone."""
    experiment.write(Experiment("plain", Recipe(), ("a",), ({"rmse": 1.0},)), tmp_path / "plain", "rmse")
    assert [path.name for path in (tmp_path / "plain").iterdir()] == ["result.json"]
    assert experiment.read_candidates(tmp_path / "plain") == ()


def test_candidates_are_a_line_each() -> None:
    """Settings, mean and sd over the folds, and the best mean so far."""
    recipes = [Recipe(7, {"max_depth": 3, "gamma": 0.25}), Recipe(9, {"max_depth": 2, "gamma": 0.5})]
    tried = [Candidate(recipes[0], (1.0, 3.0)), Candidate(recipes[1], (4.0, 4.0))]
    lines = ["candidate,rounds,max_depth,gamma,rmse,sd,best", "0,7,3,0.25,2,1,2", "1,9,2,0.5,4,0,2", ""]
    assert experiment.candidates_csv(tried, "rmse") == "\n".join(lines)


@pytest.mark.parametrize("content", [None, "", "[]", "3", "{}", '{"recipe": {"depth": 3}}'])
def test_what_is_no_experiment_is_refused_by_name(content: str | None, tmp_path: Path) -> None:
    """A result that is missing or broken names its file and the way out."""
    if content is not None:
        (tmp_path / "result.json").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=r"result\.json cannot be read.*dvc repro"):
        experiment.read(tmp_path)


@pytest.mark.parametrize("content", ["", "candidate,rmse\n0,1\n", "candidate,rmse,sd\n0,x,1\n", "candidate,rmse,sd\n0\n"])
def test_what_are_no_candidates_is_refused_by_name(content: str, tmp_path: Path) -> None:
    """A table of candidates that is broken names its file and the way out."""
    (tmp_path / "candidates.csv").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=r"candidates\.csv cannot be read.*dvc repro"):
        experiment.read_candidates(tmp_path)
