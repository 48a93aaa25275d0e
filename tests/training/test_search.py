"""The search: the same candidates and scores every time, drawn from the space that the settings give."""

from dataclasses import replace
from itertools import groupby

import numpy as np
import pytest
import xgboost as xgb
from tests.tiny import coded, settings

from hearth.params import Params, TuningParams
from hearth.schema import Target
from hearth.training import fitting
from hearth.training.fitting import FoldData, Recipe, all_folds, boost, fold_scores
from hearth.training.metrics import objective
from hearth.training.search import Candidate, best, recipe_of, score_all, search
from hearth.training.split import repeated_folds
from hearth.training.table import Table

METHODS = ("random", "tpe")


def tuning(method: str = "random", candidates: int = 4, **more: object) -> TuningParams:
    """Settings of a search that takes a moment."""
    return settings(tuning={"method": method, "candidates": candidates, **more}).tuning


def folds_of(table: Table, chosen: Params | None = None) -> list[FoldData]:
    """Two folds, prepared as the settings say."""
    chosen = chosen or settings()
    return all_folds(table, repeated_folds(table, 2, 1, 0), chosen.prepare, Recipe(params=chosen.tuning.fixed.model_dump()))


@pytest.mark.parametrize("method", METHODS)
def test_a_search_twice_finds_the_same(method: str, table: Table) -> None:
    """Candidates and their scores depend on nothing but the seed."""
    first, second = (search(folds_of(table), table.contract.target, tuning(method), None, progress=False) for _ in range(2))
    assert first == second
    assert len(first) == 4


@pytest.mark.parametrize("method", METHODS)
def test_the_number_of_processors_changes_nothing(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One fit after the other or five at once: the same candidates with the same scores."""
    table = coded()
    found = []
    for count in (1, 5):
        monkeypatch.setattr(fitting, "processors", lambda count=count: count)
        found.append(search(folds_of(table), table.contract.target, tuning(method, rounds_per_draw=2), None, progress=False))
    assert found[0] == found[1]


@pytest.mark.parametrize("method", METHODS)
def test_another_seed_draws_others(method: str) -> None:
    """The seed of the settings is the one that counts."""
    table = coded()
    one, other = (
        search(folds_of(table), table.contract.target, tuning(method, seed=seed), None, progress=False) for seed in (1, 2)
    )
    assert [candidate.recipe for candidate in one] != [candidate.recipe for candidate in other]


@pytest.mark.parametrize("method", METHODS)
def test_candidates_stay_within_the_space(method: str) -> None:
    """Each setting is within its range and whole where it counts; what is fixed is in every candidate."""
    table = coded()
    space = {
        "rounds": {"low": 2, "high": 9, "log": True, "integer": True},
        "max_depth": {"low": 2, "high": 3, "integer": True},
        "gamma": {"low": 0, "high": 0.5},
        "reg_lambda": {"low": 0.1, "high": 10, "log": True},
        "subsample": {"low": 0.7, "high": 0.7},
    }
    tried = search(folds_of(table), table.contract.target, tuning(method, 12, space=space), 20, progress=False)
    for recipe in (candidate.recipe for candidate in tried):
        assert isinstance(recipe.rounds, int)
        assert 2 <= recipe.rounds <= 9
        assert isinstance(recipe.params["max_depth"], int)
        assert 2 <= recipe.params["max_depth"] <= 3
        assert 0 <= recipe.params["gamma"] <= 0.5
        assert 0.1 <= recipe.params["reg_lambda"] <= 10
        assert recipe.params["subsample"] == 0.7
        assert recipe.params["max_bin"] == 64
        assert recipe.percentile == 20
    assert len({candidate.recipe.params["reg_lambda"] for candidate in tried}) == 12


def test_a_logarithmic_range_is_drawn_evenly_in_its_logarithm() -> None:
    """Half of the draws between 0.01 and 100 are below 1."""
    table = coded(rows=20)
    space = {"rounds": {"low": 1, "high": 1, "integer": True}, "reg_lambda": {"low": 0.01, "high": 100, "log": True}}
    tried = search(folds_of(table), table.contract.target, tuning(candidates=80, space=space), None, progress=False)
    assert 25 <= sum(candidate.recipe.params["reg_lambda"] < 1 for candidate in tried) <= 55


def test_tpe_learns_from_the_scores() -> None:
    """Its first ten candidates are drawn blindly, the later ones depend on how those scored."""
    table = coded()
    upside = replace(table, y=np.random.default_rng(1).permutation(table.y))
    one, other = (
        search(folds_of(each), each.contract.target, tuning("tpe", 16), None, progress=False) for each in (table, upside)
    )
    recipes = [[candidate.recipe for candidate in tried] for tried in (one, other)]
    assert recipes[0][:10] == recipes[1][:10]
    assert recipes[0][10:] != recipes[1][10:]


def test_random_candidates_do_not_depend_on_the_scores() -> None:
    """Drawn before anything is fitted, the same for any table."""
    table = coded()
    upside = replace(table, y=np.random.default_rng(1).permutation(table.y))
    one, other = (
        search(folds_of(each), each.contract.target, tuning(candidates=5), None, progress=False) for each in (table, upside)
    )
    assert [candidate.recipe for candidate in one] == [candidate.recipe for candidate in other]
    assert [candidate.scores for candidate in one] != [candidate.scores for candidate in other]


def test_scores_are_the_objective_on_each_fold(table: Table) -> None:
    """A candidate's scores are to the bit what its recipe scores by itself on the folds, in their order."""
    folds, target = folds_of(table), table.contract.target
    for candidate in search(folds, target, tuning(rounds_per_draw=3), None, progress=False):
        expected = [objective(target.task, fold.actual, fold_scores(fold, candidate.recipe, target, 42)) for fold in folds]
        assert candidate.scores == tuple(expected)
        assert candidate.mean == np.mean(expected)


def test_recipes_keep_their_order_and_each_is_reported_once(table: Table) -> None:
    """Scores belong to their recipes, and a listener hears of each recipe once."""
    heard: list[int] = []
    recipes = [Recipe(rounds, {"max_bin": 64, "max_depth": depth}) for rounds, depth in ((1, 2), (9, 3), (3, 2), (2, 4))]
    folds = folds_of(table)
    together = score_all(recipes, folds, table.contract.target, 0, heard.append)
    assert [candidate.recipe for candidate in together] == recipes
    assert together == [score_all([recipe], folds, table.contract.target, 0)[0] for recipe in recipes]
    assert sorted(heard) == [1, 1, 2]


@pytest.mark.parametrize("method", METHODS)
def test_the_candidates_of_a_draw_differ_in_their_rounds_alone(method: str) -> None:
    """So many as the settings say, the last draw what is left; each count of rounds is drawn by itself."""
    space = {"rounds": {"low": 1, "high": 40, "integer": True}, "reg_lambda": {"low": 0.1, "high": 10, "log": True}}
    chosen = tuning(method, 14, rounds_per_draw=3, space=space)
    recipes = [one.recipe for one in search(folds_of(coded()), coded().contract.target, chosen, None, progress=False)]
    draws = [list(draw) for _, draw in groupby(recipes, key=lambda recipe: recipe.params)]
    assert [len(draw) for draw in draws] == [3, 3, 3, 3, 2]
    assert all(len({recipe.rounds for recipe in draw}) > 1 for draw in draws)


def test_a_draw_is_boosted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """On each fold, to the greatest of its counts of rounds."""
    boosted: list[int] = []
    table = coded()
    folds, chosen = folds_of(table), tuning(candidates=5, rounds_per_draw=3)

    def counted(data: xgb.DMatrix, recipe: Recipe, target: Target, seed: int) -> xgb.Booster:
        boosted.append(recipe.rounds)
        return boost(data, recipe, target, seed)

    monkeypatch.setattr(fitting, "boost", counted)
    tried = search(folds, table.contract.target, chosen, None, progress=False)
    greatest = [max(one.recipe.rounds for one in draw) for draw in (tried[:3], tried[3:])]
    assert sorted(boosted) == sorted(greatest * len(folds))


def test_the_best_is_the_first_of_the_lowest_mean() -> None:
    """Lower is better, and of equals the earlier one."""
    tried = [Candidate(Recipe(i), scores) for i, scores in enumerate([(2.0, 2.0), (1.0, 2.0), (2.0, 1.0), (3.0, 0.5)])]
    assert best(tried) is tried[1]


def test_drawn_settings_are_cut_to_six_digits() -> None:
    """A float is cut, a count stays, the rounds stand apart."""
    drawn = {"rounds": 300, "max_depth": 5, "learning_rate": 0.12345678901}
    recipe = recipe_of(drawn, tuning(fixed={"max_bin": 32, "num_parallel_tree": 2}), 30)
    assert recipe == Recipe(300, {"max_depth": 5, "learning_rate": 0.123457, "max_bin": 32, "num_parallel_tree": 2}, 30)
    assert drawn["rounds"] == 300


def test_progress_is_shown_to_a_terminal_alone(capfd: pytest.CaptureFixture[str]) -> None:
    """Where standard error is no terminal nothing is written to it."""
    table = coded()
    search(folds_of(table), table.contract.target, tuning(), None)
    assert capfd.readouterr() == ("", "")
