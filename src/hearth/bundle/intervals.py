"""Split-conformal intervals and label sets from out-of-fold predictions."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hearth.bundle.decision import EVEN, labels

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Conformal:
    """The ``coverage`` that is stated, and the quantile of the non-conformity scores behind it.

    Label sets always have the most probable class; where that alone holds the truth more often than was asked for, the
    coverage stated is that, and the quantile adds nothing.

    The score of a regression is |actual - predicted|, that of a classification 1 - p(actual). Sources: Vovk, Gammerman and
    Shafer (2005), Algorithmic Learning in a Random World; Sadinle, Lei and Wasserman (2019), JASA 114, for label sets.
    """

    coverage: float
    quantile: float
    rows: int

    def __post_init__(self) -> None:
        """Refuse what no calibration gives.

        Raises:
            ValueError: the coverage is not between 0 and 1, the quantile negative or not finite, or there is no row.
        """
        if not (0 < self.coverage < 1 and 0 <= self.quantile < np.inf and self.rows > 0):
            raise ValueError("a conformal quantile needs a coverage between 0 and 1, a finite quantile and rows")

    @classmethod
    def fit(cls, scores: Vector, coverage: float) -> "Conformal":
        """The finite-sample quantile: the ceil((n + 1) coverage)-th smallest of n scores, the greatest where n is too small.

        Raises:
            ValueError: there is no score, or one is not finite.
        """
        n = len(scores)
        if n == 0 or not np.isfinite(scores).all():
            raise ValueError("a conformal quantile needs scores, and finite ones")
        rank = min(int(np.ceil((n + 1) * coverage)), n)
        return cls(coverage=coverage, quantile=float(np.partition(scores, rank - 1)[rank - 1]), rows=n)

    def interval(self, predicted: Vector) -> tuple[Vector, Vector]:
        """Lower and upper bounds of a regression's predictions, each of shape (n,)."""
        return predicted - self.quantile, predicted + self.quantile

    def label_sets(self, probabilities: Vector, threshold: float = EVEN) -> NDArray[np.bool_]:
        """Which classes belong to each row's set, shape (n, k); the row's label, at this threshold, always does."""
        members = 1 - probabilities <= self.quantile  # as the scores are computed: rounding then excludes no truth
        members[np.arange(len(members)), labels(probabilities, threshold)] = True
        return members

    def to_dict(self) -> dict[str, float]:
        """Plain JSON values."""
        return {"coverage": self.coverage, "quantile": self.quantile, "rows": self.rows}

    @classmethod
    def from_dict(cls, raw: Mapping[str, float]) -> "Conformal":
        """Read what ``to_dict`` wrote."""
        return cls(coverage=float(raw["coverage"]), quantile=float(raw["quantile"]), rows=int(raw["rows"]))


def scores(actual: Vector, predicted: Vector) -> Vector:
    """Non-conformity of each row: ``predicted`` is (n,), or (n, k) probabilities of the codes in ``actual``."""
    if predicted.ndim == 1:
        return np.abs(actual - predicted)
    return 1 - predicted[np.arange(len(actual)), actual.astype(np.intp)]
