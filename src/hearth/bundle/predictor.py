"""What answers from a bundle: predictions, intervals or probabilities, SHAP contributions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hearth.bundle import booster as asking
from hearth.bundle import format as fmt
from hearth.bundle import native
from hearth.bundle.decision import Decision
from hearth.bundle.derived import complete
from hearth.bundle.forest import Forest
from hearth.bundle.format import Bundle
from hearth.bundle.rows import Row, code_rows
from hearth.bundle.sample import spread
from hearth.bundle.trained import Trained
from hearth.bundle.transform import Matrix
from hearth.errors import BundleError
from hearth.schema import Contract

# Predictions of one model agree between processors and numbers of threads; this is slack for another release of XGBoost.
PROBE_TOLERANCE = 1e-5
# Reference rows at most on which the two engines must agree, beside those of the probe.
COMPARED_ROWS = 200

Engine = Literal["forest", "xgboost"]


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

    That of a classification is over its temperature: the probabilities are the softmax, or the logistic, of it.
    ``values`` is (n, p) and ``base`` (n,); with more than two classes (n, k, p) and (n, k). ``base + values.sum(-1)`` is the
    margin. Source: Lundberg et al. (2020), Nature Machine Intelligence 2, path-dependent TreeSHAP.
    """

    features: tuple[str, ...]
    base: NDArray[np.float64]
    values: NDArray[np.float64]


class Predictor:
    """A loaded bundle. Safe to share between threads: nothing in it changes after construction.

    ``trained`` knows what of a row lies outside what the model was trained on, ``decision`` what makes a label of scores.

    Raises:
        BundleError: the booster cannot be read, or it no longer says what the bundle's probe recorded.
    """

    def __init__(self, bundle: Bundle, threads: int | None = None) -> None:
        self.bundle = bundle
        self.contract: Contract = bundle.contract
        self._columns = bundle.transform.columns(bundle.contract)
        self._whole = list(self._columns) == list(range(len(bundle.contract.columns)))
        self._booster = asking.load(bundle.model, threads)
        self._outputs, self._threads = bundle.contract.target.outputs, threads
        self.trained, self.decision = _told(bundle)
        self._check_booster()
        self._ask_probe()
        self._forest = self._agreeing(Forest.of(self._booster, bundle.transform, self._columns.tolist()))

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

    @property
    def engine(self) -> Engine:
        """What ``score_one`` asks: the forest, or XGBoost where there is none that gives the same bits."""
        return "forest" if self._forest else "xgboost"

    def scores(self, x: Matrix) -> NDArray[np.float64]:
        """The model's answer to coded rows (n, len(contract.names)): (n,), or probabilities (n, k)."""
        if self._forest is not None and self._forest.quick and self._threads == 1:
            return self._forest_scores(self._forest, x)
        return self._booster_scores(x)

    def score_one(self, values: Sequence[float]) -> float | list[float]:
        """``scores`` of one coded row, to the same bit and many times faster: a number, or a probability for each class.

        ``values`` are in the order of ``contract.names``, NaN for missing; none is infinite.
        """
        if self._forest is None:
            one: float | list[float] = self.scores(np.array([values], dtype=np.float64))[0].tolist()
            return one
        return self._forest_score(self._forest, values)

    def predict(self, x: Matrix) -> Prediction:
        """Predict coded rows, shape (n, len(contract.names))."""
        return self.answer(self.scores(x))

    def answer(self, scores: NDArray[np.float64]) -> Prediction:
        """What such scores say, (n,) or probabilities (n, k)."""
        conformal = self.bundle.conformal
        if scores.ndim == 1:
            lower, upper = conformal.interval(scores)
            return Prediction(value=scores, lower=lower, upper=upper)
        return Prediction(
            value=self.decision.labels(scores).astype(np.float64),
            probabilities=scores,
            label_sets=conformal.label_sets(scores, self.decision.threshold),
        )

    def predict_rows(self, rows: Sequence[Row]) -> Prediction:
        """Predict rows of named values.

        Raises:
            RowError: with every fault of every row.
        """
        return self.predict(code_rows(self.contract, rows))

    def explain(self, x: Matrix) -> Explanation:
        """SHAP contributions of coded rows, one for each of ``features``; encoded columns are summed to their feature."""
        base, values = asking.contributions(self._booster, self.bundle.transform, self._picked(x), self._outputs)
        heat = self.decision.temperature
        return Explanation(features=self.features, base=base / heat, values=values / heat)

    def _picked(self, x: Matrix) -> Matrix:
        seen = complete(self.contract, x)
        return seen if self._whole else seen[:, self._columns]

    def _forest_score(self, forest: Forest, values: Sequence[float]) -> float | list[float]:
        if self.contract.derived:
            values = complete(self.contract, np.array([values], dtype=np.float64))[0].tolist()
        margins = forest.margins(values)
        if self._outputs == 1:
            return float(margins[0])
        one: list[float] = self._as_scores(margins[None])[0].tolist()
        return one

    def _forest_scores(self, forest: Forest, x: Matrix) -> NDArray[np.float64]:
        return self._as_scores(forest.many(complete(self.contract, x)))

    def _booster_scores(self, x: Matrix) -> NDArray[np.float64]:
        columns = self.bundle.transform.apply(self._picked(x))
        return asking.scores(self._booster, columns, self._outputs, temperature=self.decision.temperature)

    def _as_scores(self, margins: NDArray[np.float32]) -> NDArray[np.float64]:
        """Scores of margins of shape (n, groups)."""
        raw = margins.astype(np.float64)
        return asking.as_scores(raw if self._outputs > 2 else raw[:, 0], self._outputs, self.decision.temperature)

    def _check_booster(self) -> None:
        columns, trained = sum(self.bundle.transform.widths), native.width(self._booster)
        if columns != trained:
            raise BundleError(
                f"model.ubj takes {trained} columns, transform.json gives {columns}: they are of two builds. "
                "Build the bundle again."
            )

    def _ask_probe(self) -> None:
        said, recorded = self._booster_scores(self.bundle.probe_rows), self.bundle.probe_scores
        same = said.shape == recorded.shape and np.allclose(said, recorded, rtol=PROBE_TOLERANCE, atol=PROBE_TOLERANCE)
        if not same:
            raise BundleError(
                f"the model does not predict what it did when the bundle was written (probe.json). It was written with xgboost "
                f"{_xgboost_of(self.metadata)}, this is {native.version()}: install that version, or build the bundle again."
            )

    def _agreeing(self, forest: Forest | None) -> Forest | None:
        """The forest, if it says what the booster says."""
        if forest is None:
            return None
        reference = self.bundle.reference_rows
        rows = np.vstack([self.bundle.probe_rows, reference[spread(len(reference), COMPARED_ROWS)]])
        said, wanted = [self._forest_score(forest, row) for row in rows.tolist()], self._booster_scores(rows)
        same = np.array_equal(said, wanted) and np.array_equal(self._forest_scores(forest, rows), wanted)
        return forest if same else None


def _told(bundle: Bundle) -> tuple[Trained, Decision]:
    try:
        return Trained(bundle.contract, bundle.metadata.get("trained", {})), bundle.decision
    except (TypeError, ValueError) as error:
        raise BundleError(f"metadata.json does not hold what it should: {error}. Build the bundle again.") from error


def _xgboost_of(metadata: Mapping[str, object]) -> str:
    versions = metadata.get("versions")
    return str(versions.get("xgboost", "?")) if isinstance(versions, Mapping) else "?"
