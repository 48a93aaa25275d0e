"""What a model must beat: scikit-learn's usual estimators with their defaults."""

from collections.abc import Callable

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, RidgeCV

from hearth.bundle.derived import complete
from hearth.bundle.transform import Matrix
from hearth.params import PrepareParams
from hearth.schema import Task
from hearth.training.fitting import fit_transform
from hearth.training.table import Table, Vector

# Above this many rows gradient boosting works on histograms, as scikit-learn's documentation advises.
ROWS_FOR_HISTOGRAMS = 10_000

Build = Callable[[int, int], BaseEstimator]


def _forest(kind: type[BaseEstimator]) -> Build:
    return lambda _, seed: kind(n_estimators=100, random_state=seed)


def _boosting(exact: type[BaseEstimator], histogram: type[BaseEstimator]) -> Build:
    return lambda rows, seed: (exact if rows <= ROWS_FOR_HISTOGRAMS else histogram)(random_state=seed)


# Each makes an estimator for a number of rows and a seed.
BASELINES: dict[Task, dict[str, Build]] = {
    "regression": {
        "mean": lambda *_: DummyRegressor(),
        "ridge": lambda *_: RidgeCV(alphas=np.logspace(-3, 3, 13)),
        "random_forest": _forest(RandomForestRegressor),
        "gradient_boosting": _boosting(GradientBoostingRegressor, HistGradientBoostingRegressor),
    },
    "classification": {
        "mean": lambda *_: DummyClassifier(strategy="prior"),
        "ridge": lambda *_: LogisticRegression(max_iter=2000),
        "random_forest": _forest(RandomForestClassifier),
        "gradient_boosting": _boosting(GradientBoostingClassifier, HistGradientBoostingClassifier),
    },
}


def answer(build: Build, train: Table, valid: Matrix, prepare: PrepareParams, seed: int) -> Vector:
    """Fit a baseline on ``train`` and answer coded rows: (n,), or probabilities (n, k) with absent classes at 0.

    Gaps are filled with the median, numbers scaled, categories one-hot encoded, all fitted on ``train``.
    """
    filled = prepare.model_copy(update={"imputation": "median", "scaling": "standard", "encoding": "onehot"})
    transform = fit_transform(train.contract, train.seen, filled)
    estimator = build(len(train), seed).fit(np.nan_to_num(transform.apply(train.seen)), train.y)
    rows = np.nan_to_num(transform.apply(complete(train.contract, valid)))
    if train.contract.target.task == "regression":
        return np.asarray(estimator.predict(rows), dtype=np.float64)
    scores = np.zeros((len(rows), train.contract.target.outputs))
    scores[:, estimator.classes_.astype(np.intp)] = estimator.predict_proba(rows)
    return scores
