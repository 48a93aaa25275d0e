"""Derived features: what a contract computes from the columns of a row, the same in training and in serving."""

import numpy as np
from numpy.typing import NDArray

from hearth.expressions import formulas
from hearth.schema import Contract

Matrix = NDArray[np.float64]


def complete(contract: Contract, x: Matrix) -> Matrix:
    """Coded rows (n, len(contract.names)) with the derived features behind them: (n, len(contract.columns)).

    One may be computed from those before it. Where it cannot be computed, or is not finite, it is missing.

    Raises:
        ValueError: an expression is none, or names what it may not.
    """
    if not contract.derived:
        return x
    columns = {name: x[:, at] for at, name in enumerate(contract.names)}
    for feature, formula in zip(contract.derived, formulas(contract), strict=True):
        columns[feature.name] = formula(columns)
    return np.column_stack([columns[name] for name in contract.columns])
