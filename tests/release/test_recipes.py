"""Two recipes with their data by cross-validation."""

from dataclasses import replace

import numpy as np
import pytest
from tests.builds import GOOD, NEVER, POOR, build
from tests.tiny import KINDS, Kind, cells, coded, settings

from hearth.errors import GateError
from hearth.release import recipes
from hearth.release.coding import Pair
from hearth.release.recipes import Procedure, compare_recipes, scores
from hearth.training.comparison import compare
from hearth.training.fitting import FoldData, Recipe, fold_data
from hearth.training.folds import pairs
from hearth.training.metrics import OBJECTIVE
from hearth.training.split import repeated_folds
from hearth.training.table import Rows, Table
from hearth.training.validation import cross_validate, measured

PREPARE = settings().prepare


def stacked(one: Table, two: Table) -> Table:
    """The rows of both."""
    return Table(one.contract, np.concatenate([one.x, two.x]), np.concatenate([one.y, two.y]))


def folds_of(table: Table) -> list[tuple[Rows, Rows]]:
    """The folds of the rule."""
    return list(pairs(repeated_folds(table, NEVER.folds, NEVER.repeats, NEVER.seed)))


def validated(table: Table) -> list[Rows]:
    """The validation rows of each fold."""
    return [valid for _, valid in folds_of(table)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("percentile", [None, 40])
def test_on_one_table_a_side_is_cross_validated_as_ever(kind: Kind, percentile: float | None) -> None:
    """The scores are those of the pipeline's own cross-validation, features chosen inside each fold."""
    table, recipe = coded(kind), replace(GOOD, percentile=percentile)
    folds = repeated_folds(table, NEVER.folds, NEVER.repeats, NEVER.seed)
    expected = measured(table, cross_validate(table, folds, PREPARE, recipe, 7))
    found = scores(table, table, Procedure(recipe, PREPARE, 7), validated(table), NEVER.folds)
    assert found == [one[OBJECTIVE[table.contract.target.task]] for one in expected]


@pytest.mark.parametrize("kind", KINDS)
def test_the_test_is_nadeau_and_bengios_one_sided(kind: Kind) -> None:
    """A clearly better recipe passes it, the other way round it does not, and two of one kind are level."""
    table = coded(kind, 200)
    good, poor = Procedure(GOOD, PREPARE, 1), Procedure(POOR, PREPARE, 1)
    rows, owned = Pair(table, table, 0), (table, table)
    found = compare_recipes(rows, owned, (good, poor), NEVER)
    back = compare_recipes(rows, owned, (poor, good), NEVER)
    assert found.p_value < 0.05
    assert back.p_value > 0.95
    assert found.high < 0 < back.low
    assert (found.low, found.difference, found.high) == (-back.high, -back.difference, -back.low)
    assert (found.rows, found.confidence) == (200, 0.9)
    level = compare_recipes(rows, owned, (good, good), NEVER)
    assert (level.difference, level.p_value) == (0, 0.5)
    each = [scores(table, table, one, validated(table), NEVER.folds) for one in (good, poor)]
    metric = OBJECTIVE[table.contract.target.task]
    mine, theirs = ([{metric: one} for one in side] for side in each)
    expected = compare("", mine, theirs, metric, 1 / 2, 0.9)
    assert found.p_value == pytest.approx(expected.p_value / 2, rel=1e-5)
    assert [found.candidate, found.champion] == pytest.approx([np.mean(side) for side in each], rel=1e-5)


class Watched:
    """Stands in for the making of a fold and remembers the rows that each was trained on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folds: list[tuple[Table, Rows, Rows]] = []
        self._made = fold_data
        monkeypatch.setattr(recipes, "fold_data", self)

    def __call__(self, table: Table, rows: tuple[Rows, Rows], *rest: object) -> FoldData:
        """Make it."""
        self.folds.append((table, *rows))
        return self._made(table, rows, *rest)  # type: ignore[arg-type]


def test_a_side_is_trained_on_its_own_rows_alone_and_on_none_that_is_validated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a table that has grown, a champion knows the rows of before, without those of the fold."""
    old, new = coded(rows=60), coded(rows=40, seed=1)
    grown = stacked(old, new)
    watched = Watched(monkeypatch)
    scores(grown, old, Procedure(GOOD, PREPARE, 1), validated(grown), NEVER.folds)
    assert len(watched.folds) == NEVER.folds * NEVER.repeats
    for table, train, valid in watched.folds:
        known = {row.tobytes() for row in table.x[train]}
        assert known <= {row.tobytes() for row in old.x}
        assert not known & {row.tobytes() for row in table.x[valid]}
        held = sum(row.tobytes() in {one.tobytes() for one in table.x[valid]} for row in old.x)
        assert len(train) == len(old) - held


def test_rows_that_are_validated_nowhere_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a side whose table is another is trained on the same share of it as the other side."""
    own, other = coded(rows=60), coded(rows=45, seed=1)
    watched = Watched(monkeypatch)
    scores(other, own, Procedure(GOOD, PREPARE, 1), validated(other), NEVER.folds)
    assert [len(train) for _, train, _ in watched.folds] == [40] * NEVER.folds * NEVER.repeats
    first = [set(train.tolist()) for _, train, _ in watched.folds[: NEVER.folds]]
    assert set.union(*first) == set(range(60))
    assert set.intersection(*first) == set()


def test_new_rows_are_worth_what_they_teach() -> None:
    """The same recipe, with rows of a world that the champion has not seen, wins on a table that holds them."""
    old, new = coded(rows=90), coded(rows=90, seed=1)
    moved = stacked(old, replace(new, x=new.x + np.array([20, 0, 0, 0, 0]), y=new.y * 3))
    both = Procedure(GOOD, PREPARE, 1), Procedure(GOOD, PREPARE, 1)
    found = compare_recipes(Pair(moved, moved, 0), (moved, old), both, NEVER)
    assert found.p_value < 0.05
    assert found.candidate < found.champion / 2


def test_a_bundle_says_how_it_was_made() -> None:
    """Recipe, settings and seed come from its metadata as they went in."""
    made = build("a", cells(), recipe=replace(GOOD, percentile=20), prepare={"imputation": "median"}, tuning={"seed": 5})
    assert Procedure.of(made.bundle) == Procedure(
        Recipe(GOOD.rounds, GOOD.params, 20), settings(prepare={"imputation": "median"}).prepare, 5
    )


@pytest.mark.parametrize(
    "changed", [{"prepare": None}, {"prepare": {"seed": 1}}, {"seed": "x"}, {"recipe": {"trees": 3}}, {"recipe": []}]
)
def test_a_bundle_that_does_not_say_how_it_was_made_is_refused(changed: dict[str, object]) -> None:
    """Such as one of an earlier version."""
    bundle = build("a", cells()).bundle
    with pytest.raises(GateError, match="does not say how its model was made"):
        Procedure.of(replace(bundle, metadata={**bundle.metadata, **changed}))
    lacking = {name: value for name, value in bundle.metadata.items() if name not in changed}
    with pytest.raises(GateError, match="Build it again"):
        Procedure.of(replace(bundle, metadata=lacking))
