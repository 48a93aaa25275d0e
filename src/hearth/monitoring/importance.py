"""Which features a model goes by."""

import numpy as np

from hearth.bundle.predictor import Predictor


def ranked(predictor: Predictor) -> tuple[str, ...]:
    """The features that a bundle uses, the largest mean absolute SHAP value over its reference rows first."""
    values = np.abs(predictor.explain(predictor.bundle.reference_rows).values)
    means = values.reshape(-1, values.shape[-1]).mean(axis=0)
    return tuple(predictor.features[i] for i in np.argsort(-means, kind="stable"))
