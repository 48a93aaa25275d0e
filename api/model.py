"""The bundle that answers, and its replacement while requests are under way."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
from msgspec import UNSET, Struct, UnsetType

from api.rows import Matrix, Reader
from hearth.bundle import Prediction, Predictor
from hearth.errors import BundleError
from hearth.schema import Feature

_encode = msgspec.json.Encoder().encode
# What a bundle can raise whose sums are right and whose contents are not; XGBoost's own error is a ValueError.
UNFIT = (TypeError, ValueError, LookupError, ArithmeticError, AttributeError)


class _Interval(Struct, gc=False):
    lower: float
    upper: float
    coverage: float


class _Valued(Struct, gc=False):
    """The answer to a row of many: what is encoded is made in half the time of a dictionary's, and no collector looks at it."""

    id: str | None
    prediction: float
    interval: _Interval


class _Single(_Valued, gc=False):
    """The answer to a row alone."""

    model: str
    features_used: msgspec.Raw
    warnings: list[str] | UnsetType = UNSET


class Model:
    """A loaded bundle with its contract's reader. Nothing in it changes: who holds one gets answers of one model."""

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor
        self.contract = predictor.contract
        self.digest = predictor.digest
        self.reader = Reader(predictor.contract)
        self.target = predictor.contract.target
        self.names = predictor.contract.names
        self.features_used = msgspec.Raw(_encode(predictor.features))
        self.coverage = predictor.bundle.conformal.coverage
        self._quantile = predictor.bundle.conformal.quantile
        self._known = _known(predictor)

    @classmethod
    def load(cls, folder: Path) -> "Model":
        """Read, verify and probe the bundle in ``folder``, then answer one row of its reference by every way.

        Raises:
            BundleError: it is not whole, or does not say what it said when it was written.
        """
        try:
            model = cls(Predictor.load(folder, threads=1))
            row = model.predictor.bundle.reference_rows[:1]
            same = model.predictor.score_one(row[0].tolist()) == model.predictor.scores(row)[0].tolist()
        except UNFIT as error:
            raise BundleError(f"{folder} holds what no build writes: {error!r}. Build the bundle again.") from error
        if not same:
            raise BundleError(f"{folder}: one row gets two answers. Report this, and keep the bundle that answers now.")
        return model

    def answer(self, row: str | None, score: float | list[float], coded: list[float]) -> object:
        """The answer to one coded row with that score, under its id, to be encoded."""
        warnings = self.warnings(coded) or UNSET
        if isinstance(score, float):
            interval = _Interval(score - self._quantile, score + self._quantile, self.coverage)
            return _Single(row, score, interval, self.digest, self.features_used, warnings)
        (labelled,) = self._labelled(self.predictor.answer(np.array([score])))
        told = {"id": row, **labelled, "model": self.digest, "features_used": self.features_used}
        return told if warnings is UNSET else {**told, "warnings": warnings}

    def answers(self, prediction: Prediction, ids: Sequence[str | None]) -> Sequence[object]:
        """The answers of many rows, under their ids, to be encoded."""
        if prediction.probabilities is not None:
            return [{"id": row, **answer} for row, answer in zip(ids, self._labelled(prediction), strict=True)]
        quantile, coverage = self._quantile, self.coverage
        return [
            _Valued(row, value, _Interval(value - quantile, value + quantile, coverage))
            for row, value in zip(ids, prediction.value.tolist(), strict=True)
        ]

    def warnings(self, coded: list[float]) -> list[str]:
        """What of a coded row lies inside the contract but outside what the model was trained on."""
        outside = self.predictor.trained.outside(coded)
        return [self._known[name] for name in outside] if outside else outside

    def warnings_of(self, x: Matrix) -> dict[int, list[str]]:
        """The warnings of the rows that have any, by their index."""
        outside = self.predictor.trained.outside_rows(x)
        texts = [self._known.get(name, "") for name in self.names]
        return {int(row): [texts[at] for at in np.flatnonzero(outside[row])] for row in np.flatnonzero(outside.any(axis=1))}

    def _labelled(self, prediction: Prediction) -> Iterator[dict[str, object]]:
        """Label, probabilities and label set of each row of a classification."""
        classes = self.contract.target.classes
        parts = prediction.value, prediction.probabilities, prediction.label_sets
        for code, probabilities, members in zip(*(part.tolist() for part in parts if part is not None), strict=True):
            yield {
                "prediction": classes[int(code)],
                "probabilities": dict(zip(classes, probabilities, strict=True)),
                "label_set": {
                    "labels": [name for name, member in zip(classes, members, strict=True) if member],
                    "coverage": self.coverage,
                },
            }


def _known(predictor: Predictor) -> dict[str, str]:
    """Of each feature of which it is known what the model was trained on, the warning about a value outside of that."""
    entries: Mapping[str, Mapping[str, str | float]] = predictor.metadata.get("trained", {})  # type: ignore[assignment]
    known = [feature for feature in predictor.contract.used if feature.name in entries]
    return {feature.name: f"{feature.name}: {_range_of(feature, entries[feature.name])}" for feature in known}


def _range_of(feature: Feature, entry: Mapping[str, str | float]) -> str:
    if not feature.numeric:
        return "a value that no row had on which the model was trained"
    return f"outside what the model was trained on, which is {float(entry['min']):g} to {float(entry['max']):g}"


class Models:
    """The model that answers now, and how another takes its place."""

    def __init__(self, folder: Path, told: Callable[[Model, Model | None], None]) -> None:
        self.folder = folder
        self.fault: str | None = None
        self._told = told
        self._current: Model | None = None
        self._loading = asyncio.Lock()

    @property
    def current(self) -> Model:
        """The model to answer with; a request asks once and keeps to it."""
        if self._current is None:
            raise RuntimeError("no bundle is loaded: load() comes first")
        return self._current

    async def load(self) -> Model:
        """Load what lies in the folder now and let it take over; the same bundle again changes nothing.

        Raises:
            BundleError: it is not fit to answer; the model before goes on.
        """
        async with self._loading:
            try:
                model = await asyncio.to_thread(Model.load, self.folder)
            except BundleError as error:
                self.fault = str(error)
                raise
            self.fault = None
            before, kept = self._current, self._current is not None and self._current.digest == model.digest
            if not kept:
                self._current = model
                self._told(model, before)
            return self.current
