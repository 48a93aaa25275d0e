"""Faults put into good rows: what would be seen of them, and what they would cost."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from hearth.bundle.transform import Matrix
from hearth.errors import HearthError
from hearth.schema import MOST, Contract, Feature

Vector = NDArray[np.float64]
Fault = Literal["feature_shift", "missing", "label_imbalance", "combined", "noise", "category_swap", "scale"]
FAULTS: tuple[Fault, ...] = get_args(Fault)
SHARE = 3  # one column in so many is at fault


@dataclass(frozen=True, slots=True)
class Rows:
    """Coded rows ``x`` (n, p), what the model says of them (n,) or (n, k), and their truths where they are known."""

    x: Matrix
    scores: Vector
    y: Vector | None = None


@dataclass(frozen=True, slots=True)
class Injected:
    """Coded rows with a fault and their truths, where known; in which ``columns`` it is, and in words ``what``."""

    x: Matrix
    y: Vector | None
    columns: tuple[str, ...]
    what: str


def inject(contract: Contract, rows: Rows, fault: Fault, intensity: float, seed: int) -> Injected:
    """Put a fault into rows; the same seed gives the same fault. The rows given stay as they are.

    ``feature_shift``: a third of the columns of numbers moves up by ``intensity`` standard deviations. ``noise``: they get that
    much more noise. ``scale``: their values are times 1 + ``intensity``. ``missing``: that share of a third of all columns is
    missing. ``category_swap``: in that share of the rows the two commonest levels are exchanged, in each category and boolean.
    ``label_imbalance``: rows with high truths, or of the rarest label, come more often: odds times e to the ``intensity`` for
    each standard deviation, or for that label. ``combined``: a shift, gaps in a fifth of that share, and the imbalance.

    Raises:
        HearthError: the intensity is not one of that fault, there are no rows, or they have no column that could have it.
    """
    if not 0 < intensity < np.inf:
        raise HearthError(f"--intensity {intensity:g}: give a number above 0")
    if len(rows.x) == 0:
        raise HearthError(f"--simulate {fault}: the table has no rows to put it into; give another one (--data)")
    rng = np.random.default_rng(seed)
    with np.errstate(over="ignore", invalid="ignore"):
        made = _FAULTS[fault](contract, rows, intensity, rng)
    if (np.abs(made.x) > MOST).any():
        raise HearthError(f"--intensity {intensity:g}: values become larger than a model can hold; give a smaller number")
    return made


def refused(contract: Contract, x: Matrix) -> float:
    """The share of rows that a service would refuse, because a value is out of the contract's range or may not be missing."""
    bad = np.zeros(len(x), dtype=np.bool_)
    for at, feature in enumerate(contract.used):
        low, high = (-np.inf if feature.min is None else feature.min), (np.inf if feature.max is None else feature.max)
        bad |= (x[:, at] < low) | (x[:, at] > high)
        if feature.required:
            bad |= np.isnan(x[:, at])
    return float(bad.mean())


def _shift(contract: Contract, rows: Rows, intensity: float, rng: np.random.Generator) -> Injected:
    def up(feature: Feature, values: Vector) -> Vector:
        step = intensity * float(np.nanstd(values))
        return values + (np.ceil(step) if feature.type == "integer" else step)

    x, chosen = _changed(contract, rows, rng, up)
    return Injected(x, rows.y, chosen, f"moved up by {intensity:g} standard deviations")


def _noise(contract: Contract, rows: Rows, intensity: float, rng: np.random.Generator) -> Injected:
    def noisy(_: Feature, values: Vector) -> Vector:
        return values + rng.normal(scale=intensity * float(np.nanstd(values)), size=len(values))

    x, chosen = _changed(contract, rows, rng, noisy)
    return Injected(x, rows.y, chosen, f"got noise of {intensity:g} standard deviations")


def _scale(contract: Contract, rows: Rows, intensity: float, rng: np.random.Generator) -> Injected:
    x, chosen = _changed(contract, rows, rng, lambda _, values: values * (1 + intensity))
    return Injected(x, rows.y, chosen, f"are times {1 + intensity:g}")


def _missing(contract: Contract, rows: Rows, intensity: float, rng: np.random.Generator) -> Injected:
    _require_share("missing", intensity)
    x, columns = rows.x.copy(), _third(range(len(contract.names)), rng)
    for at in columns:
        x[rng.random(len(x)) < intensity, at] = np.nan
    return Injected(x, rows.y, _named(contract, columns), f"are missing in {100 * intensity:g} % of the rows")


def _swap(contract: Contract, rows: Rows, intensity: float, rng: np.random.Generator) -> Injected:
    _require_share("category_swap", intensity)
    named = [at for at, feature in enumerate(contract.used) if not feature.numeric]
    columns = [at for at in named if len(np.unique(rows.x[~np.isnan(rows.x[:, at]), at])) > 1]
    if not columns:
        raise HearthError("--simulate category_swap: no category or boolean has two values to exchange; choose another fault")
    x = rows.x.copy()
    for at in columns:
        levels, counts = np.unique(x[~np.isnan(x[:, at]), at], return_counts=True)
        first, second = levels[np.argsort(-counts, kind="stable")[:2]]
        hit = rng.random(len(x)) < intensity
        one, other = hit & (x[:, at] == first), hit & (x[:, at] == second)
        x[one, at], x[other, at] = second, first
    return Injected(x, rows.y, _named(contract, columns), f"are exchanged in {100 * intensity:g} % of the rows")


def _imbalance(contract: Contract, rows: Rows, intensity: float, rng: np.random.Generator) -> Injected:
    truths = rows.y if rows.y is not None else rows.scores if rows.scores.ndim == 1 else rows.scores.argmax(axis=1)
    if contract.target.task == "regression":
        tilt = (truths - truths.mean()) / (truths.std() or 1.0)
        what = "high ones come more often"
    else:
        counts = np.bincount(truths.astype(np.intp), minlength=contract.target.outputs)
        rarest = int(np.where(counts > 0, counts, counts.max() + 1).argmin())
        tilt = (truths == rarest).astype(np.float64)
        what = f"{contract.target.classes[rarest]} comes more often"
    odds = np.exp(intensity * (tilt - tilt.max()))  # the greatest is 1: nothing overflows
    drawn = rng.choice(len(rows.x), size=len(rows.x), p=odds / odds.sum())
    return Injected(rows.x[drawn], None if rows.y is None else rows.y[drawn], (contract.target.name,), what)


def _combined(contract: Contract, rows: Rows, intensity: float, rng: np.random.Generator) -> Injected:
    tilted = _imbalance(contract, rows, intensity, rng)
    moved = _shift(contract, Rows(tilted.x, rows.scores, tilted.y), intensity, rng)
    gaps = _missing(contract, Rows(moved.x, rows.scores, moved.y), min(1.0, intensity / 5), rng)
    parts = (moved, gaps, tilted)
    columns = tuple(dict.fromkeys(name for one in parts for name in one.columns))
    return Injected(gaps.x, gaps.y, columns, "; ".join(f"{', '.join(one.columns)} {one.what}" for one in parts))


_Inject = Callable[[Contract, Rows, float, np.random.Generator], Injected]
_FAULTS: Mapping[Fault, _Inject] = {
    "feature_shift": _shift,
    "missing": _missing,
    "label_imbalance": _imbalance,
    "combined": _combined,
    "noise": _noise,
    "category_swap": _swap,
    "scale": _scale,
}


def _changed(
    contract: Contract, rows: Rows, rng: np.random.Generator, change: Callable[[Feature, Vector], Vector]
) -> tuple[Matrix, tuple[str, ...]]:
    """Rows in which a third of the columns of numbers are changed, and their names; integers stay whole."""
    numeric = [at for at, feature in enumerate(contract.used) if feature.numeric and not np.isnan(rows.x[:, at]).all()]
    if not numeric:
        raise HearthError("the contract has no column of numbers; simulate missing, label_imbalance or category_swap")
    x, columns = rows.x.copy(), _third(numeric, rng)
    for at in columns:
        x[:, at] = _whole(contract.used[at], change(contract.used[at], x[:, at]))
    return x, _named(contract, columns)


def _whole(feature: Feature, values: Vector) -> Vector:
    return np.round(values) if feature.type == "integer" else values


def _third(columns: Sequence[int], rng: np.random.Generator) -> list[int]:
    count = max(1, len(columns) // SHARE)
    return sorted(rng.choice(np.array(columns), size=count, replace=False).tolist())


def _named(contract: Contract, columns: Sequence[int]) -> tuple[str, ...]:
    return tuple(contract.names[at] for at in columns)


def _require_share(fault: Fault, intensity: float) -> None:
    if intensity > 1:
        raise HearthError(f"--simulate {fault}: the intensity is a share of the rows, at most 1, not {intensity:g}")
