"""What predictions turned out to be worth, against what the bundle says of its model."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from hearth.bundle.decision import EVEN, Decision
from hearth.bundle.intervals import Conformal
from hearth.errors import BundleError
from hearth.monitoring.slices import CONFIDENCE, Slice, by_name, by_range, by_window
from hearth.monitoring.truths import Truths, Vector
from hearth.schema import Task
from hearth.training.comparison import bootstrap
from hearth.training.conformal import holds
from hearth.training.evaluation import Estimate
from hearth.training.metrics import OBJECTIVE

Verdict = Literal["fine", "degraded", "insufficient_data"]

SEED = 0
RESAMPLES, FEWEST, DRAWS = 2_000, 200, 20_000_000  # of the bootstrap: fewer where rows are many, for a second each is enough
FOLDS = 5  # of a cross-validation, where the bundle does not say; each row is once in one, so repeats add no knowledge


@dataclass(frozen=True, slots=True)
class Rule:
    """When a model counts as degraded: with an error above the bundle's by more than this share, over this many truths."""

    max_degradation: float = 0.1
    min_feedback: int = 50

    @classmethod
    def of(cls, metadata: Mapping[str, object]) -> "Rule":
        """The rule that a bundle brings under ``monitoring``; what it does not say is the default.

        Raises:
            BundleError: it is no rule.
        """
        raw, default = metadata.get("monitoring", {}), cls()
        try:
            worse, least = (raw.get(name, getattr(default, name)) for name in cls.__dataclass_fields__)  # type: ignore[attr-defined]
            return cls(float(worse), int(least))
        except (TypeError, ValueError, AttributeError) as error:
            raise BundleError(f"metadata.json: monitoring is no rule: {error}. Build the bundle again: make repro.") from error


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the bundle says its model is worth: every metric's mean and standard deviation over the folds.

    ``value`` is the objective and ``error`` its standard error as a share of it. Of RMSE it is the root of the mean square over
    the folds, a little above the mean: that is what the RMSE of many rows is to be compared with.
    """

    metrics: Mapping[str, Mapping[str, float]]
    value: float
    error: float

    @classmethod
    def of(cls, task: Task, metadata: Mapping[str, object]) -> "Baseline":
        """Read it from a bundle's metadata.

        Raises:
            BundleError: it says nothing of its scores.
        """
        try:
            cv = metadata["metrics"]["cv"]  # type: ignore[index]
            metrics = {name: {"mean": float(one["mean"]), "sd": float(one["sd"])} for name, one in cv.items()}
            mean, sd = metrics[OBJECTIVE[task]]["mean"], metrics[OBJECTIVE[task]]["sd"]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BundleError(
                "metadata.json does not say what the model scored, so nothing can be compared with it. Build the bundle again: "
                "make repro."
            ) from error
        value = float(np.hypot(mean, sd)) if task == "regression" else mean
        return cls(metrics, max(value, np.finfo(np.float64).tiny), sd / value / FOLDS**0.5 if value else 0.0)


@dataclass(frozen=True, slots=True)
class Performance:
    """The findings.

    ``metrics`` and ``ratio``, the objective over the bundle's, have intervals of ``CONFIDENCE``; ``coverage`` is the share of
    truths that their interval or label set held, ``nominal`` what was promised. ``ranges`` are slices by feature, the most
    important feature first.
    """

    rows: int
    objective: str
    baseline: Baseline
    rule: Rule
    metrics: Mapping[str, Estimate]
    ratio: Estimate
    coverage: Estimate
    nominal: float
    verdict: Verdict
    models: tuple[Slice, ...]
    windows: tuple[Slice, ...]
    askers: tuple[Slice, ...]
    tellers: tuple[Slice, ...]
    ranges: Mapping[str, tuple[Slice, ...]]


def measure(truths: Truths, conformal: Conformal, metadata: Mapping[str, object], important: Sequence[str] = ()) -> Performance:
    """Judge at least one row with a truth; ``important`` are the features by whose ranges the error is told, in that order."""
    task = truths.contract.target.task
    baseline, rule = Baseline.of(task, metadata), Rule.of(metadata)
    threshold = _threshold(task, metadata)
    metrics = _metrics(task, truths, threshold)
    ratio = against(metrics[OBJECTIVE[task]], baseline)
    hits, _ = holds(conformal, truths.actual, truths.scores, threshold)
    features = {feature.name: (feature, truths.x[:, i]) for i, feature in enumerate(truths.contract.used)}
    return Performance(
        rows=len(truths),
        objective=OBJECTIVE[task],
        baseline=baseline,
        rule=rule,
        metrics=metrics,
        ratio=ratio,
        coverage=_share(hits),
        nominal=conformal.coverage,
        verdict=judged(len(truths), ratio, rule),
        models=by_name(truths, truths.models),
        windows=by_window(truths),
        askers=by_name(truths, truths.askers),
        tellers=by_name(truths, truths.tellers),
        ranges={name: by_range(truths, *features[name]) for name in important},
    )


def against(error: Estimate, baseline: Baseline) -> Estimate:
    """An error over the baseline's, with the uncertainty of both: half-widths of the logarithms, added in squares."""
    half = stats.norm.ppf((1 + CONFIDENCE) / 2) * baseline.error
    value = error.value / baseline.value
    with np.errstate(divide="ignore", invalid="ignore"):
        below, above = (np.hypot(np.log(max(bound, 0) / error.value), half) for bound in (error.low, error.high))
    return Estimate(value, float(value * np.exp(-below)), float(value * np.exp(above)))


def judged(rows: int, ratio: Estimate, rule: Rule) -> Verdict:
    """Degraded is what is worse by more than the rule allows, and surely worse at all.

    The error must exceed the baseline's by more than ``max_degradation``, and the interval of their ratio must lie above 1:
    otherwise one large error among a few truths would raise an alarm on a model that is as good as ever.
    """
    if rows < rule.min_feedback:
        return "insufficient_data"
    return "degraded" if ratio.value > 1 + rule.max_degradation and ratio.low > 1 else "fine"


def _threshold(task: Task, metadata: Mapping[str, object]) -> float:
    """Above which probability the bundle's label is the second of two classes."""
    try:
        return EVEN if task == "regression" else Decision.of(metadata).threshold
    except (TypeError, ValueError) as error:
        raise BundleError(f"metadata.json: {error}. Build the bundle again: make repro.") from error


def _metrics(task: Task, truths: Truths, threshold: float) -> Mapping[str, Estimate]:
    resamples = max(FEWEST, min(RESAMPLES, DRAWS // len(truths)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # truths that are all one number have no R2, in no resample
        return bootstrap(task, truths.actual, truths.scores, resamples, CONFIDENCE, SEED, threshold)


def _share(hits: Vector) -> Estimate:
    """A share with its exact interval (Clopper and Pearson, 1934)."""
    found = stats.binomtest(int(hits.sum()), len(hits)).proportion_ci(CONFIDENCE)
    return Estimate(float(hits.mean()), float(found.low), float(found.high))
