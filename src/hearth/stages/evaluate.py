"""Report on the experiments and the baselines; the winner is fixed by the training rows alone."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hearth import params
from hearth.artifacts import replacing, write_json, write_text
from hearth.bundle.transform import Transform
from hearth.reporting.card import model_card
from hearth.reporting.page import html_page
from hearth.reporting.summary import metrics_json, plots
from hearth.schema import Contract
from hearth.training import experiment, folds, table
from hearth.training.evaluate import Material, evaluate
from hearth.training.experiment import EXPERIMENTS
from hearth.training.figures import evaluation_figures, save


def material(raw: Path, prepared: Path) -> Material:
    """Read the table, its split, and the same table with each ignored column used."""
    train, assigned = folds.training_rows(prepared)
    contract = train.contract
    everything = table.read_arrow(raw / "table.parquet")
    unused = [feature.name for feature in contract.features if not (feature.use or feature.open)]
    return Material(
        everything=table.code(everything, contract),
        train=train,
        test=table.read(prepared / "test.parquet", contract),
        folds=assigned,
        transform=Transform.from_dict(json.loads((prepared / "transform.json").read_text(encoding="utf-8"))),
        ignored={name: table.code(everything, using(contract, name)) for name in unused},
    )


def using(contract: Contract, name: str) -> Contract:
    """The contract with one ignored feature used."""
    features = (replace(one, use=True) if one.name == name else one for one in contract.features)
    return replace(contract, features=tuple(features))


def main(argv: Sequence[str]) -> None:
    """Write metrics, plots, figures, the model card and the page to ``--reports``."""
    parser = argparse.ArgumentParser(prog="evaluate")
    for name in ("--params", "--raw", "--prepared", "--experiments", "--reports"):
        parser.add_argument(name, type=Path, required=True)
    args = parser.parse_args(argv)
    settings, reports = params.load(args.params), args.reports
    experiments = [experiment.read(args.experiments / name) for name in EXPERIMENTS]
    result = evaluate(material(args.raw, args.prepared), experiments, settings)
    scores = {name: experiment.read_candidates(args.experiments / name) for name in EXPERIMENTS}
    drawn = evaluation_figures(result, {name: tried for name, tried in scores.items() if tried})
    data = json.loads((reports / "data.json").read_text(encoding="utf-8"))
    with replacing(reports / "figures" / "evaluate") as folder:
        saved = [save(figure, folder / name) for name, figure in drawn.items()]
        figures = {path.name: path.read_bytes() for path in saved}
    with replacing(reports / "plots") as folder:
        for name, text in plots(result).items():
            write_text(folder / name, text)
    write_text(reports / "model_card.md", model_card(result, settings.card, data))
    write_text(reports / "index.html", html_page(result, settings.card, data, figures))
    write_json(reports / "metrics.json", metrics_json(result))
