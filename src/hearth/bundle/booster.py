"""What a booster is asked, the same way in training and in serving."""

import numpy as np
from numpy.typing import NDArray

from hearth.bundle import native
from hearth.bundle.native import Booster, Handled, NativeError
from hearth.bundle.transform import Matrix, Transform
from hearth.errors import BundleError
from hearth.schema import MOST


def load(model: bytes, threads: int | None) -> Booster:
    """A booster from UBJSON; ``threads`` bounds those of one prediction.

    Raises:
        BundleError: XGBoost cannot read it.
    """
    try:
        return Booster(model, threads)
    except NativeError as error:
        raise BundleError(f"model.ubj cannot be read by xgboost {native.version()}: build the bundle again.") from error


def scores(booster: Handled, columns: Matrix, outputs: int, rounds: int = 0, temperature: float = 1.0) -> NDArray[np.float64]:
    """The answer to transformed rows: (n,), or with ``outputs`` classes probabilities (n, outputs).

    With ``rounds`` it is that of the booster as it was after so many of them; ``temperature`` divides the margins of classes.
    """
    raw = native.predict(booster, columns, margin=outputs > 1, rounds=rounds).astype(np.float64)
    if len(columns) == 0:  # XGBoost then forgets the classes
        raw = np.empty((0, outputs)[: 1 + (outputs > 2)])
    return as_scores(raw, outputs, temperature)


def as_scores(raw: NDArray[np.float64], outputs: int, temperature: float = 1.0) -> NDArray[np.float64]:
    """A booster's raw answer as scores: margins of classes, (n,) of two or (n, k), over ``temperature`` become probabilities.

    XGBoost computes these in single precision. Ours are the same bits for one row as for many: no sum depends on the shape.
    """
    if outputs == 1:
        return raw
    raw = raw / temperature
    if outputs == 2:
        second = 1 / (1 + np.exp(np.minimum(-raw, 700)))  # more would overflow
        return np.stack([1 - second, second], axis=-1)
    powers = np.exp(raw - raw.max(axis=-1, keepdims=True, initial=-np.inf))
    probabilities: NDArray[np.float64] = powers / np.add.accumulate(powers, axis=-1)[..., -1:]
    return probabilities


def contributions(
    booster: Handled, transform: Transform, x: Matrix, outputs: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """SHAP values of coded rows (n, len(transform.features)): base (n,) and values (n, p), those of encoded columns summed.

    With more than two classes (n, k) and (n, k, p).
    """
    columns = np.clip(transform.apply(x), -MOST, MOST)  # scaling can leave single precision, which a DMatrix refuses
    raw = _contributions(booster, columns, outputs if outputs > 2 else 1)
    if raw.shape[1] == 1:
        raw = raw[:, 0]
    return raw[..., -1], transform.gather(raw[..., :-1])


def _contributions(booster: Handled, columns: Matrix, groups: int) -> NDArray[np.float64]:
    """Shape (n, groups, columns + 1), the base last."""
    if len(columns) == 0:
        return np.empty((0, groups, columns.shape[1] + 1))
    return native.contributions(booster, columns).astype(np.float64)
