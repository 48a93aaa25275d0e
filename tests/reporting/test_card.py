"""The model card: its figures, its tables, its escapes."""

import re
from dataclasses import replace

import numpy as np
import pytest
from tests.evaluations import CARD, DATA, HOSTILE, classification, regression

from hearth.bundle.decision import Decision
from hearth.reporting.card import Markdown, escape, model_card
from hearth.reporting.numbers import equals, fixed, percent, significant
from hearth.training.deciding import Decided
from hearth.training.evaluation import Comparison, Estimate, Evaluation, Group, Sample
from hearth.training.fitting import Recipe


def card(evaluation: Evaluation) -> str:
    """The card of an evaluation."""
    return model_card(evaluation, CARD, DATA)


def tables(text: str) -> list[list[str]]:
    """The tables of a Markdown text, each as its lines."""
    return [block.splitlines() for block in re.findall(r"(?:^\|.*\|$\n?)+", text, re.MULTILINE)]


@pytest.mark.parametrize("evaluation", [regression(), classification(), classification(("a", "b", "c"))], ids=["r", "b", "m"])
def test_tables_are_aligned(evaluation: Evaluation) -> None:
    """Every table has lines of one length and as many cells in each."""
    found = tables(card(evaluation))
    assert len(found) == (8 if evaluation.contract.target.task == "regression" else 9)
    for lines in found:
        assert len({len(line) for line in lines}) == 1
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1


def test_groups_of_rows_are_told_where_they_are_declared() -> None:
    """With the rule of each, its rows, their share and the metrics; else nothing of them."""
    evaluation = classification()
    group = Group("between", "x - floor(x) > 0", 15, evaluation.best.folds[0])
    text = card(replace(evaluation, groups=(group,)))
    assert "how kinds of rows differ: between (x - floor(x) \\> 0)." in text
    assert re.search(r"^\| between \| +15 \| +25 % \|", text, re.MULTILINE)
    assert "Groups of rows" not in card(evaluation)


def test_the_cross_validation_leads() -> None:
    """The mean of the folds stands before the reading of the test rows, and both are the evaluation's."""
    evaluation = regression()
    values = [fold["rmse"] for fold in evaluation.best.folds]
    text = card(evaluation)
    first = text.index(f"has a mean RMSE of {sum(values) / 5:.2f} (in cm, ")
    assert first < text.index(f"The one reading of the 12 test rows gives RMSE {evaluation.best.test['rmse'].value:.2f}")
    assert text.count(f"a fold's RMSE ran from {min(values):.2f} to {max(values):.2f}") == 2


def test_a_sample_of_a_large_table_is_told() -> None:
    """What was cross-validated, and that the bundle learnt from more; of the baselines only where they learnt from less."""
    text = card(replace(regression(), sample=Sample(rows=60, of=900, fold=48, learnt=48)))
    assert text.count("a sample of 60 of the 900 rows") == 3
    assert "all 60 rows" not in text
    assert "expect it to err less" in text
    assert "the baselines had learnt" not in text
    assert "draw of rows" not in text
    assert "a sample of" not in card(regression())


def test_the_price_of_a_column_is_told() -> None:
    """A column left out is named with its reason and the pair."""
    assert (
        "unused is accepted and ignored: it is noise. On the same folds the winner's recipe has a mean RMSE of 1.23 without it "
        "and 1.20 with it."
    ) in card(regression())


def test_intervals_have_width_or_size() -> None:
    """Intervals of a regression have a width in its unit, label sets a size in classes."""
    assert "held 91.2 % out of fold (mean width 3.21, in cm) and 87 % of the test rows (mean width 3.33)" in card(regression())
    assert "Label sets made to hold 90 % of the truths" in card(classification())
    assert "(mean size 3.21, in classes)" in card(classification())


def test_a_classification_is_told_class_by_class() -> None:
    """Rows, precision, recall and F1 of each as they are out of fold, and how far probabilities are from what happens."""
    evaluation = replace(
        classification(("a", "b", "c")),
        actual=np.array([0.0, 0, 1, 1]),
        out_of_fold=np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.9, 0], [0.3, 0.6, 0.1]]),
        labels=np.array([0, 1, 1, 1]),
    )
    text = card(evaluation)
    lines = [re.sub(r" +", " ", line) for line in text.splitlines()]
    assert "| a | 2 | 100 % | 50 % | 0.667 |" in lines
    assert "| b | 2 | 66.7 % | 100 % | 0.800 |" in lines
    assert "| c | 0 | 0 % | 0 % | 0.000 |" in lines
    assert (
        "a mean probability of 75 % and was right in 75 % of the rows; the expected calibration error over 15 bins is" in text
    )
    assert "calibration" not in card(regression())


def test_a_temperature_is_told_with_both_log_losses() -> None:
    """Whether it is used or not, the card says what the log loss is with one and without."""
    losses = (0.5, 0.25)
    kept, gone = (
        card(replace(classification(), decided=Decided(Decision(heat), losses)))
        for heat, losses in ((1.5, losses), (1.0, losses[::-1]))
    )
    assert "A temperature of 1.50 divides the margins" in kept
    assert "log loss out of fold is 0.250 with that of the other folds and 0.500 without." in kept
    assert "No temperature divides the margins" in gone
    assert "temperature" not in card(classification())


def test_a_threshold_is_told_with_its_aim() -> None:
    """The label, the probability above which it is given, the aim, and what that is worth there and at one half."""
    text = card(replace(classification(), decided=Decided(Decision(1.0, 0.31), None, (0.6, 0.7)), aim="f1"))
    assert "The label is yes where its probability is above 0.310: chosen for F1, which out of fold is 0.700 above" in text
    assert "and 0.600 above one half." in text


def test_the_dictionary_is_the_contract() -> None:
    """Each feature has its type, range, unit and use."""
    lines = [re.sub(r" +", " ", line) for line in tables(card(regression()))[-1]]
    assert "| plain | number | 0 to 5 | m | no | a length | yes |" in lines
    assert "| flag | boolean | true, false | | yes | | yes |" in lines
    assert "| kind | category | red, green, blue | | yes | | not by the winner |" in lines
    assert "| unused | number | at least 1 | | yes | | no: it is noise |" in lines
    assert "| **size** | **number** | | **cm** | | **how tall** | **the target** |" in lines


def test_upper_bounds_stand_alone() -> None:
    """A feature with one bound says which."""
    lines = [re.sub(r" +", " ", line) for line in tables(card(regression(names=("a", "b", "c", "d", "e"))))[-1]]
    assert "| e | number | at most 9 | | yes | | not by the winner |" in lines


def test_the_source_is_told() -> None:
    """What was read is told without what is unknown or none."""
    lines = [re.sub(r" +", " ", line) for line in tables(card(regression()))[-2]]
    assert "| missing | plain 3 |" in lines
    assert "| target | mean 1.235, classes a, b |" in lines
    assert f"| SHA-256 | {'ab' * 32} |" in lines
    assert not any("version" in line for line in lines)


def test_hostile_names_break_nothing() -> None:
    """Names that are Markdown or HTML are shown as they are, in tables of whole lines."""
    text = card(regression(names=HOSTILE))
    assert "<script>" not in text
    assert r"\<script\>alert(1)\</script\>" in text
    assert r"a\|b c" in text
    assert all(len({len(line) for line in lines}) == 1 for lines in tables(text))
    assert escape(Markdown("**bold**")) == "**bold**"


@pytest.mark.parametrize(
    ("difference", "verdict"),
    [
        (Estimate(-0.5, -0.8, -0.2), "the winner is better"),
        (Estimate(0.5, 0.2, 0.8), "the winner is worse"),
        (Estimate(-0.1, -0.3, 0.1), "these rows cannot tell the two apart"),
        (Estimate(0.0, 0.0, 0.0), "these rows cannot tell the two apart"),
    ],
)
def test_the_baseline_has_its_verdict(difference: Estimate, verdict: str) -> None:
    """An interval on one side of 0 is a verdict, one around it is none."""
    text = card(replace(regression(), comparisons=(Comparison("mean", difference, 0.04),)))
    assert f"corrected p = 0.040): {verdict}." in text


def test_without_baselines_there_is_no_verdict() -> None:
    """An evaluation without baselines says nothing of them."""
    assert "best baseline" not in card(replace(regression(), comparisons=()))


@pytest.mark.parametrize(("value", "draw"), [(0.1, "a kind draw"), (1.0, "an ordinary draw"), (9.0, "a harsh draw")])
def test_the_draw_of_the_test_rows_is_named(value: float, draw: str) -> None:
    """The reading is placed among the folds."""
    evaluation = regression()
    folds = tuple({**fold, "rmse": 0.6 + 0.2 * at} for at, fold in enumerate(evaluation.best.folds))
    best = replace(evaluation.best, folds=folds, test={**evaluation.best.test, "rmse": Estimate(value, value, value)})
    text = card(replace(evaluation, contenders=(best, *evaluation.contenders[1:])))
    assert f"folds: {draw} of rows." in text


def test_settings_are_exact() -> None:
    """The winner's settings stand as they are kept; a percentile only where features are selected."""
    kept, all_of_them = card(regression()), card(replace(regression(), recipe=Recipe(123, {"learning_rate": 0.0512345})))
    assert "0.0512345" in kept
    assert "percentile" in kept
    assert "percentile" not in all_of_them


def test_features_left_behind_are_named() -> None:
    """Usable features that the winner does without are named; where it uses all, nothing is said."""
    evaluation = regression()
    assert "The winner does without kind: " in card(evaluation)
    assert "does without" not in card(replace(evaluation, features=evaluation.contract.names))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (significant(3.04937), "3.05"),
        (significant(0.0123456), "0.0123"),
        (significant(-123456.7), "\N{MINUS SIGN}123\u202f457"),
        (significant(float("nan")), "\N{EN DASH}"),
        (significant(0.0), "0.00"),
        (fixed(-0.0001, 2), "0.00"),
        (percent(0.9), "90\u202f%"),
        (percent(0.9034), "90.3\u202f%"),
        (equals(0.0004), "< 0.001"),
        (equals(0.0312), "= 0.031"),
        (equals(0.25), "= 0.25"),
    ],
)
def test_numbers_read_well(written: str, expected: str) -> None:
    """Numbers have few digits, a true minus, and thousands apart."""
    assert written == expected
