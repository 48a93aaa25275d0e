"""The search again, with the features chosen inside each fold."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from hearth import params
from hearth.training import experiment, folds


def main(argv: Sequence[str]) -> None:
    """Read the training rows in ``--prepared`` and the percentile of ``--select``, write the experiment to ``--out``."""
    parser = argparse.ArgumentParser(prog="tune_selected")
    for name in ("--params", "--prepared", "--select", "--out"):
        parser.add_argument(name, type=Path, required=True)
    args = parser.parse_args(argv)
    settings = params.load(args.params)
    percentile = experiment.read(args.select).recipe.percentile
    data, assigned = folds.training_rows(args.prepared)
    found = experiment.run_search("tune_selected", data, assigned, settings.prepare, settings.tuning, percentile)
    experiment.write(found, args.out, experiment.objective_of(data))
