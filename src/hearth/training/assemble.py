"""From an experiment to a bundle."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import scipy
import xgboost as xgb

import hearth
from hearth.bundle.format import Bundle
from hearth.bundle.sample import spread
from hearth.bundle.trained import trained_on
from hearth.bundle.transform import Transform
from hearth.params import Params
from hearth.training.conformal import calibrate
from hearth.training.experiment import Experiment
from hearth.training.fitting import fit, fittable
from hearth.training.folds import Folds
from hearth.training.table import Table

VERSIONS = {"hearth": hearth.__version__, "numpy": np.__version__, "scipy": scipy.__version__, "xgboost": xgb.__version__}


def assemble(
    chosen: Experiment,
    train: Table,
    folds: Folds,
    transform: Transform,
    settings: Params,
    facts: Mapping[str, object],
) -> Bundle:
    """Fit the experiment's recipe to all training rows, calibrate it out of fold, and keep what serving and drift need.

    ``facts`` go into the metadata as they are. The same arguments give the same bundle on any machine.
    """
    prepare, tuning, export = settings.prepare, settings.tuning, settings.export
    calibrated = calibrate(train, folds[1:], chosen.recipe, settings)
    fitted = fit(train, chosen.recipe, transform.subset(chosen.features), prepare, tuning.seed)
    model = replace(fitted, temperature=calibrated.decision.temperature)
    probe, reference = spread(len(train), export.probe_rows), spread(len(train), export.reference_rows)
    return Bundle(
        contract=train.contract,
        model=bytes(model.booster.save_raw("ubj")),
        transform=model.transform,
        conformal=calibrated.conformal,
        metadata={
            "task": train.contract.target.task,
            "winner": chosen.name,
            "recipe": chosen.recipe.to_dict(),
            "prepare": prepare.model_dump(),
            "seed": tuning.seed,
            "features": list(chosen.features),
            "training_rows": len(train),
            "monitoring": settings.monitoring.model_dump(),
            "trained": trained_on(train.contract, chosen.features, fittable(train, prepare).x),
            **calibrated.decided.told(export.threshold.aim),
            **facts,
            "versions": VERSIONS,
        },
        probe_rows=train.x[probe],
        probe_scores=model.scores(train.x[probe], train.contract),
        reference_rows=train.x[reference],
        reference_scores=calibrated.answers[reference],
    )
