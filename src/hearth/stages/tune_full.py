"""Search over all features."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from hearth import params
from hearth.training import experiment, folds


def main(argv: Sequence[str]) -> None:
    """Read the training rows in ``--prepared``, write the experiment to ``--out``."""
    parser = argparse.ArgumentParser(prog="tune_full")
    for name in ("--params", "--prepared", "--out"):
        parser.add_argument(name, type=Path, required=True)
    args = parser.parse_args(argv)
    settings = params.load(args.params)
    data, assigned = folds.training_rows(args.prepared)
    found = experiment.run_search("tune_full", data, assigned, settings.prepare, settings.tuning, percentile=None)
    experiment.write(found, args.out, experiment.objective_of(data))
