"""Small evaluations with made-up figures: what the figures and the reports are tested on."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hearth.params import CardParams
from hearth.reporting.card import model_card
from hearth.reporting.page import html_page
from hearth.schema import Contract, Feature, Target
from hearth.training.drawing import svg
from hearth.training.evaluation import Comparison, Contender, Coverage, Estimate, Evaluation, LearningPoint, LeftOut
from hearth.training.figures import evaluation_figures
from hearth.training.fitting import Recipe
from hearth.training.metrics import OBJECTIVE, metrics, summary
from hearth.training.selection import Attribution

Floats = NDArray[np.float64]
CARD = CardParams(
    title="Tiny <b>model</b>",
    intended="Tests.",
    misuse=("Nothing else | at all",),
    provenance="Drawn by a generator.",
    notes=("A note.",),
)
DATA: Mapping[str, object] = {
    "source": "csv",
    "version": None,
    "sha256": "ab" * 32,
    "rows": 60,
    "missing": {"plain": 3, "kind": 0},
    "target": {"mean": 1.23456, "classes": ["a", "b"]},
}
HOSTILE = ("$x$", "_a_b^{c", "<script>alert(1)</script>", "a|b\nc", "€ 日本")


def contract(target: Target, names: tuple[str, ...] = ("plain", "flag", "kind", "unused")) -> Contract:
    """A number, a boolean, a category and an ignored column, under these names; more names are numbers."""
    first, second, third, ignored, *rest = names
    return Contract(
        target=target,
        features=(
            Feature(name=first, type="number", min=0, max=5, required=False, unit="m", about="a length"),
            Feature(name=second, type="boolean"),
            Feature(name=third, type="category", values=("red", "green", "blue")),
            Feature(name=ignored, type="number", min=1, use=False, reason="it is noise"),
            *(Feature(name=name, type="number", max=9) for name in rest),
        ),
    )


def attribution(of: Contract, rows: int, classes: int) -> Attribution:
    """SHAP values that fall from feature to feature; every tenth value of the first feature is missing."""
    random = np.random.default_rng(7)
    x = random.normal(size=(rows, len(of.names)))
    x[:, 1], x[:, 2] = np.arange(rows) % 2, np.arange(rows) % 3
    x[::10, 0] = np.nan
    shape = (rows, len(of.names)) if classes <= 2 else (rows, classes, len(of.names))
    return Attribution(of.names, x, random.normal(size=shape) / np.arange(1, len(of.names) + 1))


def regression(rows: int = 60, names: tuple[str, ...] = ("plain", "flag", "kind", "unused")) -> Evaluation:
    """A model whose error is about 2."""
    random = np.random.default_rng(1)
    actual = random.normal(20, 8, rows)
    target = Target(name="size", task="regression", unit="cm", about="how tall")
    return _evaluation(contract(target, names), actual, actual + random.normal(0, 2, rows), 1.0)


def classification(classes: tuple[str, ...] = ("no", "yes"), rows: int = 60) -> Evaluation:
    """A model that is often right."""
    random = np.random.default_rng(2)
    actual = (np.arange(rows) % len(classes)).astype(np.float64)
    raw = random.uniform(size=(rows, len(classes)))
    raw[np.arange(rows), actual.astype(np.intp)] += 0.6
    target = Target(name="answer", task="classification", classes=classes)
    answers: Floats = np.divide(raw, raw.sum(axis=1, keepdims=True))
    return _evaluation(contract(target), actual, answers, 0.1)


def digests() -> dict[str, str]:
    """The SHA-256 of the figures of each task, of the card and of the page."""
    searches = {"search": [3.0, 2.0, 2.5]}
    drawn = {
        name: b"".join(svg(figure) for figure in evaluation_figures(evaluation, searches).values())
        for name, evaluation in (("regression", regression()), ("classification", classification(("a", "b", "c"))))
    }
    card, page = model_card(regression(), CARD, DATA), html_page(regression(), CARD, DATA, {"b.svg": b"1", "a.svg": b"2"})
    files = {**drawn, "card": card.encode(), "page": page.encode()}
    return {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


def digests_elsewhere() -> dict[str, str]:
    """The same from another process with another hash seed."""
    code = "import json; from tests.evaluations import digests; print(json.dumps(digests()))"
    environment = {**os.environ, "PYTHONHASHSEED": "4711", "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def _evaluation(of: Contract, actual: Floats, answers: Floats, noise: float) -> Evaluation:
    contenders = (
        _contender(of, "winner_one", "experiment", actual, answers, 0),
        _contender(of, "second", "experiment", actual, answers, noise),
        _contender(of, "mean", "baseline", actual, np.repeat(answers.mean(axis=0, keepdims=True), len(actual), axis=0), 0),
    )
    objective = OBJECTIVE[of.target.task]
    return Evaluation(
        contract=of,
        winner="winner_one",
        recipe=Recipe(123, {"learning_rate": 0.0512345}, 20.0),
        features=of.names[:2],
        objective=objective,
        contenders=contenders,
        comparisons=(
            Comparison("second", Estimate(-0.1, -0.3, 0.1), 0.25),
            Comparison("mean", Estimate(-2.5, -3.5, -1.5), 0.0001),
        ),
        training_cv={one.name: summary([dict(fold) for fold in one.folds]) for one in contenders[:2]},
        coverage=Coverage(0.9, 0.912, 3.21, 0.87, 3.33),
        learning=(LearningPoint(10, 0.5, 2.0, 0.3), LearningPoint(20, 0.6, 1.5, 0.2)),
        left_out=(LeftOut("unused", "it is noise", 1.234, 1.199),),
        attribution=attribution(of, len(actual), of.target.outputs),
        actual=actual,
        out_of_fold=answers,
        labels=answers.argmax(axis=1) if answers.ndim == 2 else np.empty(0, np.intp),
        test_actual=actual[:12],
        train_rows=len(actual) - 12,
        confidence=0.95,
    )


def _contender(of: Contract, name: str, kind: str, actual: Floats, answers: Floats, noise: float) -> Contender:
    blurred = answers + np.random.default_rng(3).uniform(0, noise, answers.shape)
    folds = tuple(metrics(of.target.task, actual[at::5], blurred[at::5]) for at in range(5))
    test = {key: Estimate(value, value - 0.1, value + 0.1) for key, value in folds[0].items()}
    return Contender(name, "experiment" if kind == "experiment" else "baseline", folds, test, blurred[:12])
