"""Keep the features that matter to a default model, by exact SHAP values."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from hearth import params
from hearth.artifacts import replacing
from hearth.params import Params
from hearth.training import experiment, folds
from hearth.training.experiment import Experiment, score
from hearth.training.figures import save, selection_figures
from hearth.training.fitting import Recipe
from hearth.training.folds import Folds
from hearth.training.selection import Attribution, default_attribution
from hearth.training.table import Table


def select(data: Table, assigned: Folds, settings: Params) -> tuple[Experiment, Attribution]:
    """Score default parameters on the features chosen inside each fold; name those that all training rows choose."""
    prepare, percentile, seed = settings.prepare, settings.selection.percentile, settings.tuning.seed
    recipe = Recipe(percentile=percentile, class_weight=settings.tuning.class_weight)
    attribution = default_attribution(data, prepare, seed)
    measured = score(data, assigned[1:], prepare, recipe, seed)
    return Experiment("select", recipe, attribution.kept(percentile), measured), attribution


def main(argv: Sequence[str]) -> None:
    """Read the training rows in ``--prepared``, write the experiment to ``--out`` and the SHAP figures to ``--figures``."""
    parser = argparse.ArgumentParser(prog="select")
    for name in ("--params", "--prepared", "--out", "--figures"):
        parser.add_argument(name, type=Path, required=True)
    args = parser.parse_args(argv)
    settings = params.load(args.params)
    data, assigned = folds.training_rows(args.prepared)
    chosen, attribution = select(data, assigned, settings)
    with replacing(args.figures) as folder:
        for name, figure in selection_figures(attribution, data.contract).items():
            save(figure, folder / name)
    experiment.write(chosen, args.out, experiment.objective_of(data))
