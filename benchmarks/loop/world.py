"""What is asked of a model and what it turns out to be, made from its bundle: as it was, or otherwise than it can know."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hearth.bundle import Bundle, Predictor
from hearth.bundle.rows import Row
from hearth.schema import Feature

Matrix = NDArray[np.float64]
MOVED, RAISED = 0.7, 1.5  # standard deviations: of numbers that move, of a target that rises


@dataclass(frozen=True, slots=True)
class Week:
    """Rows as a client sends them, and their truths, in the same order."""

    rows: list[Row]
    actual: list[float | str]


@dataclass(frozen=True, slots=True)
class World:
    """Where the first champion was made. It may be asked long after that one is gone."""

    bundle: Bundle

    def quiet(self, rows: int, seed: int) -> Week:
        """Rows that the model knows; each turns out to be what it says, but for an error of the size that it is known for."""
        rng = np.random.default_rng(seed)
        x = self._drawn(rng, rows)
        return self._week(x, self._truths(rng, x))

    def shifted(self, rows: int, seed: int) -> Week:
        """Rows whose numbers have moved; where the first of those is high, the target is another than it was."""
        rng = np.random.default_rng(seed)
        x = self._drawn(rng, rows)
        truths, numbers = self._truths(rng, x), self._numbers()
        high = x[:, numbers[0]] > np.nanmedian(self.bundle.reference_rows[:, numbers[0]])
        return self._week(self._moved(x, numbers), self._changed(truths, high))

    def _drawn(self, rng: np.random.Generator, rows: int) -> Matrix:
        return self.bundle.reference_rows[rng.integers(0, len(self.bundle.reference_rows), rows)]

    def _numbers(self) -> list[int]:
        """Every other column of numbers."""
        return [i for i, feature in enumerate(self.bundle.contract.used) if feature.type == "number"][::2]

    def _moved(self, x: Matrix, columns: list[int]) -> Matrix:
        moved = x.copy()
        for i in columns:
            feature, spread = self.bundle.contract.used[i], np.nanstd(self.bundle.reference_rows[:, i])
            moved[:, i] = np.clip(x[:, i] + MOVED * spread, feature.min, feature.max)
        return moved

    def _truths(self, rng: np.random.Generator, x: Matrix) -> Matrix:
        """Targets, or codes of classes."""
        scores = Predictor(self.bundle).scores(x)
        if self.bundle.contract.target.task == "classification":
            codes: Matrix = (scores.cumsum(axis=1) < rng.random((len(x), 1))).sum(axis=1).astype(np.float64)
            return codes
        noise: Matrix = rng.normal(scale=self._error(), size=len(x))
        return scores + noise

    def _error(self) -> float:
        metrics: dict[str, dict[str, dict[str, float]]] = self.bundle.metadata["metrics"]  # type: ignore[assignment]
        return metrics["cv"]["rmse"]["mean"]

    def _changed(self, truths: Matrix, high: NDArray[np.bool_]) -> Matrix:
        classes = len(self.bundle.contract.target.classes)
        if classes:
            return (truths + high) % classes
        return truths + RAISED * np.std(self.bundle.reference_scores) * high

    def _week(self, x: Matrix, truths: Matrix) -> Week:
        classes = self.bundle.contract.target.classes
        actual = [classes[int(one)] if classes else float(one) for one in truths]
        return Week([self._row(values) for values in x], actual)

    def _row(self, values: Matrix) -> Row:
        contract = self.bundle.contract
        known = {feature.name: _value(feature, value) for feature, value in zip(contract.used, values, strict=True)}
        unused = {feature.name: _any(feature) for feature in contract.features if not feature.use and feature.required}
        return {name: value for name, value in {**known, **unused}.items() if value is not None}


def answers(predictor: Predictor, rows: Sequence[Row]) -> list[float | str]:
    """What the service would say: numbers, or labels."""
    classes, values = predictor.contract.target.classes, predictor.predict_rows(rows).value.tolist()
    return [classes[int(one)] for one in values] if classes else values


def _value(feature: Feature, code: float) -> float | int | bool | str | None:
    """What a code stands for."""
    if np.isnan(code):
        return None
    if feature.type == "category":
        return feature.values[int(code)]
    if feature.type == "boolean":
        return bool(code)
    return int(code) if feature.type == "integer" else float(code)


def _any(feature: Feature) -> float | bool | str:
    """Some value that keeps the contract."""
    if feature.type in ("category", "boolean"):
        return feature.values[0] if feature.values else False
    return feature.min if feature.min is not None else feature.max or 0
