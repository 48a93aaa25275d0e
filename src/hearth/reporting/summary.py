"""The evaluation as JSON and CSV: what `dvc metrics` and `dvc plots` read."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from hearth.training.evaluation import Contender, Evaluation
from hearth.training.metrics import summary

Cell = str | int | float


def metrics_json(evaluation: Evaluation) -> dict[str, object]:
    """``reports/metrics.json``: the winner's figures at the top, then those of each experiment and baseline."""
    coverage = evaluation.coverage
    return {
        "winner": evaluation.winner,
        **_measured(evaluation.best),
        "interval": {
            "nominal": coverage.nominal,
            "coverage": coverage.coverage,
            "mean_width": coverage.mean_width,
            "test_coverage": coverage.test_coverage,
            "test_mean_width": coverage.test_mean_width,
        },
        **evaluation.decided.told(evaluation.aim),
        **({"sample": asdict(evaluation.sample)} if evaluation.sample else {}),
        "features": {"selected": list(evaluation.features), "count": len(evaluation.features)},
        **{contender.name: _measured(contender) for contender in evaluation.contenders},
        "versus": {one.other: {**asdict(one.difference), "p_value": one.p_value} for one in evaluation.comparisons},
        "training_cv": evaluation.training_cv,
        **({"groups": {one.name: {"rows": one.rows, **one.scores} for one in evaluation.groups}} if evaluation.groups else {}),
    }


def plots(evaluation: Evaluation) -> dict[str, str]:
    """CSV files for `dvc plots`, by file name."""
    classes = evaluation.contract.target.classes
    scores, decision = evaluation.best.test_scores, evaluation.decided.decision
    codes = decision.labels(scores) if classes else scores
    pairs = zip(evaluation.test_actual.tolist(), codes.tolist(), strict=True)
    named = ((classes[int(a)], classes[int(b)]) if classes else (_digits(a), _digits(b)) for a, b in pairs)
    sizes = zip(evaluation.attribution.features, evaluation.attribution.importance.tolist(), strict=True)
    return {
        "predictions.csv": _csv(("actual", "predicted"), named),
        "learning.csv": _csv(
            ("rows", "train", "valid"), ((p.rows, _digits(p.train), _digits(p.valid)) for p in evaluation.learning)
        ),
        "importance.csv": _csv(
            ("importance", "feature"), sorted(((_digits(size), name) for name, size in sizes), key=lambda x: -float(x[0]))
        ),
    }


def _measured(contender: Contender) -> Mapping[str, object]:
    return {
        "cv": summary([dict(fold) for fold in contender.folds]),
        "test": {name: asdict(estimate) for name, estimate in contender.test.items()},
    }


def _digits(value: float) -> str:
    return f"{value:.6g}"


def _csv(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return buffer.getvalue()
