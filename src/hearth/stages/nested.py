"""Nested cross-validation: all three experiments and the choice of the winner, anew inside each outer fold. On demand.

Of a table with more than ``evaluate.rows`` rows it is that of a sample.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from hearth import params
from hearth.artifacts import write_json
from hearth.params import Params
from hearth.stages.select import select
from hearth.training import table
from hearth.training.conformal import calibrate
from hearth.training.experiment import Experiment, run_search, winner
from hearth.training.fitting import fit, fit_transform, fittable
from hearth.training.folds import Folds, pairs
from hearth.training.metrics import OBJECTIVE, metrics, summary
from hearth.training.split import repeated_folds, sampled
from hearth.training.table import Table


def best_of(train: Table, folds: Folds, settings: Params) -> Experiment:
    """The winner of the three experiments on these rows."""
    prepare, tuning = settings.prepare, settings.tuning
    experiments = [
        run_search("tune_full", train, folds, prepare, tuning, None, progress=False),
        select(train, folds, settings)[0],
        run_search("tune_selected", train, folds, prepare, tuning, settings.selection.percentile, progress=False),
    ]
    return winner(experiments, OBJECTIVE[train.contract.target.task])


def outer_fold(train: Table, valid: Table, settings: Params) -> tuple[str, dict[str, float]]:
    """Search on ``train`` alone, refit, and measure on ``valid``; the winner's name and its metrics."""
    prepare, tuning = settings.prepare, settings.tuning
    folds = repeated_folds(train, tuning.folds, 1 + tuning.repeats, prepare.seed)
    chosen = best_of(train, folds, settings)
    transform = fit_transform(train.contract, fittable(train, prepare).seen, prepare).subset(chosen.features)
    model, task = fit(train, chosen.recipe, transform, prepare, tuning.seed), valid.contract.target.task
    if task == "regression":
        return chosen.name, metrics(task, valid.y, model.scores(valid.x, valid.contract))
    decision = calibrate(train, folds[1:], chosen.recipe, settings).decision
    scores = replace(model, temperature=decision.temperature).scores(valid.x, valid.contract)
    return chosen.name, metrics(task, valid.y, scores, decision.threshold)


def main(argv: Sequence[str]) -> None:
    """Read the table in ``--raw``, write metrics over the outer folds and how often each experiment won to ``--out``."""
    parser = argparse.ArgumentParser(prog="nested")
    for name in ("--params", "--raw", "--out"):
        parser.add_argument(name, type=Path, required=True)
    args = parser.parse_args(argv)
    settings = params.load(args.params)
    data = table.read(args.raw / "table.parquet", table.read_contract(args.raw))
    report, whole = settings.evaluate, len(data)
    data = data.take(sampled(data, report.rows, report.folds, report.seed))
    folds = list(pairs(repeated_folds(data, report.folds, report.repeats, report.seed)))
    results = [outer_fold(data.take(a), data.take(b), settings) for a, b in tqdm(folds, unit="fold", disable=None)]
    won = [name for name, _ in results]
    cv = summary([measured for _, measured in results])
    sample = {} if len(data) == whole else {"sample": {"rows": len(data), "of": whole}}
    write_json(args.out, {"cv": cv, "winners": {name: won.count(name) for name in sorted(set(won))}, **sample})
    for name, parts in cv.items():
        print(f"{name} {parts['mean']:.4g} (sd {parts['sd']:.2g})")  # noqa: T201 - the command's result
