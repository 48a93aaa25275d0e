"""Whether a candidate takes the champion's place: by which rows, by which method, and when not."""

from dataclasses import replace

import pyarrow as pa
import pytest
from tests.builds import GOOD, NEVER, POOR, RULE, build, build_of, grown
from tests.tiny import KINDS, Cells, Kind, cells, raw_params

from hearth.errors import DataError, GateError
from hearth.params import Params
from hearth.release.build import Build
from hearth.release.coding import code
from hearth.release.gate import judge, unseen
from hearth.release.verdict import Rule
from hearth.training.assemble import VERSIONS


@pytest.fixture(scope="module", params=KINDS)
def pair(request: pytest.FixtureRequest) -> tuple[Build, Build]:
    """A good and a poor build of one table, of each kind."""
    kind: Kind = request.param
    columns = cells(kind, 300)
    return build("good", columns, kind), build("poor", columns, kind, POOR)


def changed(features: dict[str, dict[str, object]], **data: object) -> Params:
    """The settings with some features other and some keys of ``data`` set; a feature without fields is left out."""
    raw = raw_params()
    raw["features"] = {name: fields for name, fields in (raw["features"] | features).items() if fields}
    raw["data"] |= data
    return Params.model_validate(raw)


def without(name: str) -> Cells:
    """The table with a column less."""
    return {each: values for each, values in cells().items() if each != name}


def coded_rows(one: Build, part: str) -> set[bytes]:
    """The features of a part of a build's rows."""
    return {row.tobytes() for row in code(getattr(one, part), one.bundle.contract).x}


def test_the_first_is_promoted() -> None:
    """Without a champion there is nothing to measure."""
    made = build("a", cells())
    found = judge(made, None, RULE, "me")
    assert (found.decision, found.method, found.outcome, found.champion) == ("promote", "first", None, None)
    assert (found.candidate, found.rule, found.rule_in_words, found.by) == (made.side, RULE, RULE.words, "me")
    assert found.versions == VERSIONS


def test_the_same_bundle_is_kept() -> None:
    """There is nothing to compare."""
    made = build("a", cells())
    found = judge(made, made, RULE, "me")
    assert (found.decision, found.method, found.outcome) == ("keep", "identical", None)
    assert found.reasons == ("Both are the same bundle: nothing to compare.",)


@pytest.mark.parametrize("rule", [RULE, NEVER])
def test_a_better_candidate_is_promoted_and_a_worse_one_is_not(pair: tuple[Build, Build], rule: Rule) -> None:
    """By either method, for each kind of target, with the scores the other way round."""
    good, poor = pair
    up, down = judge(good, poor, rule, "me"), judge(poor, good, rule, "me")
    assert (up.decision, down.decision) == ("promote", "keep")
    assert up.method == down.method == ("rows" if rule is RULE else "recipes")
    assert up.outcome
    assert down.outcome
    assert (up.outcome.candidate, up.outcome.champion) == (down.outcome.champion, down.outcome.candidate)
    assert up.outcome.difference == -down.outcome.difference
    assert (up.outcome.low, up.outcome.high) == (-down.outcome.high, -down.outcome.low)
    assert (up.candidate, up.champion) == (down.champion, down.candidate) == (good.side, poor.side)
    assert up.outcome.rows == (60 if rule is RULE else 300)
    assert "is better" in up.reasons[-1]
    assert "is not shown to be better" in down.reasons[-1]


@pytest.mark.parametrize("rule", [RULE, NEVER])
def test_a_candidate_no_better_is_kept_out(rule: Rule) -> None:
    """Of the same recipe with another seed, though its score be lower; and the verdict is the same each time, to the byte."""
    columns = cells(rows=300)
    drawing = replace(GOOD, params={**GOOD.params, "subsample": 0.6})
    one, two = build("one", columns, recipe=drawing), build("two", columns, recipe=drawing, tuning={"seed": 1})
    found, back = judge(one, two, rule, "me"), judge(two, one, rule, "me")
    assert found.decision == back.decision == "keep"
    assert found.outcome
    assert back.outcome
    assert min(found.outcome.difference, back.outcome.difference) < 0
    assert found.text() == judge(one, two, rule, "me").text()


def test_no_row_that_either_was_trained_on_is_judged() -> None:
    """Nor one with the same features and another target; test rows of both are among the judged."""
    columns = grown("regression", 120, 120)
    columns["y"][:5] = [99.0] * 5
    candidate, champion = build("new", columns, prepare={"seed": 7}), build("old", cells(rows=120))
    judged = {row.tobytes() for row in unseen(candidate, champion).candidate.x}
    assert judged == coded_rows(candidate, "table") - coded_rows(candidate, "train") - coded_rows(champion, "train")
    assert judged & coded_rows(champion, "test")
    assert judged & coded_rows(candidate, "test")
    assert coded_rows(candidate, "test") & coded_rows(champion, "train")


def test_a_champions_test_rows_that_the_candidates_table_lacks_are_judged_too() -> None:
    """A candidate cannot choose what it is judged on by leaving rows out of its table."""
    columns = cells(rows=200)
    champion = build("old", columns)
    easy: Cells = {name: values[:150] for name, values in columns.items()}
    candidate = build("new", easy)
    lost = coded_rows(champion, "test") - coded_rows(candidate, "table")
    assert lost
    assert lost <= {row.tobytes() for row in unseen(candidate, champion).candidate.x}


def test_copies_of_a_row_count_once() -> None:
    """However often a row stands in the table, it is one piece of evidence."""
    columns = cells(rows=100)
    champion, candidate = build("old", columns, recipe=POOR), build("new", columns)
    flooded = replace(champion, test=pa.concat_tables([champion.test, *([champion.test.slice(0, 1)] * 500)]))
    rule = RULE.model_copy(update={"min_rows": 20})
    once, again = judge(candidate, champion, rule, "me"), judge(candidate, flooded, rule, "me")
    assert len(unseen(candidate, flooded)) > 500
    assert once.outcome == again.outcome
    assert once.outcome
    assert once.outcome.rows == 20


def test_where_no_row_is_fresh_recipes_are_compared() -> None:
    """Both have seen all that there is."""
    columns = cells()
    candidate, champion = build("new", columns), build("old", columns, recipe=POOR)
    found = judge(replace(candidate, table=candidate.train), replace(champion, test=champion.train), RULE, "me")
    assert found.method == "recipes"
    assert found.reasons[0].startswith("0 distinct rows")


def test_too_few_fresh_rows_are_told_and_recipes_compared() -> None:
    """The reason says how many there are and how many are needed."""
    columns = cells(rows=90)
    found = judge(build("new", columns), build("old", columns, recipe=POOR), NEVER, "me")
    assert found.method == "recipes"
    assert found.reasons[0].startswith("18 distinct rows are in neither one's training rows, 10000 are needed")
    assert found.outcome
    assert found.outcome.rows == 90


@pytest.mark.parametrize(
    ("kind", "data", "said"),
    [
        ("regression", {"target": "c"}, "has name 'y', the champion's 'c'"),
        ("binary", {}, "has task 'regression', the champion's 'classification'"),
    ],
)
def test_builds_that_answer_different_questions_are_refused(kind: Kind, data: dict[str, object], said: str) -> None:
    """Another target or task; the message says what differs and what to do."""
    other = changed({"c": {}}, **data) if data else None
    theirs = (
        build_of("other", {k: v for k, v in cells().items() if k != "y"}, other) if other else build("o", cells(kind), kind)
    )
    with pytest.raises(GateError, match=said) as error:
        judge(build("mine", cells()), theirs, RULE, "me")
    assert "cannot be compared" in str(error.value)


def test_other_classes_are_refused() -> None:
    """Two against three, though the task is one."""
    with pytest.raises(GateError, match="has classes"):
        judge(build("a", cells("binary"), "binary"), build("b", cells("multiclass"), "multiclass"), RULE, "me")


@pytest.mark.parametrize("rule", [RULE, NEVER])
def test_a_contract_may_change_while_both_can_code_the_rows(rule: Rule) -> None:
    """A feature more that is optional, one less, another range: told, and the rows that one refuses are left out."""
    columns = cells(rows=300)
    champion = build("old", columns, recipe=POOR)
    wider: Cells = {**columns, "c": [2.0 if i % 4 == 0 else value for i, value in enumerate(columns["c"])]}
    chosen = changed({"s": {"type": "boolean", "required": False, "use": False, "reason": "late"},
                      "w": {"type": "number", "required": False}, "c": {"type": "number", "min": 0, "max": 3}})  # fmt: skip
    found = judge(build_of("new", wider, chosen), champion, rule, "me")
    assert found.decision == "promote"
    assert "The contracts differ (new w; gone s; changed c)" in " ".join(found.reasons)
    assert "75 rows are left out" in " ".join(found.reasons)
    assert found.outcome
    assert found.outcome.rows <= 225


def test_a_contract_that_drops_what_the_champion_requires_is_refused() -> None:
    """The champion cannot be asked."""
    with pytest.raises(GateError, match="c is missing, which one of the two requires"):
        judge(build_of("new", without("c"), changed({"c": {}})), build("old", cells()), RULE, "me")


def test_a_table_too_small_for_the_folds_is_refused() -> None:
    """By the message of the folds."""
    rule = NEVER.model_copy(update={"folds": 91})
    with pytest.raises(DataError, match="91 folds need at least 91 distinct rows, there are 90"):
        judge(build("a", cells()), build("b", cells(), recipe=POOR), rule, "me")


def test_a_champion_of_an_earlier_version_can_still_be_judged_on_rows() -> None:
    """Its metadata say nothing of how it was made; only a comparison of recipes needs that."""
    columns = cells(rows=300)
    good, poor = build("good", columns), build("poor", columns, recipe=POOR)
    metadata = {name: value for name, value in poor.bundle.metadata.items() if name not in ("prepare", "seed")}
    old = replace(poor, bundle=replace(poor.bundle, metadata=metadata))
    assert judge(good, old, RULE, "me").promoted
    with pytest.raises(GateError, match="does not say how its model was made"):
        judge(good, old, NEVER, "me")


def test_what_a_grown_table_teaches_is_counted() -> None:
    """The same recipe on a table with many more rows, by cross-validation: the difference is the rows' worth."""
    found = judge(build("new", grown("regression", 60, 240), recipe=GOOD), build("old", cells(rows=60)), NEVER, "me")
    assert found.outcome
    assert found.outcome.difference < 0
    assert found.promoted
