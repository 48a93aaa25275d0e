"""Whether what the service gives as reasons adds up to what it predicts, by the booster that lies in its bundle."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from hearth.bundle import Bundle, read
from hearth.bundle.decision import Decision
from hearth.bundle.derived import complete
from hearth.bundle.rows import code_rows
from hearth.schema import MOST

Answer = Mapping[str, object]
GAP = 1e-4  # reasons may miss what they explain by, as single precision adds up


@dataclass(frozen=True, slots=True)
class Law:
    """Base and contributions add up to the prediction, or to the margin of the class that they explain over the temperature."""

    bundle: Bundle
    booster: xgb.Booster

    @classmethod
    def of(cls, folder: Path) -> "Law":
        """The law of the bundle that lies there."""
        bundle = read(folder)
        return cls(bundle, xgb.Booster(model_file=bytearray(bundle.model)))

    def gap(self, row: Mapping[str, object], said: Answer, reasons: Answer) -> float:
        """How far the reasons for a row are from adding up, as a share of the size where that is above 1.

        Of a classification also how far the probabilities are from those of the margins. Infinite where ``said`` and
        ``reasons`` are not of one prediction, or explain another class than the second of two or the one predicted.
        """
        contributions: Mapping[str, float] = reasons["contributions"]  # type: ignore[assignment]
        total = float(reasons["base"]) + sum(contributions.values())  # type: ignore[arg-type]
        if said["prediction"] != reasons["prediction"]:
            return float("inf")
        if "probabilities" not in said:
            return _apart(total, float(said["prediction"]))  # type: ignore[arg-type]
        probabilities: Mapping[str, float] = said["probabilities"]  # type: ignore[assignment]
        classes, heat = list(probabilities), Decision.of(self.bundle.metadata).temperature
        explained = classes[1] if len(classes) == 2 else said["prediction"]
        if reasons["explains"] != explained or reasons["probabilities"] != probabilities:
            return float("inf")
        margins = self.margins(row)
        off = np.abs(_softmax(margins / heat) - list(probabilities.values())).max()
        # Of two classes the booster has one margin, that of the second; the first stands at 0.
        return max(_apart(total * heat, margins[classes.index(str(explained))]), float(off))

    def margins(self, row: Mapping[str, object]) -> NDArray[np.float64]:
        """What the trees say of each class of a row, before the temperature: (k,)."""
        fitted, contract = self.bundle.transform, self.bundle.contract
        seen = complete(contract, code_rows(contract, [row]))
        columns = np.clip(fitted.apply(seen[:, fitted.columns(contract)]), -MOST, MOST)  # more than a DMatrix takes
        raw = self.booster.predict(xgb.DMatrix(columns), output_margin=True, strict_shape=True, validate_features=False)
        margins: list[float] = raw[0].tolist()
        return np.array([0.0] * (len(margins) == 1) + margins, dtype=np.float64)


def _apart(one: float, other: float) -> float:
    return abs(one - other) / max(1.0, abs(other))


def _softmax(margins: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(margins - margins.max())
    shares: NDArray[np.float64] = powers / powers.sum()
    return shares
