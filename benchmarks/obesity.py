"""How good a model of the obesity table is, and what that is worth: beside cuts of the body mass index, and on which rows.

Settings, contract and groups of rows are those of the preset; folds are stratified, rows that repeat an earlier one left out.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from hearth import params
from hearth.errors import HearthError
from hearth.params import Params
from hearth.project import preset
from hearth.schema import Contract, Feature
from hearth.sources import feedback
from hearth.sources.check import canonical
from hearth.training import groups, table
from hearth.training.fitting import Recipe
from hearth.training.folds import Folds
from hearth.training.metrics import calibration_error, metrics
from hearth.training.split import repeated_folds
from hearth.training.table import Table, Vector
from hearth.training.validation import cross_validate, out_of_fold

BMI = "Weight / Height ** 2"
CUTS = (18.5, 25.0, 27.5, 30.0, 35.0, 40.0)  # kg/m2 from which the next level begins: the WHO's, overweight halved
TUNED = Recipe(
    300,
    {
        "learning_rate": 0.145,
        "max_depth": 4,
        "subsample": 0.94,
        "colsample_bynode": 0.83,
        "min_child_weight": 0.19,
        "reg_lambda": 0.064,
        "max_bin": 256,
    },
)
BOTH = replace(TUNED, params={**TUNED.params, "colsample_bynode": 1})  # of two features a split sees both
ASKED = {"tuned": 0.975, "tuned, with BMI": 0.987}  # accuracy


def by_cuts(rows: Table) -> Vector:
    """The share that each level has by the cuts, all or nothing: no learning."""
    columns = dict(zip(rows.contract.columns, rows.seen.T, strict=True))
    level = np.searchsorted(CUTS, columns["Weight"] / columns["Height"] ** 2, side="right")
    shares: Vector = np.eye(len(rows.contract.target.classes))[level]
    return shares


def without(contract: Contract, names: Sequence[str]) -> Contract:
    """The contract with some features ignored."""
    return replace(
        contract,
        features=tuple(
            replace(one, use=False, reason="left out here") if one.name in names else one for one in contract.features
        ),
    )


def with_bmi(contract: Contract) -> Contract:
    """The contract with the body mass index computed."""
    return replace(contract, derived=(Feature(name="BMI", type="number", required=False, expression=BMI),))


def answers(rows: Table, folds: Folds, recipe: Recipe, settings: Params) -> list[Vector]:
    """The answer to each row from the fold that did not see it, one array a repeat."""
    return out_of_fold(cross_validate(rows, folds, settings.prepare, recipe, settings.tuning.seed), len(folds))


def measured(name: str, rows: Table, repeats: Sequence[Vector], settings: Params) -> str:
    """A line: accuracy and its spread over the repeats, log loss, calibration, accuracy on each group of rows; the goal."""
    scores = [metrics("classification", rows.y, one) for one in repeats]
    each = [100 * one["accuracy"] for one in scores]
    loss, error = (
        float(np.mean([one["log_loss"] for one in scores])),
        float(np.mean([calibration_error(rows.y, one) for one in repeats])),
    )
    parts = "".join(f"{100 * one.scores['accuracy']:>9.2f}" for one in groups.grouped(rows, repeats, settings.card.groups))
    met = f"{'  met' if np.mean(each) >= 100 * ASKED[name] else '  NOT met'}: {100 * ASKED[name]:g}" if name in ASKED else ""
    return f"{name:<28}{np.mean(each):>9.2f}{np.std(each):>6.2f}{loss:>9.3f}{error:>8.3f}{parts}{met}"


def contenders(contract: Contract) -> Mapping[str, tuple[Contract, Recipe]]:
    """What is compared: a contract and a recipe each."""
    body = ("Height", "Weight")
    return {
        "default XGBoost": (contract, Recipe()),
        "tuned": (contract, TUNED),
        "default XGBoost, with BMI": (with_bmi(contract), Recipe()),
        "tuned, with BMI": (with_bmi(contract), TUNED),
        "tuned, height, weight alone": (without(contract, [name for name in contract.names if name not in body]), BOTH),
        "tuned, neither of them": (without(contract, body), TUNED),
    }


def report(path: Path, repeats: int, seed: int) -> None:
    """Print the comparison."""
    settings = params.parse(preset.settings("obesity"), "the preset")
    contract = settings.contract
    whole = canonical(path, contract, settings.data.min_rows, str(path))
    kept: pa.Table = feedback.unknown(whole, whole.slice(0, 0), contract)
    rows = table.code(kept, contract)
    folds = repeated_folds(rows, 10, repeats, seed)
    parts = [f"{one.name}: {one.rows}" for one in groups.grouped(rows, [by_cuts(rows)], settings.card.groups)]
    print(f"{whole.num_rows} rows, {len(rows)} without those that repeat an earlier one; {'; '.join(parts)}")
    print(f"cuts of the BMI on all {whole.num_rows} rows: accuracy {accuracy(table.code(whole, contract)):.2f} %")
    print(f"10-fold cross-validation, {repeats} times; accuracy in %, its sd over the times, log loss, calibration error,")
    print("accuracy on rows with answers between whole numbers (SMOTE's) and with whole numbers (surveyed, most of them)\n")
    print(f"{'':<28}{'accuracy':>9}{'sd':>6}{'log loss':>9}{'ECE':>8}{'between':>9}{'whole':>9}")
    cuts = [by_cuts(rows)]
    print(measured("cuts of the BMI", rows, cuts, settings))
    for name, (seen, recipe) in contenders(contract).items():
        print(measured(name, rows, answers(table.code(kept, seen), folds, recipe, settings), settings), flush=True)


def accuracy(rows: Table) -> float:
    """Of the cuts, in per cent."""
    return 100 * metrics("classification", rows.y, by_cuts(rows))["accuracy"]


def main() -> int:
    """Read the arguments; faults of the input are one message and exit code 1."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, metavar="TABLE.csv", help="the table, 2111 rows: examples/obesity says where it is")
    parser.add_argument("--repeats", type=int, default=5, help="times that the 10 folds are drawn")
    parser.add_argument("--seed", type=int, default=0, help="of the folds")
    args = parser.parse_args()
    try:
        report(args.path, args.repeats, args.seed)
    except HearthError as error:
        sys.stderr.write(f"obesity: {error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
