"""What a set of predictions is worth. Definitions as in scikit-learn, against which the tests hold them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hearth.bundle.decision import EVEN, labels
from hearth.schema import Task

Vector = NDArray[np.float64]

# What searches minimise and the winner is chosen by.
OBJECTIVE: dict[Task, str] = {"regression": "rmse", "classification": "log_loss"}
# Metrics of which more is better.
HIGHER_IS_BETTER = frozenset({"r2", "accuracy", "balanced_accuracy", "macro_f1", "weighted_f1", "auc"})
# Bins of equal width in which stated and observed accuracy are compared.
CALIBRATION_BINS = 15


def metrics(task: Task, actual: Vector, scores: Vector, threshold: float = EVEN) -> dict[str, float]:
    """Every metric of the task; ``scores`` is (n,), or (n, k) probabilities with class codes in ``actual``.

    Of two classes the second is the label above ``threshold``.
    """
    return regression(actual, scores) if task == "regression" else classification(actual, scores, threshold)


def objective(task: Task, actual: Vector, scores: Vector) -> float:
    """The one metric that a search minimises."""
    return rmse(actual, scores) if task == "regression" else log_loss(actual, scores)


def regression(actual: Vector, predicted: Vector) -> dict[str, float]:
    """RMSE and MAE in the target's unit, R2, and MAPE as a share (1 is 100 %)."""
    error = actual - predicted
    spread = float(np.sum((actual - actual.mean()) ** 2))
    size = np.maximum(np.abs(actual), np.finfo(np.float64).eps)
    return {
        "rmse": rmse(actual, predicted),
        "mae": float(np.mean(np.abs(error))),
        "r2": 1 - float(np.sum(error**2)) / spread if spread else float("nan"),
        "mape": float(np.mean(np.abs(error) / size)),
    }


def classification(actual: Vector, probabilities: Vector, threshold: float = EVEN) -> dict[str, float]:
    """Of the classes present: accuracy, its mean over them, F1 as plain and as weighted mean, AUC; log loss in nats."""
    predicted = labels(probabilities, threshold)
    classes = of_classes(confusion(actual, predicted, probabilities.shape[1]))
    present = classes.rows > 0
    return {
        "accuracy": float(np.mean(predicted == actual)),
        "balanced_accuracy": float(np.mean(classes.recall[present])),
        "macro_f1": float(np.mean(classes.f1[present | (classes.predicted > 0)])),
        "weighted_f1": float(np.average(classes.f1, weights=classes.rows)),
        "auc": auc(actual, probabilities),
        "log_loss": log_loss(actual, probabilities),
    }


@dataclass(frozen=True, slots=True)
class PerClass:
    """Of each of k classes, each (k,): rows of it, rows predicted to be, precision, recall and F1; 0 where undefined."""

    rows: Vector
    predicted: Vector
    precision: Vector
    recall: Vector
    f1: Vector


def of_classes(counts: NDArray[np.intp]) -> PerClass:
    """What a confusion matrix (k, k) says of each class."""
    hits, rows, predicted = (part.astype(np.float64) for part in (np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)))
    return PerClass(
        rows=rows,
        predicted=predicted,
        precision=hits / np.maximum(predicted, 1),
        recall=hits / np.maximum(rows, 1),
        f1=2 * hits / np.maximum(rows + predicted, 1),
    )


def auc(actual: Vector, probabilities: Vector) -> float:
    """Area under the ROC curve: of two classes that of the second, of more the mean of one against the rest.

    A class that no row or every row is of has none and is left out; NaN where none is left. By ranks: Mann and Whitney (1947).
    """
    codes = [1] if probabilities.shape[1] == 2 else range(probabilities.shape[1])
    areas = [_area(actual == code, probabilities[:, code]) for code in codes]
    return float(np.mean([area for area in areas if area is not None] or [np.nan]))


def _area(member: NDArray[np.bool_], score: Vector) -> float | None:
    """The chance that a row of the class is scored above one that is not, ties counted half; None where one kind is missing."""
    inside = int(member.sum())
    outside = len(member) - inside
    if not inside or not outside:
        return None
    _, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place.reshape(-1)]
    return float((ranks[member].sum() - inside * (inside + 1) / 2) / (inside * outside))


def calibration_error(actual: Vector, probabilities: Vector) -> float:
    """Expected calibration error: how far the probability of the predicted class is from the share that is right, on average.

    Over ``CALIBRATION_BINS`` bins of equal width, weighted by their rows. Source: Guo et al. (2017), ICML, equation 3. Grows by
    chance where rows are few, so that resampled rows show more of it: it has no bootstrap interval and is none of ``metrics``.
    """
    stated, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == actual
    bins = np.minimum((stated * CALIBRATION_BINS).astype(np.intp), CALIBRATION_BINS - 1)
    return float(np.abs(np.bincount(bins, weights=right - stated)).sum() / len(actual))


def rmse(actual: Vector, predicted: Vector) -> float:
    """Root mean squared error."""
    return float(np.sqrt(np.mean((actual - predicted) ** 2)))


def log_loss(actual: Vector, probabilities: Vector) -> float:
    """Mean negative log probability of the actual class, probabilities kept off 0 by the float's epsilon."""
    return float(np.mean(losses("classification", actual, probabilities)))


def losses(task: Task, actual: Vector, scores: Vector) -> Vector:
    """What each row adds to the objective, shape (n,): squared errors, whose mean is the RMSE squared, or log losses."""
    if task == "regression":
        squared: Vector = (actual - scores) ** 2
        return squared
    eps = np.finfo(np.float64).eps
    share = scores / scores.sum(axis=1, keepdims=True)
    chosen = share[np.arange(len(actual)), actual.astype(np.intp)]
    logs: Vector = -np.log(np.clip(chosen, eps, 1 - eps))
    return logs


def confusion(actual: Vector, predicted: NDArray[np.intp], classes: int) -> NDArray[np.intp]:
    """Counts (k, k): rows are actual classes, columns predicted ones."""
    flat = actual.astype(np.intp) * classes + predicted
    return np.bincount(flat, minlength=classes**2).reshape(classes, classes)


def summary(folds: Sequence[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Mean and standard deviation (n - 1) over folds, for each metric."""
    return {
        name: {"mean": float(np.mean(values)), "sd": float(np.std(values, ddof=1)) if len(values) > 1 else 0.0}
        for name, values in ((name, [fold[name] for fold in folds]) for name in folds[0])
    }
