"""The check of reasons against the booster in a bundle: it takes what adds up, and finds what does not."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks.anytable.reasons import GAP, Law
from tests.bundles import KINDS, make, rows_of

from hearth.bundle import Predictor, write
from hearth.bundle.booster import scores
from hearth.bundle.explained import explained

Answer = Mapping[str, object]
CLASSIFICATIONS = ("binary", "multiclass")


def served(kind: str, folder: Path, temperature: float = 1.7) -> tuple[Law, Predictor, list[dict[str, object]]]:
    """The law of a bundle with a temperature, its predictor, and rows."""
    tiny = make(kind)
    told = scores(tiny.booster, tiny.columns[:5], tiny.bundle.contract.target.outputs, temperature=temperature)
    metadata = {**tiny.bundle.metadata, "calibration": {"temperature": temperature}}
    write(replace(tiny.bundle, metadata=metadata, probe_scores=told) if kind != "regression" else tiny.bundle, folder)
    return Law.of(folder), Predictor.load(folder), rows_of(tiny.x[:20])


def scaled(reasons: Answer, factor: float) -> Answer:
    """Reasons of which all are this many times as large."""
    contributions: Mapping[str, float] = reasons["contributions"]  # type: ignore[assignment]
    base = factor * float(reasons["base"])  # type: ignore[arg-type]
    return {**reasons, "base": base, "contributions": {name: factor * one for name, one in contributions.items()}}


def moved(reasons: Answer, by: float) -> Answer:
    """Reasons of which the first is more by this."""
    contributions: Mapping[str, float] = reasons["contributions"]  # type: ignore[assignment]
    first = next(iter(contributions))
    return {**reasons, "contributions": {**contributions, first: contributions[first] + by}}


@pytest.mark.parametrize("kind", KINDS)
def test_reasons_of_the_service_add_up(tmp_path: Path, kind: str) -> None:
    """To the prediction, or over the temperature to the margin of the class that they explain."""
    law, predictor, rows = served(kind, tmp_path / "bundle")
    assert {law.gap(row, said, said) < GAP for row in rows for said in [explained(predictor, row)]} == {True}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("spoilt", [lambda said: moved(said, 0.01), lambda said: scaled(said, 1.01)], ids=["one", "all"])
def test_reasons_that_miss_are_found(tmp_path: Path, kind: str, spoilt: Callable[[Answer], Answer]) -> None:
    """One that is off by little, and all."""
    law, predictor, rows = served(kind, tmp_path / "bundle")
    gaps = [law.gap(row, said, spoilt(said)) for row in rows for said in [explained(predictor, row)]]
    assert max(gaps) > 10 * GAP


@pytest.mark.parametrize("kind", CLASSIFICATIONS)
def test_reasons_without_the_temperature_are_found(tmp_path: Path, kind: str) -> None:
    """They add up to the margin itself, which is not what the probabilities are made of."""
    law, predictor, rows = served(kind, tmp_path / "bundle")
    assert min(law.gap(row, said, scaled(said, 1.7)) for row in rows for said in [explained(predictor, row)]) > GAP


@pytest.mark.parametrize("kind", CLASSIFICATIONS)
def test_reasons_for_another_class_are_found(tmp_path: Path, kind: str) -> None:
    """Also where they add up to what the trees say of it, and where the class is named right."""
    law, predictor, rows = served(kind, tmp_path / "bundle")
    said = explained(predictor, rows[0])
    other = next(name for name in said["probabilities"] if name != said["explains"])  # type: ignore[attr-defined]
    assert law.gap(rows[0], said, {**said, "explains": other}) == float("inf")
    margins = law.margins(rows[0])
    base = float(margins[list(said["probabilities"]).index(other)]) / 1.7  # type: ignore[call-overload]
    assert law.gap(rows[0], said, {**said, "base": base, "contributions": {}}) > 10 * GAP


@pytest.mark.parametrize("kind", CLASSIFICATIONS)
def test_probabilities_that_are_not_those_of_the_margins_are_found(tmp_path: Path, kind: str) -> None:
    """As they are of a service that knows another temperature than the bundle."""
    law, predictor, rows = served(kind, tmp_path / "bundle")
    other = served(kind, tmp_path / "other", temperature=1.8)[1]
    told = [{**explained(predictor, row), "probabilities": explained(other, row)["probabilities"]} for row in rows]
    assert max(law.gap(row, said, said) for row, said in zip(rows, told, strict=True)) > 10 * GAP


def test_reasons_for_another_prediction_are_found(tmp_path: Path) -> None:
    """``/predict`` and ``/explain`` say the same."""
    law, predictor, rows = served("regression", tmp_path / "bundle")
    said = explained(predictor, rows[0])
    assert law.gap(rows[0], {**said, "prediction": 0.0}, said) == float("inf")
