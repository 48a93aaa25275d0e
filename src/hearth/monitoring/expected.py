"""What the error should be while no truths have come back, and what has to be true for that."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hearth.bundle.intervals import Conformal

Vector = NDArray[np.float64]
FEW = 50  # rows that the window must be like for their residuals to speak for it


@dataclass(frozen=True, slots=True)
class Expected:
    """The ``metric`` as expected on the reference and on the window, and what that ``assumes``."""

    metric: str
    reference: float
    window: float
    assumes: str


def of_probabilities(reference: Vector, window: Vector) -> tuple[Expected, ...]:
    """Accuracy and log loss of a classification from what the model itself says, probabilities (n, k) and (m, k).

    A row with probability p for its label is right with probability p, and its log loss is expected to be its entropy. This
    is confidence-based performance estimation; source: Garg et al. (2022), ICLR, Leveraging unlabeled data to predict
    out-of-distribution performance.
    """
    assumes = (
        "the probabilities are calibrated on these rows as they were on the training rows; only which rows come has changed"
    )
    return (
        Expected("accuracy", float(reference.max(axis=1).mean()), float(window.max(axis=1).mean()), assumes),
        Expected("log_loss", _entropy(reference), _entropy(window), assumes),
    )


def of_residuals(residuals: Vector, odds: Vector) -> tuple[Expected, ...]:
    """RMSE and MAE of a regression from out-of-fold residuals of reference rows, each weighed by how like the window it is.

    ``odds`` come from the domain classifier. Source: Shimodaira (2000), J. Statistical Planning and Inference 90, importance
    weighting under covariate shift.
    """
    rows = float(odds.sum() ** 2 / (odds**2).sum())
    few = ", too few to rely on" if rows < FEW else ""
    assumes = (
        "a row with these features errs as it did in training; only which rows come has changed, and the window lies where the "
        f"reference has rows (it is worth {rows:.0f} of {len(residuals)} reference rows here{few})"
    )
    squares, sizes = residuals**2, np.abs(residuals)
    return (
        Expected("rmse", float(np.sqrt(squares.mean())), float(np.sqrt(np.average(squares, weights=odds))), assumes),
        Expected("mae", float(sizes.mean()), float(np.average(sizes, weights=odds)), assumes),
    )


def of_interval(conformal: Conformal) -> tuple[Expected, ...]:
    """The bound on the error that the bundle's intervals promise: the same for all rows, so it knows of no drift."""
    assumes = (
        f"{100 * conformal.coverage:g} % of the errors are within the interval's half width, as long as the rows come as the "
        "training rows did; with the training rows at hand (--prepared) it would be estimated for these rows"
    )
    return (Expected(f"error of {100 * conformal.coverage:g} %", conformal.quantile, conformal.quantile, assumes),)


def _entropy(probabilities: Vector) -> float:
    sure = np.clip(probabilities, np.finfo(np.float64).eps, 1.0)
    return float(-(probabilities * np.log(sure)).sum(axis=1).mean())
