"""Predictions and their truths as numbers: what the store joins, read by the contract."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from hearth.schema import MOST, Contract, Feature, Target

Vector = NDArray[np.float64]
Names = NDArray[np.str_]
Scalar = float | int | str | bool | None
Score = float | list[float]


class Asked(Protocol):
    """Rows as the store keeps them: a list for each column of features, and the model's answers."""

    @property
    def features(self) -> Mapping[str, Sequence[Scalar]]: ...  # noqa: D102
    @property
    def scores(self) -> Sequence[Score]: ...  # noqa: D102


class Joined(Asked, Protocol):
    """Rows with their truths; ``at`` is when they were predicted, ``askers`` and ``tellers`` are names of keys."""

    @property
    def at(self) -> Sequence[float]: ...  # noqa: D102
    @property
    def models(self) -> Sequence[str]: ...  # noqa: D102
    @property
    def askers(self) -> Sequence[str]: ...  # noqa: D102
    @property
    def tellers(self) -> Sequence[str]: ...  # noqa: D102
    @property
    def actual(self) -> Sequence[float | str | bool]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Truths:
    """Rows with truths, n of them.

    ``x`` (n, len(contract.names)) is coded, ``scores`` (n,) or (n, k) probabilities, ``actual`` (n,) numbers or class codes,
    ``at`` unix seconds. ``places`` says where each row stood in what was read.
    """

    contract: Contract
    x: NDArray[np.float64]
    scores: Vector
    actual: Vector
    at: Vector
    models: Names
    askers: Names
    tellers: Names
    places: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.actual)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> Self:
        """Some of the rows."""
        columns = {name: getattr(self, name)[rows] for name in self.__dataclass_fields__ if name != "contract"}
        return replace(self, **columns)

    @property
    def errors(self) -> Vector:
        """How wrong each answer was: |actual - predicted|, or -log p(actual), which is the log loss of the row."""
        if self.scores.ndim == 1:
            return np.abs(self.actual - self.scores)
        eps = np.finfo(np.float64).eps
        chosen = self.scores[np.arange(len(self)), self.actual.astype(np.intp)] / self.scores.sum(axis=1)
        found: Vector = -np.log(np.clip(chosen, eps, 1 - eps))
        return found


def read(contract: Contract, rows: Joined) -> Truths:
    """The rows that can be judged by this contract: those whose scores and truth are what it predicts.

    A feature that a row lacks, or that has a value of another contract, is missing there.
    """
    actual = np.array([_actual(contract.target, one) for one in rows.actual], dtype=np.float64)
    scores, fit = scored(contract.target, rows.scores)
    sound = ~np.isnan(actual[fit])
    scores, places = scores[sound], fit[sound]
    return Truths(
        contract=contract,
        x=coded(contract, rows)[places],
        scores=scores,
        actual=actual[places],
        at=np.array(rows.at, dtype=np.float64)[places],
        models=np.array(rows.models, dtype=np.str_)[places],
        askers=np.array(rows.askers, dtype=np.str_)[places],
        tellers=np.array(rows.tellers, dtype=np.str_)[places],
        places=places,
    )


def scored(target: Target, scores: Sequence[Score]) -> tuple[Vector, NDArray[np.intp]]:
    """The answers of this target's kind, (m,) or (m, k), and where they stand among ``scores``."""
    places = np.flatnonzero(np.array([_fits(target, one) for one in scores], dtype=np.bool_))
    width = (target.outputs,) if target.outputs > 1 else ()
    return np.array([scores[place] for place in places.tolist()], dtype=np.float64).reshape(len(places), *width), places


def coded(contract: Contract, rows: Asked) -> NDArray[np.float64]:
    """Stored values as the matrix (n, len(contract.names)) that models see."""
    missing = [None] * len(rows.scores)
    columns = [[_code(feature, value) for value in rows.features.get(feature.name, missing)] for feature in contract.used]
    return np.array(columns, dtype=np.float64).reshape(len(columns), len(rows.scores)).T


def _code(feature: Feature, value: Scalar) -> float:
    if feature.type == "category":
        return float(feature.values.index(value)) if isinstance(value, str) and value in feature.values else np.nan
    if isinstance(value, bool) != (feature.type == "boolean"):
        return np.nan
    return float(value) if isinstance(value, int | float) else np.nan


def _actual(target: Target, value: float | str | bool) -> float:
    """A truth as a number, or NaN where it is none of this target's."""
    if target.task == "classification":
        return float(target.classes.index(value)) if isinstance(value, str) and value in target.classes else np.nan
    number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MOST
    return float(value) if number else np.nan


def _fits(target: Target, score: Score) -> bool:
    return len(score) == target.outputs if isinstance(score, list) else target.outputs == 1
