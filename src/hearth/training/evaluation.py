"""What is known of the experiments and the baselines when all is measured: the one source of every report."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hearth.bundle.decision import EVEN, labels
from hearth.schema import Contract
from hearth.training.deciding import Decided
from hearth.training.fitting import Recipe
from hearth.training.selection import Attribution
from hearth.training.table import Vector


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with the bounds of its confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Contender:
    """An experiment or a baseline.

    ``folds`` are its metrics on each fold of the repeated cross-validation over all rows, ``test`` those of the one reading
    of the test rows with bootstrap intervals, ``test_scores`` its answers there: (m,), or probabilities (m, k), of two classes
    the second above ``threshold``.
    """

    name: str
    kind: Literal["experiment", "baseline"]
    folds: tuple[Mapping[str, float], ...]
    test: Mapping[str, Estimate]
    test_scores: Vector
    threshold: float = EVEN

    @property
    def test_labels(self) -> NDArray[np.intp]:
        """The codes of a classification's answers to the test rows, shape (m,)."""
        return labels(self.test_scores, self.threshold)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The winner's objective minus another's, paired over the folds: below 0 the winner is better.

    Interval and p-value by the corrected resampled t-test of Nadeau and Bengio (2003), Machine Learning 52, 239-281.
    """

    other: str
    difference: Estimate
    p_value: float


@dataclass(frozen=True, slots=True)
class Coverage:
    """How often conformal intervals (label sets) held the truth, and their mean width, out of fold and in the test.

    ``nominal`` is what the bundle states.
    """

    nominal: float
    coverage: float
    mean_width: float
    test_coverage: float
    test_mean_width: float


@dataclass(frozen=True, slots=True)
class LearningPoint:
    """The winner's recipe on a share of the training rows: its mean objective on them and on the validation rows."""

    rows: int
    train: float
    valid: float
    valid_sd: float


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A column that is accepted and ignored: the winner's mean objective without it and with it, on the same folds."""

    name: str
    reason: str
    without: float
    with_it: float


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that are measured apart: the rule that they keep, and every metric of the winner's answers to them, out of fold."""

    name: str
    rule: str
    rows: int
    scores: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Sample:
    """Of a large table ``rows`` of ``of`` were cross-validated, about ``fold`` of them learnt from in each fold.

    ``learnt`` is how many training rows the baselines had learnt from when they read the test rows.
    """

    rows: int
    of: int
    fold: int
    learnt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """All that the reports say.

    ``sample`` is None where all rows were cross-validated.
    ``actual`` and ``out_of_fold`` are the target of the rows that were and the winner's answers from the first repeat of the
    cross-validation, ``labels`` the codes of its labels there, none of a regression; ``test_actual`` is the target of the test
    rows. ``decided`` is what makes the winner's answers of scores, for the ``aim`` of its labels.
    """

    contract: Contract
    winner: str
    recipe: Recipe
    features: tuple[str, ...]
    objective: str
    contenders: tuple[Contender, ...]
    comparisons: tuple[Comparison, ...]
    training_cv: Mapping[str, Mapping[str, Mapping[str, float]]]
    coverage: Coverage
    learning: tuple[LearningPoint, ...]
    left_out: tuple[LeftOut, ...]
    groups: tuple[Group, ...] = ()
    attribution: Attribution
    actual: Vector
    out_of_fold: Vector
    labels: NDArray[np.intp]
    test_actual: Vector
    train_rows: int
    confidence: float
    decided: Decided = field(default_factory=Decided)
    aim: str = "accuracy"
    sample: Sample | None = None

    def contender(self, name: str) -> Contender:
        """The contender of this name."""
        return next(contender for contender in self.contenders if contender.name == name)

    @property
    def best(self) -> Contender:
        """The winner, chosen on the training rows."""
        return self.contender(self.winner)

    @property
    def residuals(self) -> NDArray[np.float64]:
        """Actual minus predicted, out of fold, of a regression's rows."""
        residuals: NDArray[np.float64] = self.actual - self.out_of_fold
        return residuals
