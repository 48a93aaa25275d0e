"""What makes an answer of a classifier's probabilities, fitted to answers out of fold: a temperature and a threshold."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from hearth.artifacts import rounded
from hearth.bundle.booster import as_scores
from hearth.bundle.decision import EVEN, Decision
from hearth.bundle.sample import spread
from hearth.params import Aim, ExportParams, ThresholdParams
from hearth.training.folds import Folds, pairs
from hearth.training.metrics import confusion, log_loss
from hearth.training.table import Rows, Vector
from hearth.training.validation import Validated, labels_out_of_fold, out_of_fold

Fit = Callable[[Vector, Vector], Decision]

# The least and the greatest temperature: beyond them the answers say nothing of it.
COLDEST, HOTTEST = 0.1, 10.0
# Rows at most that a temperature is fitted to: it is one number.
MOST_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided, and what it is worth on rows that had no part in it.

    ``log_loss`` is of the answers as they are, and with a temperature whether or not that was kept. ``worth`` is what the
    labels are worth to the aim above one half, and above a chosen threshold. Each is None where no such thing was asked for.
    """

    decision: Decision = field(default_factory=Decision)
    log_loss: tuple[float, float] | None = None
    worth: tuple[float, float] | None = None

    def told(self, aim: str) -> dict[str, object]:
        """Plain JSON values for metadata and metrics, measures to 6 digits; nothing of what was not asked for."""
        told: dict[str, object] = {}
        if self.log_loss:
            losses = rounded(dict(zip(("without", "with"), self.log_loss, strict=True)))
            told["calibration"] = {"temperature": self.decision.temperature, "log_loss": losses}
        if self.worth:
            worths = rounded(dict(zip(("at_half", "chosen"), self.worth, strict=True)))
            told["threshold"] = {"aim": aim, "value": self.decision.threshold, "worth": worths}
        return told


def decide(actual: Vector, repeats: Sequence[Vector], folds: Folds, export: ExportParams) -> Decided:
    """Fit what the settings ask for to out-of-fold answers, one array (n, k) for each repeat of the folds.

    A temperature other than 1 stays where it lowers the log loss: each fold's answers are judged with that of the others.
    """
    losses = None
    if export.calibration == "temperature":
        warm = cross_fitted(actual, repeats, folds, lambda *rows: Decision(fit_temperature(*rows)))
        losses = _log_loss(actual, repeats), _log_loss(actual, out_of_fold(warm, len(folds)))
    fit = fit_of(export, scaled=losses is not None and losses[1] < losses[0])
    decision = fit(np.concatenate([actual] * len(folds)), np.concatenate(repeats))
    if export.threshold.aim == "accuracy":
        return Decided(decision, losses)
    chosen = cross_fitted(actual, repeats, folds, fit)
    even = [replace(one, threshold=EVEN) for one in chosen]
    worths = [_worth_out_of_fold(actual, one, len(folds), export.threshold) for one in (even, chosen)]
    return Decided(decision, losses, (worths[0], worths[1]))


def fit_of(export: ExportParams, *, scaled: bool) -> Fit:
    """What fits a decision to truths (n,) and answers (n, k): a temperature where ``scaled``, and the threshold of the aim."""

    def fit(actual: Vector, probabilities: Vector) -> Decision:
        temperature = fit_temperature(actual, probabilities) if scaled else 1.0
        return Decision(temperature, fit_threshold(actual, tempered(probabilities, temperature), export.threshold))

    return fit


def cross_fitted(actual: Vector, repeats: Sequence[Vector], folds: Folds, fit: Fit) -> tuple[Validated, ...]:
    """The answers to the rows of each fold of each repeat, as decided by the other folds of that repeat."""

    def one(answer: Vector, others: Rows, rows: Rows) -> Validated:
        decision = fit(actual[others], answer[others])
        return Validated(rows, tempered(answer[rows], decision.temperature), decision.threshold)

    jobs = ((answer, *rows) for answer, assigned in zip(repeats, folds, strict=True) for rows in pairs(assigned[None]))
    return tuple(one(*job) for job in jobs)


def _log_loss(actual: Vector, repeats: Sequence[Vector]) -> float:
    return float(np.mean([log_loss(actual, answer) for answer in repeats]))


def _worth_out_of_fold(actual: Vector, validated: Sequence[Validated], repeats: int, wanted: ThresholdParams) -> float:
    return float(np.mean([worth(actual, codes, wanted) for codes in labels_out_of_fold(validated, repeats)]))


def tempered(probabilities: Vector, temperature: float) -> Vector:
    """Probabilities (n, k) as they are when the margins behind them are divided by a temperature."""
    if temperature == 1:
        return probabilities
    logs, classes = _logs(probabilities), probabilities.shape[1]
    return as_scores(logs[:, 1] - logs[:, 0] if classes == 2 else logs, classes, temperature)


def fit_temperature(actual: Vector, probabilities: Vector) -> float:
    """The temperature of the lowest log loss, within ``COLDEST`` and ``HOTTEST``, to 6 digits.

    One row more stands among the n, average but for a truth that is any class alike: where every row is right, certainty is
    then no answer (Platt 1999 has such a row of each class). The loss is convex in the inverse of the temperature, its slope's
    root is found.
    """
    rows = spread(len(actual), MOST_ROWS)
    logs, codes = _logs(probabilities[rows]), actual[rows].astype(np.intp)
    n = len(rows)
    wanted = float(np.mean(n * logs[np.arange(n), codes] + logs.mean(axis=1)) / (n + 1))

    def slope(inverse: float) -> float:
        powers = np.exp(inverse * (logs - logs.max(axis=1, keepdims=True)))
        return float(np.mean((powers * logs).sum(axis=1) / powers.sum(axis=1))) - wanted

    least, most = 1 / HOTTEST, 1 / COLDEST
    if slope(least) >= 0:
        return HOTTEST
    return float(f"{1 / brentq(slope, least, most):.6g}") if slope(most) > 0 else COLDEST


def _logs(probabilities: Vector) -> Vector:
    """Logarithms, of probabilities kept off 0 by the float's epsilon, as the log loss is."""
    logs: Vector = np.log(np.clip(probabilities, np.finfo(np.float64).eps, 1))
    return logs


def fit_threshold(actual: Vector, probabilities: Vector, wanted: ThresholdParams) -> float:
    """The probability above which the second class serves the aim best: the nearest to one half of equals.

    What is tried lies half way between neighbouring probabilities, so that both labels are given.
    """
    values, place = np.unique(probabilities[:, 1], return_inverse=True)
    if wanted.aim == "accuracy" or len(values) < 2:
        return EVEN
    above = np.stack([np.bincount(place, actual == code, len(values))[::-1].cumsum()[::-1] for code in (0, 1)])
    taken, rows = above[:, 1:], above[:, :1]  # rows of each class above each threshold, and in all
    thresholds = (values[:-1] + values[1:]) / 2
    worth = np.round(_worth(rows - taken, taken, wanted), 12)  # equal in all but their last bits
    best = np.flatnonzero(worth == worth.max())
    return min(float(thresholds[best[np.abs(thresholds[best] - EVEN).argmin()]]), 1 - np.finfo(np.float64).eps)


def worth(actual: Vector, labels: NDArray[np.intp], wanted: ThresholdParams) -> float:
    """What labels of two classes are worth to the aim; more is better."""
    first, second = confusion(actual, labels, 2).astype(np.float64).T
    return float(_worth(first[:, None], second[:, None], wanted)[0])


def _worth(below: Vector, above: Vector, wanted: ThresholdParams) -> Vector:
    """``worth`` of m ways to label: rows of the first and of the second class that are called the first, the second: (2, m)."""
    false, hits = above
    recall = hits / np.maximum(hits + below[1], 1)
    precision = hits / np.maximum(hits + false, 1)
    values: Mapping[Aim, Vector] = {
        "accuracy": (below[0] + hits) / (above + below).sum(axis=0),
        "f1": 2 * hits / np.maximum(2 * hits + false + below[1], 1),
        "balanced_accuracy": (below[0] / np.maximum(false + below[0], 1) + recall) / 2,
        "recall": np.where(precision >= (wanted.precision or 0), recall, precision - 1),
    }
    return values[wanted.aim]
