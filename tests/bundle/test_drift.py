"""The verdict over all columns: what drifts is named, what does not is left alone, and how sure that is."""

import json
from dataclasses import replace

import numpy as np
import pytest
from tests.bundles import KINDS, Matrix, Tiny, coded, make

from hearth.bundle.drift import Report, Sample, Thresholds, compare, predicted, reference
from hearth.schema import Contract, Feature, Target

LIMITS = Thresholds(window=100, min_rows=30)


def sample(tiny: Tiny, rows: Matrix) -> Sample:
    """Rows with what the bundle's model says of them."""
    return Sample(rows, tiny.predictor.scores(rows))


def judged(tiny: Tiny, rows: Matrix, limits: Thresholds = LIMITS) -> Report:
    """Rows against others of the same world, of which the tiny bundles keep too few."""
    return compare(tiny.bundle.contract, sample(tiny, coded(11, 300)), sample(tiny, rows), limits)


def test_rows_of_the_same_world_are_fine(tiny: Tiny) -> None:
    """Every feature and the predictions were tested, none drifted."""
    report = judged(tiny, coded(12, 100))
    assert (report.status, report.drifted, report.recommendations) == ("ok", (), ())
    names = [one.name for one in report.columns if one.part == "feature"]
    assert names == list(tiny.bundle.contract.names)
    assert all(one.test is not None for one in report.columns)
    assert report.tests == sum(1 + (one.missing.test is not None) for one in report.columns)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_shifted_is_named_and_nothing_else(kind: str) -> None:
    """A number that the model does not use for much; its column comes alone."""
    rows = coded(12, 100)
    rows[:, 4] += 150
    report = judged(make(kind), rows)
    assert report.status == "drift"
    assert report.drifted[0] == "depth"
    assert {one.name for one in report.columns if one.drifted and one.part == "feature"} == {"depth"}
    assert any(text.startswith("depth: the mean went from") for text in report.recommendations)


@pytest.mark.parametrize("rows", [0, 1, 29])
def test_too_few_rows_are_no_verdict(regression: Tiny, rows: int) -> None:
    """However far they are off."""
    report = judged(regression, coded(12, rows) + 5)
    assert (report.status, report.rows, report.columns) == ("insufficient_data", rows, ())
    assert "at least 30" in report.recommendations[0]


def test_missing_values_are_a_test_of_their_own(regression: Tiny) -> None:
    """A feed that breaks for half of the rows; the values that are left are as they were."""
    rows = coded(12, 100)
    rows[::2, 1] = np.nan
    report = judged(regression, rows)
    column = next(one for one in report.columns if one.name == "count")
    assert column.test is not None
    assert column.missing.test is not None
    assert not column.test.drifted
    assert column.missing.test.drifted
    assert "count" in report.drifted
    assert any("count: missing in" in text and "feed" in text for text in report.recommendations)


def test_a_column_that_is_missing_altogether_is_told_by_its_gaps(regression: Tiny) -> None:
    """There are no values to compare; where they are missing on both sides there is nothing to test at all."""
    rows, before = coded(12, 60), coded(11, 300)
    rows[:, 4] = np.nan
    limits = replace(LIMITS, alpha=0.01)
    contract = regression.bundle.contract
    report = compare(contract, sample(regression, before), sample(regression, rows), limits)
    column = next(one for one in report.columns if one.name == "depth")
    assert (column.apart, column.test, column.drifted) == (None, None, True)
    before[:, 4] = np.nan
    report = compare(contract, sample(regression, before), sample(regression, rows), limits)
    column = next(one for one in report.columns if one.name == "depth")
    assert (column.missing.test, column.drifted) == (None, False)
    assert (column.missing.reference, column.missing.window) == (1.0, 1.0)


def test_a_column_that_never_varies_is_no_test(regression: Tiny) -> None:
    """It takes nothing from the others; once it varies it is one."""
    rows, before = coded(12, 60), coded(11, 300)
    rows[:, 0] = before[:, 0] = 5
    contract = regression.bundle.contract
    report = compare(contract, sample(regression, before), sample(regression, rows), LIMITS)
    assert report.columns[0].test is None
    rows[:, 0] = 6
    report = compare(contract, sample(regression, before), sample(regression, rows), LIMITS)
    assert report.columns[0].drifted
    assert "Every row holds 6" in report.recommendations[0]


def test_a_shift_too_small_to_matter_is_no_alarm_however_sure(regression: Tiny) -> None:
    """Of 20 000 rows 0.05 standard deviations are seen for certain; drift begins at ``min_effect``."""
    rng = np.random.default_rng(0)
    contract = Contract(target=regression.bundle.contract.target, features=(Feature(name="x", type="number"),))
    one, other = rng.normal(size=(20_000, 1)), rng.normal(0.05, size=(20_000, 1))
    scores = np.zeros(20_000)
    report = compare(contract, Sample(one, scores), Sample(other, scores), LIMITS)
    test = report.columns[0].test
    assert test is not None
    assert test.adjusted < 0.001
    assert report.status == "ok"
    stricter = compare(contract, Sample(one, scores), Sample(other, scores), replace(LIMITS, min_effect=0.02))
    assert stricter.status == "drift"


def test_predictions_alone_can_drift(regression: Tiny) -> None:
    """Then the features are said to be innocent one by one."""
    before, after = coded(11, 300), coded(12, 100)
    contract = regression.bundle.contract
    scores = regression.predictor.scores
    report = compare(contract, Sample(before, scores(before)), Sample(after, scores(after) + 8), LIMITS)
    assert report.drifted == (contract.target.name,)
    assert report.recommendations[0].startswith(f"{contract.target.name} as predicted: the mean went from")
    assert "no single feature did" in report.recommendations[-1]


def said(scores: Matrix) -> Sample:
    """These answers to rows that do not matter."""
    return Sample(np.empty((len(scores), 0)), scores)


def test_what_is_predicted_becomes_columns() -> None:
    """A number; or the label and how probable it is: of two classes the second's probability."""
    contract = Contract(target=Target(name="y", task="regression", unit="m"), features=(Feature(name="x", type="number"),))
    assert predicted(contract, said(np.array([1.0, 2.0])))[Feature(name="y", type="number", unit="m")].tolist() == [1.0, 2.0]
    target = Target(name="y", task="classification", classes=("no", "yes"))
    label, sure = predicted(replace(contract, target=target), said(np.array([[0.9, 0.1], [0.3, 0.7]]))).items()
    assert (label[0].values, label[1].tolist()) == (("no", "yes"), [0.0, 1.0])
    assert (sure[0].name, sure[1].tolist()) == ("probability of yes", [0.1, 0.7])
    target = replace(target, classes=("a", "b", "c"))
    *_, sure = predicted(replace(contract, target=target), said(np.array([[0.2, 0.7, 0.1]]))).items()
    assert (sure[0].name, sure[1].tolist()) == ("probability of the label", [0.7])


def test_shares_of_labels_drift(multiclass: Tiny) -> None:
    """The label that comes more often is named."""
    rows = coded(12, 300)
    rows = rows[multiclass.predictor.scores(rows).argmax(axis=1) == 2]
    report = judged(multiclass, rows)
    assert multiclass.bundle.contract.target.name in report.drifted
    assert any("as predicted: " in text and "high from" in text for text in report.recommendations)


def test_the_verdict_depends_on_nothing_but_the_rows(tiny: Tiny) -> None:
    """Twice the same bytes, in whatever order the rows came."""
    rows = coded(12, 100)
    rows[:, 4] += 60
    texts = {json.dumps(judged(tiny, some).to_dict()) for some in (rows, rows, rows[::-1])}
    assert len(texts) == 1


def test_a_report_is_json(tiny: Tiny) -> None:
    """No NaN, no infinity, also where there are no values and no deviation."""
    rows, before = coded(12, 60), coded(11, 300)
    rows[:, 4], before[:, 0] = np.nan, 5
    report = compare(tiny.bundle.contract, sample(tiny, before), sample(tiny, rows), LIMITS)
    told = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert told["status"] == "drift"
    assert told["drifted"] == list(report.drifted)
    assert told["columns"][4]["apart"] is None


def test_the_surest_come_first(regression: Tiny) -> None:
    """Of two that moved, the one that moved farther."""
    rows = coded(12, 100)
    rows[:, 4] += 300
    rows[:, 0] = np.clip(rows[:, 0] + 2.5, 0, 10)
    drifted = [name for name in judged(regression, rows).drifted if name in ("depth", "size")]
    assert drifted == ["depth", "size"]


def test_thresholds_come_with_the_bundle() -> None:
    """What it does not say, or a bundle that says nothing, is the default; what is none is refused."""
    assert Thresholds.of({}) == Thresholds()
    given = {"window": 300, "min_rows": 40, "alpha": 0.01, "min_effect": 0.2, "max_degradation": 0.1}
    assert Thresholds.of({"monitoring": given}) == Thresholds(300, 40, 0.01, 0.2)
    with pytest.raises(TypeError, match="monitoring"):
        Thresholds.of({"monitoring": [1]})
    with pytest.raises(ValueError, match="many"):
        Thresholds.of({"monitoring": {"window": "many"}})


def worlds(kind: str, columns: int) -> tuple[Contract, "object"]:
    """A contract of so many equal columns, and how rows of it are drawn, shifted by some standard deviations."""
    numbers = kind == "numbers"
    cuts = np.array([-0.5, 0.0, 0.6])

    def draw(rng: np.random.Generator, rows: int, shift: float) -> Sample:
        x = rng.normal(size=(rows, columns))
        x[:, 0] += shift
        scores = x @ np.ones(columns) / np.sqrt(columns)
        return Sample(x if numbers else np.digitize(x, cuts).astype(float), scores)

    one = {"type": "number"} if numbers else {"type": "category", "values": ("a", "b", "c", "d")}
    features = tuple(Feature(name=f"x{at}", **one) for at in range(columns))
    return Contract(target=Target(name="y", task="regression"), features=features), draw


@pytest.mark.parametrize(("kind", "columns", "rows"), [("numbers", 13, 30), ("categories", 13, 30), ("numbers", 30, 50)])
def test_false_alarms_are_rare(kind: str, columns: int, rows: int) -> None:
    """In at most 5 per cent of clean windows, over all columns together, but for chance."""
    contract, draw = worlds(kind, columns)
    assert callable(draw)
    alarms = 0
    for seed in range(120):
        rng = np.random.default_rng([seed, columns])
        alarms += compare(contract, draw(rng, 300, 0), draw(rng, rows, 0), LIMITS).status == "drift"
    assert alarms / 120 <= 0.05 + 2 * 0.02


@pytest.mark.parametrize(("kind", "shift", "seen"), [("numbers", 0.5, 0.85), ("numbers", 1.0, 1.0), ("categories", 1.0, 0.95)])
def test_shifts_are_seen(kind: str, shift: float, seen: float) -> None:
    """One of 13 columns, a window of 100 rows."""
    contract, draw = worlds(kind, 13)
    assert callable(draw)
    alarms = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        alarms += "x0" in compare(contract, draw(rng, 400, 0), draw(rng, 100, shift), LIMITS).drifted
    assert alarms / 60 >= seen - 0.05


def test_labels_are_those_of_the_bundles_threshold(binary: Tiny) -> None:
    """Where the second class is the label above another probability than one half, drift of the labels is drift of those."""
    bundle = replace(binary.bundle, metadata={**binary.bundle.metadata, "threshold": {"aim": "f1", "value": 0.2}})
    before = reference(bundle)
    assert before.threshold == 0.2
    label, *_ = predicted(bundle.contract, before).values()
    assert np.array_equal(label, before.scores[:, 1] > 0.2)
    assert not np.array_equal(label, before.scores.argmax(axis=1))
