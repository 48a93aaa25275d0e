"""Tiny seeded tables, boosters and bundles of all three kinds, made with XGBoost and the bundle's own parts alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from hearth.bundle import Bundle, Conformal, Predictor, Transform
from hearth.bundle.booster import scores
from hearth.bundle.intervals import scores as nonconformity
from hearth.bundle.trained import trained_on
from hearth.schema import Contract, Feature, Target

Matrix = NDArray[np.float64]
ROWS, SEED = 240, 7
KINDS = ("regression", "binary", "multiclass")

FEATURES = (
    Feature(name="size", type="number", min=0, max=10, unit="m"),
    Feature(name="count", type="integer", min=0, max=9, required=False),
    Feature(name="old", type="boolean", required=False),
    Feature(name="secret", type="number", required=False, use=False, reason="nobody's business"),
    Feature(name="colour", type="category", values=("red", "green", "blue"), required=False),
    Feature(name="depth", type="number", required=False),
)
TARGETS: Mapping[str, Target] = {
    "regression": Target(name="price", task="regression", unit="EUR"),
    "binary": Target(name="price", task="classification", classes=("no", "yes")),
    "multiclass": Target(name="price", task="classification", classes=("low", "mid", "high")),
}
CONTRACT = Contract(target=TARGETS["regression"], features=FEATURES)
OBJECTIVES: Mapping[str, Mapping[str, str | int]] = {
    "regression": {"objective": "reg:squarederror"},
    "binary": {"objective": "binary:logistic"},
    "multiclass": {"objective": "multi:softprob", "num_class": 3},
}


@dataclass(frozen=True)
class Tiny:
    """A bundle and what it was made from: ``x`` coded rows, ``y`` targets, ``booster`` the model itself."""

    bundle: Bundle
    x: Matrix
    y: NDArray[np.float64]
    booster: xgb.Booster

    @cached_property
    def predictor(self) -> Predictor:
        """Its predictor, one for all tests: nothing in it changes, and to check one against its probe takes a while."""
        return Predictor(self.bundle, threads=1)

    @property
    def columns(self) -> Matrix:
        """The rows as the booster sees them."""
        fitted = self.bundle.transform
        return fitted.apply(self.x[:, fitted.columns(self.bundle.contract)])


def coded(seed: int, rows: int) -> Matrix:
    """Rows of the tiny contract as it codes them, a tenth of the optional values missing."""
    rng = np.random.default_rng(seed)
    x = np.column_stack(
        [
            rng.uniform(0, 10, rows),
            rng.integers(0, 10, rows),
            rng.integers(0, 2, rows),
            rng.integers(0, 3, rows),
            rng.normal(0, 100, rows),
        ]
    ).astype(np.float64)
    x[:, 1:][rng.random((rows, 4)) < 0.1] = np.nan
    return x


def rows_of(x: Matrix) -> list[dict[str, object]]:
    """Coded rows as the rows of named values that they stand for, missing values left out."""
    return [
        {f.name: _value(f, code) for f, code in zip(CONTRACT.used, row, strict=True) if not np.isnan(code)}
        for row in x.tolist()
    ]


def _value(feature: Feature, code: float) -> object:
    if feature.type == "category":
        return feature.values[int(code)]
    return bool(code) if feature.type == "boolean" else int(code) if feature.type == "integer" else code


def transform(encoding: str, imputed: bool) -> Transform:
    """A transform of four of the five features, in another order than the contract's."""
    fill = 4.0 if imputed else float("nan")
    return Transform(
        features=("colour", "count", "depth", "size"),
        fill=(float("nan"), fill, fill, fill),
        shift=(0.0, 4.5, 1.25, 5.0),
        scale=(1.0, 2.9, 97.0, 2.8),
        levels=(3 if encoding == "onehot" else 0, 0, 0, 0),
    )


def make(kind: str, encoding: str = "onehot", imputed: bool = False) -> Tiny:
    """Train and assemble one."""
    contract = Contract(target=TARGETS[kind], features=FEATURES)
    x, fitted = coded(SEED, ROWS), transform(encoding, imputed)
    signal = np.nan_to_num(x[:, 0] + 2 * x[:, 3] - 0.01 * x[:, 4])
    y = signal if kind == "regression" else np.digitize(signal, np.quantile(signal, [0.5] if kind == "binary" else [0.3, 0.7]))
    columns = fitted.apply(x[:, fitted.columns(contract)])
    params = {**OBJECTIVES[kind], "max_depth": 3, "seed": SEED, "nthread": 1, "tree_method": "hist"}
    booster = xgb.train(params, xgb.QuantileDMatrix(columns, y), 12)
    said = scores(booster, columns, contract.target.outputs)
    bundle = Bundle(
        contract=contract,
        model=bytes(booster.save_raw("ubj")),
        transform=fitted,
        conformal=Conformal.fit(nonconformity(y.astype(np.float64), said), 0.9),
        metadata={
            "task": contract.target.task,
            "trained": trained_on(contract, fitted.features, x),
            "versions": {"xgboost": xgb.__version__},
        },
        probe_rows=x[:5],
        probe_scores=said[:5],
        reference_rows=x[:50],
        reference_scores=said[:50],
    )
    return Tiny(bundle=bundle, x=x, y=y.astype(np.float64), booster=booster)
