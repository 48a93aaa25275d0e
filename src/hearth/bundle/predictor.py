"""What answers from a bundle: predictions, intervals or probabilities, SHAP contributions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from hearth.bundle import format as fmt
from hearth.bundle.format import Bundle
from hearth.bundle.rows import Row, code_rows
from hearth.bundle.transform import Matrix
from hearth.errors import BundleError
from hearth.schema import MOST, Contract

# Predictions of one model agree between processors and numbers of threads; this is slack for another release of XGBoost.
PROBE_TOLERANCE = 1e-5


@dataclass(frozen=True, slots=True)
class Prediction:
    """Answers for n rows.

    A regression has ``value``, ``lower`` and ``upper``, each (n,). A classification: ``probabilities`` (n, k), ``label_sets``
    (n, k), and ``value`` holds class codes.
    """

    value: NDArray[np.float64]
    lower: NDArray[np.float64] | None = None
    upper: NDArray[np.float64] | None = None
    probabilities: NDArray[np.float64] | None = None
    label_sets: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Exact SHAP values of n rows in the margin of the model, which for a regression is the prediction itself.

    ``values`` is (n, p) and ``base`` (n,); with more than two classes (n, k, p) and (n, k). ``base + values.sum(-1)`` is the
    margin. Source: Lundberg et al. (2020), Nature Machine Intelligence 2, path-dependent TreeSHAP.
    """

    features: tuple[str, ...]
    base: NDArray[np.float64]
    values: NDArray[np.float64]


class Predictor:
    """A loaded bundle. Safe to share between threads: nothing in it changes after construction.

    Raises:
        BundleError: the booster cannot be read, or it no longer says what the bundle's probe recorded.
    """

    def __init__(self, bundle: Bundle, threads: int | None = None) -> None:
        self.bundle = bundle
        self.contract: Contract = bundle.contract
        self._columns = bundle.transform.columns(bundle.contract)
        self._whole = list(self._columns) == list(range(len(bundle.contract.names)))
        self._booster = _booster(bundle.model, threads)
        self._check_booster()
        self._ask_probe()

    @classmethod
    def load(cls, folder: Path, threads: int | None = None) -> "Predictor":
        """Read, verify and probe the bundle in ``folder``; ``threads`` bounds those of one prediction."""
        return cls(fmt.read(folder), threads)

    @property
    def digest(self) -> str:
        """The bundle's identity."""
        return self.bundle.digest

    @property
    def features(self) -> tuple[str, ...]:
        """The features that the model uses, in its order."""
        return self.bundle.transform.features

    @property
    def metadata(self) -> Mapping[str, object]:
        """What ``metadata.json`` says."""
        return self.bundle.metadata

    def scores(self, x: Matrix) -> NDArray[np.float64]:
        """The model's answer to coded rows (n, len(contract.names)): (n,), or probabilities (n, k)."""
        return self._scores(self._transformed(x))

    def predict(self, x: Matrix) -> Prediction:
        """Predict coded rows, shape (n, len(contract.names))."""
        return self._prediction(self.scores(x))

    def predict_rows(self, rows: Sequence[Row]) -> Prediction:
        """Predict rows of named values.

        Raises:
            RowError: with every fault of every row.
        """
        return self.predict(code_rows(self.contract, rows))

    def explain(self, x: Matrix) -> Explanation:
        """SHAP contributions of coded rows, one for each of ``features``; encoded columns are summed to their feature."""
        raw = self._contributions(x)
        raw = raw if raw.shape[1] > 1 else raw[:, 0]
        values = self.bundle.transform.gather(raw[..., :-1])
        return Explanation(features=self.features, base=raw[..., -1], values=values)

    def _contributions(self, x: Matrix) -> NDArray[np.float64]:
        """Shape (n, groups, columns + 1), the base last."""
        within = np.clip(self._transformed(x), -MOST, MOST)  # scaling can leave single precision, which a DMatrix refuses
        outputs, columns = self.contract.target.outputs, within.shape[1]
        if len(within) == 0:
            return np.empty((0, outputs if outputs > 2 else 1, columns + 1))
        data = xgb.DMatrix(within, nthread=1)
        raw = self._booster.predict(data, pred_contribs=True, strict_shape=True, validate_features=False)
        return np.asarray(raw, dtype=np.float64)

    def _transformed(self, x: Matrix) -> Matrix:
        return self.bundle.transform.apply(x if self._whole else x[:, self._columns])

    def _scores(self, transformed: Matrix) -> NDArray[np.float64]:
        raw = self._booster.inplace_predict(transformed)
        if len(transformed) == 0:  # XGBoost then forgets the classes
            raw = np.empty((0, self.contract.target.outputs)[: 1 + (self.contract.target.outputs > 1)])
        return as_scores(np.asarray(raw, dtype=np.float64), self.contract.target.outputs)

    def _prediction(self, scores: NDArray[np.float64]) -> Prediction:
        conformal = self.bundle.conformal
        if scores.ndim == 1:
            lower, upper = conformal.interval(scores)
            return Prediction(value=scores, lower=lower, upper=upper)
        return Prediction(
            value=scores.argmax(axis=1).astype(np.float64),
            probabilities=scores,
            label_sets=conformal.label_sets(scores),
        )

    def _check_booster(self) -> None:
        columns, trained = sum(self.bundle.transform.widths), self._booster.num_features()
        if columns != trained:
            raise BundleError(
                f"model.ubj takes {trained} columns, transform.json gives {columns}: they are of two builds. "
                "Build the bundle again."
            )

    def _ask_probe(self) -> None:
        said, recorded = self.scores(self.bundle.probe_rows), self.bundle.probe_scores
        same = said.shape == recorded.shape and np.allclose(said, recorded, rtol=PROBE_TOLERANCE, atol=PROBE_TOLERANCE)
        if not same:
            raise BundleError(
                f"the model does not predict what it did when the bundle was written (probe.json). It was written with xgboost "
                f"{_xgboost_of(self.metadata)}, this is {xgb.__version__}: install that version, or build the bundle again."
            )


def as_scores(raw: NDArray[np.float64], outputs: int) -> NDArray[np.float64]:
    """A booster's raw answer as scores: p(second class) of a binary model becomes two columns."""
    if outputs == 2 and raw.ndim == 1:
        return np.column_stack([1 - raw, raw])
    return raw


def _booster(model: bytes, threads: int | None) -> xgb.Booster:
    try:
        booster = xgb.Booster(model_file=bytearray(model))
    except (xgb.core.XGBoostError, UnicodeDecodeError) as error:  # XGBoost quotes the bytes that it stumbles over
        raise BundleError(f"model.ubj cannot be read by xgboost {xgb.__version__}: build the bundle again.") from error
    if threads:
        booster.set_param({"nthread": threads})
    return booster


def _xgboost_of(metadata: Mapping[str, object]) -> str:
    versions = metadata.get("versions")
    return str(versions.get("xgboost", "?")) if isinstance(versions, Mapping) else "?"
