"""One prediction with its reasons, as plain JSON values."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hearth.bundle.predictor import Predictor
from hearth.bundle.rows import Row, code_rows
from hearth.schema import Target


def explained(predictor: Predictor, row: Row) -> dict[str, object]:
    """``prediction``, ``base`` and ``contributions``, largest first, which add up to the margin of the model.

    That is the prediction of a regression. Of a classification it is the log-odds of the class named by ``explains``: the
    second of two classes, or else the predicted one, before softmax.

    Raises:
        RowError: with every fault of the row.
    """
    x = code_rows(predictor.contract, [row])
    answer, explanation = predictor.predict(x), predictor.explain(x)
    target = predictor.contract.target
    if answer.probabilities is None:
        return {"prediction": float(answer.value[0]), **_sum(predictor.features, explanation.base[0], explanation.values[0])}
    code = int(answer.value[0])
    several = explanation.values.ndim == 3
    base, values = (
        (explanation.base[0, code], explanation.values[0, code]) if several else (explanation.base[0], explanation.values[0])
    )
    return {
        "prediction": target.classes[code],
        "probabilities": dict(zip(target.classes, answer.probabilities[0].tolist(), strict=True)),
        "explains": _explained_class(target, code),
        **_sum(predictor.features, base, values),
    }


def _explained_class(target: Target, code: int) -> str:
    return target.classes[1] if len(target.classes) == 2 else target.classes[code]


def _sum(features: Sequence[str], base: float, values: NDArray[np.float64]) -> dict[str, object]:
    pairs = sorted(zip(features, values.tolist(), strict=True), key=lambda pair: -abs(pair[1]))
    return {"base": float(base), "contributions": dict(pairs)}
