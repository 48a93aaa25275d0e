"""The evaluation as JSON and CSV: what ``dvc metrics`` and ``dvc plots`` read."""

import csv
import io
import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from tests.evaluations import classification, regression

from hearth.artifacts import rounded, to_json
from hearth.reporting.summary import metrics_json, plots
from hearth.training.evaluation import Evaluation, Sample

EVALUATIONS = {"regression": regression(), "binary": classification(), "multiclass": classification(("a", "b,c", 'd"e'))}


@pytest.fixture(params=list(EVALUATIONS))
def evaluation(request: pytest.FixtureRequest) -> Evaluation:
    """A made-up evaluation of each kind."""
    return EVALUATIONS[request.param]


def lines(text: str) -> list[list[str]]:
    """The cells of a CSV text."""
    assert text.endswith("\n")
    assert "\r" not in text
    return list(csv.reader(io.StringIO(text)))


def test_the_winner_stands_at_the_top(evaluation: Evaluation) -> None:
    """``cv`` and ``test`` at the top level are those of the winner."""
    found = metrics_json(evaluation)
    assert found["winner"] == evaluation.winner
    assert {"cv": found["cv"], "test": found["test"]} == found[evaluation.winner]


def test_every_contender_has_the_mean_and_sd_of_its_folds_and_its_test_figures(evaluation: Evaluation) -> None:
    """``cv.METRIC.mean|sd`` and ``test.METRIC.value|low|high``, sd with n - 1."""
    found = metrics_json(evaluation)
    for contender in evaluation.contenders:
        part = found[contender.name]
        assert isinstance(part, dict)
        for metric in contender.folds[0]:
            values = [fold[metric] for fold in contender.folds]
            assert part["cv"][metric] == pytest.approx({"mean": np.mean(values), "sd": np.std(values, ddof=1)})
        assert part["test"] == {name: asdict(one) for name, one in contender.test.items()}


def test_intervals_features_comparisons_and_training_scores_are_there(evaluation: Evaluation) -> None:
    """Each comes from the evaluation as it is."""
    found, coverage = metrics_json(evaluation), evaluation.coverage
    assert found["interval"] == {
        "nominal": coverage.nominal,
        "coverage": coverage.coverage,
        "mean_width": coverage.mean_width,
        "test_coverage": coverage.test_coverage,
        "test_mean_width": coverage.test_mean_width,
    }
    assert found["features"] == {"selected": list(evaluation.features), "count": len(evaluation.features)}
    assert found["versus"] == {
        one.other: {
            "value": one.difference.value,
            "low": one.difference.low,
            "high": one.difference.high,
            "p_value": one.p_value,
        }
        for one in evaluation.comparisons
    }
    assert found["training_cv"] == evaluation.training_cv


def test_a_sample_is_among_the_metrics_where_there_is_one(evaluation: Evaluation) -> None:
    """How many rows of how many, and what was learnt from; else there is no such key."""
    found = metrics_json(replace(evaluation, sample=Sample(rows=60, of=900, fold=48, learnt=50)))
    assert found["sample"] == {"rows": 60, "of": 900, "fold": 48, "learnt": 50}
    assert {key: value for key, value in found.items() if key != "sample"} == metrics_json(evaluation)


def test_the_metrics_are_json_also_where_a_figure_is_no_number(evaluation: Evaluation) -> None:
    """A metric that is not defined on a fold becomes null when written."""
    best = evaluation.best
    flawed = replace(best, folds=({**best.folds[0], evaluation.objective: float("nan")}, *best.folds[1:]))
    changed = replace(evaluation, contenders=tuple(flawed if one is best else one for one in evaluation.contenders))
    text = to_json(rounded(metrics_json(changed)))
    assert json.loads(text)["cv"][evaluation.objective]["mean"] is None


def test_the_test_rows_are_pairs_of_truth_and_answer() -> None:
    """A regression has numbers of six digits, a classification the names of its classes."""
    table = lines(plots(EVALUATIONS["regression"])["predictions.csv"])
    evaluation = EVALUATIONS["regression"]
    assert table[0] == ["actual", "predicted"]
    pairs = zip(evaluation.test_actual, evaluation.best.test_scores, strict=True)
    assert table[1:] == [[f"{actual:.6g}", f"{answer:.6g}"] for actual, answer in pairs]
    evaluation = EVALUATIONS["multiclass"]
    names = np.array(evaluation.contract.target.classes)
    table = lines(plots(evaluation)["predictions.csv"])
    assert [row[0] for row in table[1:]] == names[evaluation.test_actual.astype(int)].tolist()
    assert [row[1] for row in table[1:]] == names[evaluation.best.test_scores.argmax(axis=1)].tolist()


def test_the_learning_curve_is_a_line_a_point(evaluation: Evaluation) -> None:
    """Rows, and the objective on both sides."""
    table = lines(plots(evaluation)["learning.csv"])
    assert table == [
        ["rows", "train", "valid"],
        *([str(p.rows), f"{p.train:.6g}", f"{p.valid:.6g}"] for p in evaluation.learning),
    ]


def test_importance_falls(evaluation: Evaluation) -> None:
    """Every feature of the attribution stands with its mean absolute SHAP value, the greatest first."""
    head, *table = lines(plots(evaluation)["importance.csv"])
    importance = dict(zip(evaluation.attribution.features, evaluation.attribution.importance, strict=True))
    assert head == ["importance", "feature"]
    assert {name: size for size, name in table} == {name: f"{size:.6g}" for name, size in importance.items()}
    sizes = [float(size) for size, _ in table]
    assert sizes == sorted(sizes, reverse=True)
