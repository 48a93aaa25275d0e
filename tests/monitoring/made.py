"""Truths of tiny models, as a store would join them: honest ones, and others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from tests.bundles import CONTRACT, Tiny, coded, rows_of

from hearth.bundle import Bundle
from hearth.schema import Contract
from hearth.training.metrics import metrics

Vector = NDArray[np.float64]
START, DAY = 1_750_000_000.0, 86_400.0


@dataclass(frozen=True)
class Rows:
    """What ``api.store.joined`` gives, in plain lists."""

    features: Mapping[str, Sequence[float | str | bool | None]]
    scores: Sequence[float | list[float]]
    at: Sequence[float]
    models: Sequence[str]
    askers: Sequence[str]
    tellers: Sequence[str]
    actual: Sequence[float | str | bool]


def scored_bundle(tiny: Tiny, mean: float, sd: float = 0.0, **monitoring: float) -> Bundle:
    """The tiny bundle, with this cross-validated objective and this rule in its metadata."""
    task = tiny.bundle.contract.target.task
    said = tiny.predictor.scores(tiny.x)
    cv = {name: {"mean": value, "sd": 0.0} for name, value in metrics(task, tiny.y, said).items()}
    cv["rmse" if task == "regression" else "log_loss"] = {"mean": mean, "sd": sd}
    return replace(
        tiny.bundle, metadata={**tiny.bundle.metadata, "metrics": {"cv": cv}, "monitoring": monitoring}, digest="d" * 64
    )


def joined(
    tiny: Tiny, rows: int, seed: int = 0, *, noise: float = 0.0, keys: Sequence[str] = ("app",), days: float = 5.0
) -> Rows:
    """New rows, the model's answers and honest truths: the answer and noise, or a class drawn from the probabilities."""
    rng = np.random.default_rng(seed)
    x = coded(seed + 100, rows)
    said = tiny.predictor.scores(x)
    contract = tiny.bundle.contract
    names = [keys[i] for i in rng.integers(0, len(keys), rows)]
    asked = rows_of(x)
    return Rows(
        features={feature.name: [one.get(feature.name) for one in asked] for feature in CONTRACT.used},  # type: ignore[misc]
        scores=said.tolist(),
        at=(START + np.sort(rng.random(rows)) * days * DAY).tolist(),
        models=["d" * 64] * rows,
        askers=names,
        tellers=list(names),
        actual=honest(contract, said, rng, noise),
    )


def honest(contract: Contract, said: Vector, rng: np.random.Generator, noise: float) -> list[float | str | bool]:
    """Truths that keep what the answers say."""
    if said.ndim == 1:
        return [float(value) for value in said + rng.normal(0, noise or 1.0, len(said))]
    drawn = (said.cumsum(axis=1) < rng.random((len(said), 1))).sum(axis=1)
    return [contract.target.classes[min(int(code), said.shape[1] - 1)] for code in drawn]
