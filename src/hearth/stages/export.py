"""Write the winner as a bundle; where tracking is on, log the build to MLflow and register it."""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hearth import params
from hearth.bundle.format import Bundle, write
from hearth.bundle.predictor import Predictor
from hearth.bundle.transform import Transform
from hearth.params import Params
from hearth.training import experiment, folds
from hearth.training.assemble import assemble
from hearth.training.experiment import EXPERIMENTS, Experiment
from hearth.training.folds import Folds
from hearth.training.table import Table


@dataclass(frozen=True, slots=True)
class Build:
    """What bundles are made of."""

    train: Table
    folds: Folds
    transform: Transform
    settings: Params
    metrics: Mapping[str, Mapping[str, object]]
    data: Mapping[str, object]

    def bundle(self, one: Experiment) -> Bundle:
        """The bundle of an experiment; its metadata says what was measured of it and on which data."""
        facts = {
            "metrics": {"cv": self._folds(one.name), "test": self.metrics[one.name]["test"]},
            "data": {key: self.data[key] for key in ("source", "version", "sha256", "rows", "feedback") if key in self.data},
        }
        return assemble(one, self.train, self.folds, self.transform, self.settings, facts)

    def _folds(self, name: str) -> object:
        """The cross-validation over all rows, or where that took a sample of them, the one over all training rows.

        Truths that come back are judged by it, and models that learnt from a sample err more than the bundle's.
        """
        return self.metrics["training_cv"][name] if "sample" in self.metrics else self.metrics[name]["cv"]


def read(prepared: Path, reports: Path, settings: Params) -> Build:
    """Read what the earlier stages wrote."""
    train, assigned = folds.training_rows(prepared)
    return Build(
        train=train,
        folds=assigned,
        transform=Transform.from_dict(json.loads((prepared / "transform.json").read_text(encoding="utf-8"))),
        settings=settings,
        metrics=json.loads((reports / "metrics.json").read_text(encoding="utf-8")),
        data=json.loads((reports / "data.json").read_text(encoding="utf-8")),
    )


def main(argv: Sequence[str]) -> None:
    """Read ``--prepared``, ``--experiments`` and ``--reports``, write the bundle to ``--out``."""
    parser = argparse.ArgumentParser(prog="export")
    for name in ("--params", "--prepared", "--experiments", "--reports", "--out"):
        parser.add_argument(name, type=Path, required=True)
    args = parser.parse_args(argv)
    settings = params.load(args.params)
    build = read(args.prepared, args.reports, settings)
    experiments = {name: experiment.read(args.experiments / name) for name in EXPERIMENTS}
    winner = str(build.metrics["winner"])
    bundle = build.bundle(experiments[winner])
    digest = write(bundle, args.out)
    Predictor.load(args.out)
    print(f"bundle {digest}")  # noqa: T201 - the stage's result
    log, model = settings.tracking, settings.release.model
    if log.enabled:
        from hearth.training import tracking  # noqa: PLC0415 - MLflow takes seconds to import

        bundles = {name: bundle if name == winner else build.bundle(one) for name, one in experiments.items()}
        tracking.log_build(log, bundles, args.experiments, args.reports, digest, model)
