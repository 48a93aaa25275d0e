"""A window looked at in full: the verdict over all columns, and what only a command has the time for."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hearth.artifacts import rounded
from hearth.bundle import Bundle, Predictor
from hearth.bundle.drift import Report, Sample, Thresholds, compare, reference
from hearth.bundle.sample import spread
from hearth.monitoring import expected
from hearth.monitoring.domain import Domain, tell_apart
from hearth.monitoring.expected import Expected
from hearth.monitoring.simulate import Fault, Rows, inject, refused
from hearth.training import table
from hearth.training.metrics import metrics

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Simulated:
    """A fault that was put into good rows: ``columns`` that have it, of which ``detected`` were named.

    ``clean`` is the verdict on the same rows without it, ``refused`` the share of rows that the contract would keep out, and
    ``before`` and ``after`` are the metrics without and with it, empty where there are no truths.
    """

    fault: Fault
    intensity: float
    seed: int
    what: str
    columns: tuple[str, ...]
    detected: tuple[str, ...]
    clean: str
    refused: float
    before: Mapping[str, float]
    after: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Look:
    """What a command says of a window; of too few rows there is only the report."""

    report: Report
    domain: Domain | None
    expected: tuple[Expected, ...]
    simulated: Simulated | None = None

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values, floats to 6 digits."""
        domain = self.domain
        told = None if domain is None else {"auc": domain.auc, "p_value": domain.p_value, "leading": list(domain.leading)}
        more = {
            "domain": told,
            "expected": [asdict(one) for one in self.expected],
            "simulated": None if self.simulated is None else asdict(self.simulated),
        }
        return {**self.report.to_dict(), **{name: rounded(value) for name, value in more.items()}}


def look(bundle: Bundle, window: Sample, residuals: Vector | None, limits: Thresholds) -> Look:
    """Judge a window; ask a classifier whose rows are whose; and say what error to expect.

    ``residuals`` are those of the reference's rows, where the training rows are at hand.
    """
    before = reference(bundle)
    report = compare(bundle.contract, before, window, limits)
    if report.status == "insufficient_data":
        return Look(report, None, ())
    domain = tell_apart(bundle.contract.names, before.rows, window.rows)
    if before.scores.ndim == 2:
        error = expected.of_probabilities(before.scores, window.scores)
    elif residuals is not None:
        error = expected.of_residuals(residuals, domain.odds)
    else:
        error = expected.of_interval(bundle.conformal)
    return Look(report, domain, error)


def with_fault(
    predictor: Predictor, rows: Rows, asked: tuple[Fault, float, int], residuals: Vector | None, limits: Thresholds
) -> tuple[Look, Sample]:
    """Put a fault (which, its intensity, its seed) into good rows and look at them; returns the rows with the fault too."""
    contract, bundle, label = predictor.contract, predictor.bundle, predictor.decision.threshold
    made = inject(contract, rows, *asked)
    clean, faulty = (Sample(x, predictor.scores(x), label) for x in (rows.x, made.x))
    seen = look(bundle, faulty, residuals, limits)
    fault, intensity, seed = asked
    story = Simulated(
        fault=fault,
        intensity=intensity,
        seed=seed,
        what=made.what,
        columns=made.columns,
        detected=tuple(name for name in made.columns if name in seen.report.drifted),
        clean=compare(contract, reference(bundle), clean, limits).status,
        refused=refused(contract, made.x),
        before={} if rows.y is None else metrics(contract.target.task, rows.y, clean.scores, label),
        after={} if made.y is None else metrics(contract.target.task, made.y, faulty.scores, label),
    )
    return replace(seen, simulated=story), faulty


def residuals_of(bundle: Bundle, prepared: Path) -> Vector | None:
    """Truth less out-of-fold prediction of the reference's rows, from the training rows that ``prepare`` wrote.

    None where they are not there, are others than the bundle was built from, or the task has no residuals.
    """
    path = prepared / "train.parquet"
    if bundle.contract.target.task != "regression" or not path.is_file():
        return None
    train = table.read(path, bundle.contract)
    rows = spread(len(train), len(bundle.reference_rows))
    if not np.array_equal(train.x[rows], bundle.reference_rows, equal_nan=True):
        return None
    residuals: Vector = train.y[rows] - bundle.reference_scores
    return residuals
