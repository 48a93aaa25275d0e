"""How MLflow loads a bundle: ``mlflow.pyfunc.load_model`` calls ``_load_pyfunc`` with the folder. Nothing is unpickled."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from hearth.bundle.predictor import Predictor


class BundleModel:
    """Answers frames of raw features, columns in any order; a gap may be NaN or null."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor

    def predict(self, frame: pd.DataFrame, params: Mapping[str, object] | None = None) -> pd.DataFrame:  # noqa: ARG002
        """``prediction`` with ``lower`` and ``upper``, or the label with a column of probability for each class.

        Raises:
            RowError: with every fault of every row.
        """
        answer = self._predictor.predict_rows(_rows(frame))
        classes = self._predictor.contract.target.classes
        if answer.probabilities is None:
            columns = {"prediction": answer.value, "lower": answer.lower, "upper": answer.upper}
            return pd.DataFrame(columns, index=frame.index)
        columns = {f"probability_{name}": answer.probabilities[:, i] for i, name in enumerate(classes)}
        labels = [classes[int(code)] for code in answer.value]
        return pd.DataFrame({"prediction": labels, **columns}, index=frame.index)


def _rows(frame: pd.DataFrame) -> list[dict[str, object]]:
    rows = frame.astype(object).where(frame.notna(), None).to_dict(orient="records")
    return [{str(key): value for key, value in row.items()} for row in rows]


def _load_pyfunc(path: str) -> BundleModel:
    return BundleModel(Predictor.load(Path(path)))
