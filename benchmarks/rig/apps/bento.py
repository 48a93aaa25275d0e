"""BentoML services of the bundle's booster, which run in BentoML's environment.

From the environment: BUNDLE, the folder with ``model.ubj``, ``transform.json`` and ``metadata.json``.
"""

import json
import os
from pathlib import Path

import bentoml  # type: ignore[import-not-found]
import numpy as np
import xgboost as xgb
from pydantic import create_model

BUNDLE = Path(os.environ["BUNDLE"])
TRANSFORM = json.loads((BUNDLE / "transform.json").read_text())
FEATURES = json.loads((BUNDLE / "metadata.json").read_text())["contract"]["features"]
FIELDS: dict[str, object] = {each["name"]: (float | None, None) for each in FEATURES}
Row = create_model("Row", **FIELDS)  # type: ignore[call-overload]


def load() -> xgb.Booster:
    """The booster, with one thread."""
    booster = xgb.Booster(model_file=BUNDLE / "model.ubj")
    booster.set_param({"nthread": 1})
    return booster


@bentoml.service(workers=1)
class Guide:
    """What BentoML's XGBoost example shows, on rows that are scaled already."""

    def __init__(self) -> None:
        self.booster = load()

    @bentoml.api  # type: ignore[untyped-decorator]
    def predict(self, data: np.ndarray) -> np.ndarray:
        """Predictions of a matrix of rows."""
        return np.asarray(self.booster.predict(xgb.DMatrix(data)))


@bentoml.service(workers=1, logging={"access": {"enabled": False}})
class Lean:
    """The quickest way that we know of, on raw rows."""

    def __init__(self) -> None:
        self.booster = load()
        self.shift, self.scale = np.array(TRANSFORM["shift"]), np.array(TRANSFORM["scale"])

    @bentoml.api  # type: ignore[untyped-decorator]
    async def predict(self, row: Row, /) -> dict[str, float]:  # type: ignore[valid-type]
        """The prediction of one row; a missing value stays missing."""
        values = [getattr(row, name) for name in TRANSFORM["features"]]
        coded = (np.array([values], dtype=np.float64) - self.shift) / self.scale
        return {"prediction": float(self.booster.inplace_predict(coded)[0])}
