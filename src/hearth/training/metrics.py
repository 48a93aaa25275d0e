"""What a set of predictions is worth. Definitions as in scikit-learn, against which the tests hold them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hearth.schema import Task

Vector = NDArray[np.float64]

# What searches minimise and the winner is chosen by.
OBJECTIVE: dict[Task, str] = {"regression": "rmse", "classification": "log_loss"}
# Metrics of which more is better.
HIGHER_IS_BETTER = frozenset({"r2", "accuracy", "macro_f1"})


def metrics(task: Task, actual: Vector, scores: Vector) -> dict[str, float]:
    """Every metric of the task; ``scores`` is (n,), or (n, k) probabilities with class codes in ``actual``."""
    return regression(actual, scores) if task == "regression" else classification(actual, scores)


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


def classification(actual: Vector, probabilities: Vector) -> dict[str, float]:
    """Accuracy, F1 averaged over the classes present, and log loss in nats."""
    predicted = probabilities.argmax(axis=1)
    return {
        "accuracy": float(np.mean(predicted == actual)),
        "macro_f1": _macro_f1(confusion(actual, predicted, probabilities.shape[1])),
        "log_loss": log_loss(actual, probabilities),
    }


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


def _macro_f1(counts: NDArray[np.intp]) -> float:
    hits = np.diag(counts)
    total = counts.sum(axis=0) + counts.sum(axis=1)
    present = total > 0
    return float(np.mean(2 * hits[present] / total[present]))


def summary(folds: Sequence[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Mean and standard deviation (n - 1) over folds, for each metric."""
    return {
        name: {"mean": float(np.mean(values)), "sd": float(np.std(values, ddof=1)) if len(values) > 1 else 0.0}
        for name, values in ((name, [fold[name] for fold in folds]) for name in folds[0])
    }
