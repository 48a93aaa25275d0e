"""Recipes, and the models that they make of training rows."""

import ctypes
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TypeVar

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray
from xgboost.libpath import find_lib_path

from hearth.bundle.booster import scores as booster_scores
from hearth.bundle.derived import complete
from hearth.bundle.transform import Matrix, Transform
from hearth.errors import DataError
from hearth.params import ClassWeight, PrepareParams
from hearth.processors import processors
from hearth.schema import Contract, Target
from hearth.training.folds import Folds, pairs
from hearth.training.table import Rows, Table, Vector

Setting = int | float
T = TypeVar("T")
R = TypeVar("R")

# XGBoost's own defaults, written out: 100 rounds of its parameters as they are.
DEFAULT_ROUNDS = 100
# Fits of fewer rows run one thread each, side by side; larger ones one after the other on all processors.
ROWS_FOR_ALL_THREADS = 100_000


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is made: boosting rounds, XGBoost parameters, the percentile below which features go (None: all stay).

    With a ``class_weight`` rows weigh by their class.
    """

    rounds: int = DEFAULT_ROUNDS
    params: Mapping[str, Setting] = field(default_factory=dict)
    percentile: float | None = None
    class_weight: ClassWeight = "none"

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values, of which ``Recipe(**raw)`` is this recipe again."""
        weights = {} if self.class_weight == "none" else {"class_weight": self.class_weight}
        return {"rounds": self.rounds, "params": dict(self.params), "percentile": self.percentile, **weights}


@dataclass(frozen=True, slots=True)
class Model:
    """A fitted transform and booster; ``temperature`` divides the margins of classes."""

    target: Target
    transform: Transform
    booster: xgb.Booster
    temperature: float = 1.0

    def scores(self, x: Matrix, contract: Contract) -> Vector:
        """The answer to coded rows (n, len(contract.names)): (n,), or probabilities (n, k)."""
        transformed = self.transform.apply(complete(contract, x)[:, self.transform.columns(contract)])
        return booster_scores(self.booster, transformed, self.target.outputs, temperature=self.temperature)


@dataclass(frozen=True, slots=True)
class FoldData:
    """One fold, made once and then used by every candidate: binned training rows, transformed validation rows."""

    train: xgb.QuantileDMatrix
    valid: Matrix
    actual: Vector
    rows: Rows


def fit_transform(contract: Contract, x: Matrix, prepare: PrepareParams) -> Transform:
    """Fit imputation and scaling to training rows as models see them, shape (n, len(contract.columns)).

    Missing values are left out of means and standard deviations (population, as scikit-learn's StandardScaler) unless the
    median fills them. Columns without spread are not scaled, those without a value are left as they are.
    """
    numeric = np.array([feature.type != "category" for feature in contract.seen])
    empty = np.isnan(x).all(axis=0)
    usable = np.where(empty, 0.0, x)
    fill = np.where(numeric & ~empty, np.nanmedian(usable, axis=0), np.nan) if prepare.imputation == "median" else None
    filled = usable if fill is None else np.where(np.isnan(usable), fill, usable)
    scales = numeric & (prepare.scaling == "standard")
    shift = np.where(scales, np.nanmean(filled, axis=0), 0.0)
    scale = np.where(scales & _spreads(filled), np.nanstd(filled, axis=0), 1.0)
    onehot = prepare.encoding == "onehot"
    return Transform(
        features=contract.columns,
        fill=tuple((np.full(len(contract.columns), np.nan) if fill is None else fill).tolist()),
        shift=tuple(shift.tolist()),
        scale=tuple(scale.tolist()),
        levels=tuple(len(feature.values) if onehot and not feature.ordered else 0 for feature in contract.seen),
    )


def column_types(contract: Contract, transform: Transform, prepare: PrepareParams) -> list[str] | None:
    """XGBoost's types of the columns that ``transform`` makes, ``c`` for native categories; None where there are none."""
    if prepare.encoding != "native":
        return None
    features = [contract.seen[at] for at in transform.columns(contract)]
    return ["c" if feature.type == "category" and not feature.ordered else "q" for feature in features]


def _spreads(x: Matrix) -> NDArray[np.bool_]:
    """Whether each column varies by more than its variance's rounding errors (the bound of scikit-learn's StandardScaler)."""
    count, eps = (~np.isnan(x)).sum(axis=0), np.finfo(np.float64).eps
    variance, mean = np.nanvar(x, axis=0), np.nanmean(x, axis=0)
    spreads: NDArray[np.bool_] = variance > count * eps * variance + (count * mean * eps) ** 2
    return spreads


def fittable(table: Table, prepare: PrepareParams) -> Table:
    """The rows that a fit may use: all, or with ``imputation: drop`` those without a gap.

    Raises:
        DataError: no row is left.
    """
    if prepare.imputation != "drop":
        return table
    rows = np.flatnonzero(~np.isnan(table.seen).any(axis=1))
    if len(rows) == 0:
        raise DataError("prepare.imputation: drop leaves no training row: every row has a missing value. Use native or median.")
    return table.take(rows)


def fit(table: Table, recipe: Recipe, transform: Transform, prepare: PrepareParams, seed: int) -> Model:
    """Boost on all rows of the table that the settings allow, on the columns that ``transform`` names."""
    kept = fittable(table, prepare)
    x = transform.apply(kept.seen[:, transform.columns(table.contract)])
    threads = 1 if len(kept) < ROWS_FOR_ALL_THREADS else processors()
    types = column_types(table.contract, transform, prepare)
    data = binned(x, kept.y, recipe.params, threads, types, weights(kept.y, recipe.class_weight))
    return Model(table.contract.target, transform, boost(data, recipe, table.contract.target, seed, threads))


def binned(
    x: Matrix,
    y: Vector,
    params: Mapping[str, Setting],
    threads: int,
    types: Sequence[str] | None = None,
    weight: Vector | None = None,
) -> xgb.QuantileDMatrix:
    """Training rows cut into the histogram bins that ``max_bin`` asks for (256 where it does not); categories stay whole."""
    bins = int(params.get("max_bin", 256))
    return xgb.QuantileDMatrix(x, y, weight=weight, max_bin=bins, nthread=threads, feature_types=types, enable_categorical=True)


def weights(y: Vector, kind: ClassWeight) -> Vector | None:
    """What each row weighs in a fit, by its class code: n / (classes that are there * rows of the class), as in scikit-learn.

    None where all weigh the same.
    """
    if kind == "none":
        return None
    codes = y.astype(np.intp)
    counts = np.bincount(codes)
    weight: Vector = len(y) / (np.count_nonzero(counts) * counts[codes])
    return weight


def boost(data: xgb.DMatrix, recipe: Recipe, target: Target, seed: int, threads: int = 1) -> xgb.Booster:
    """Run XGBoost; the same inputs give the same booster on any number of threads."""
    params = {
        **recipe.params,
        **objective_of(target),
        "tree_method": "hist",
        "seed": seed,
        "seed_per_iteration": True,  # without it boosters that train side by side share a generator
        "nthread": threads,
        "verbosity": 1,
    }
    booster = xgb.Booster(params, [data])
    advance(booster, data, recipe.rounds)
    return booster


def advance(booster: xgb.Booster, data: xgb.DMatrix, rounds: int) -> None:
    """Boost by this many rounds, as ``xgb.train`` does, without what that does beside the boosting.

    Raises:
        XGBoostError: a parameter or the data are not what XGBoost takes.
    """
    library = _library()
    for i in range(rounds):
        if library.XGBoosterUpdateOneIter(booster.handle, i, data.handle) != 0:
            raise xgb.core.XGBoostError(library.XGBGetLastError().decode())


@cache
def _library() -> ctypes.CDLL:
    """XGBoost's documented C functions, from the library that is loaded already."""
    library = ctypes.CDLL(find_lib_path()[0])
    library.XGBoosterUpdateOneIter.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
    library.XGBGetLastError.restype = ctypes.c_char_p
    return library


def objective_of(target: Target) -> dict[str, str | int]:
    """XGBoost's objective for a target."""
    if target.task == "regression":
        return {"objective": "reg:squarederror"}
    if target.outputs == 2:
        return {"objective": "binary:logistic"}
    return {"objective": "multi:softprob", "num_class": target.outputs}


def fold_data(
    table: Table,
    rows: tuple[Rows, Rows],
    prepare: PrepareParams,
    recipe: Recipe,
    select: Callable[[Table], Sequence[str]] | None,
) -> FoldData:
    """Fit everything that is fitted on the fold's training rows: the transform, the choice of features, the weights of classes.

    Of the recipe that is what binning and weights need: recipes that share these share the fold.
    """
    train, valid = table.take(rows[0]), table.take(rows[1])
    kept = fittable(train, prepare)
    names = select(train) if select else table.contract.columns
    transform = fit_transform(table.contract, kept.seen, prepare).subset(names)
    columns = transform.columns(table.contract)
    types = column_types(table.contract, transform, prepare)
    weight = weights(kept.y, recipe.class_weight)
    data = binned(transform.apply(kept.seen[:, columns]), kept.y, recipe.params, threads=1, types=types, weight=weight)
    return FoldData(data, transform.apply(valid.seen[:, columns]), valid.y, rows[1])


def fold_scores(fold: FoldData, recipe: Recipe, target: Target, seed: int) -> Vector:
    """Boost on a fold's training rows and answer its validation rows."""
    return staged_scores(fold, recipe, (recipe.rounds,), target, seed)[0]


def staged_scores(fold: FoldData, recipe: Recipe, counts: Sequence[int], target: Target, seed: int) -> list[Vector]:
    """``fold_scores`` of the recipe with each of these counts of rounds: boosting to the greatest passes through the others."""
    booster = boost(fold.train, replace(recipe, rounds=max(counts)), target, seed)
    return [booster_scores(booster, fold.valid, target.outputs, rounds) for rounds in counts]


def all_folds(
    table: Table,
    folds: Folds,
    prepare: PrepareParams,
    recipe: Recipe,
    select: Callable[[Table], Sequence[str]] | None = None,
) -> list[FoldData]:
    """``fold_data`` of every fold of every repeat, side by side."""
    return side_by_side(lambda rows: fold_data(table, rows, prepare, recipe, select), list(pairs(folds)))


def side_by_side(function: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Map over threads, as many as processors; XGBoost leaves Python's lock while it works. Results keep their order."""
    with ThreadPoolExecutor(processors()) as pool:
        return list(pool.map(function, items))
