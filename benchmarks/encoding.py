"""Ways to code categories on the obesity table of Palechor and de la Hoz Manotas (2019): accuracy, log loss, calibration.

One recipe, the same folds of the rows without their duplicates for all. Height and Weight say most of the label, so each way
is measured without their ratio and with it. The file is that of UCI 544 and Kaggle.
"""

import argparse
import csv
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hearth.bundle.decision import Decision
from hearth.errors import DataError, HearthError
from hearth.params import PrepareParams
from hearth.schema import Contract, Feature, Target
from hearth.training.deciding import cross_fitted, fit_temperature
from hearth.training.fitting import Recipe
from hearth.training.folds import Folds
from hearth.training.metrics import calibration_error, summary
from hearth.training.split import groups, repeated_folds
from hearth.training.table import Table
from hearth.training.validation import Validated, cross_validate, measured, out_of_fold

TARGET = Target(
    name="NObeyesdad",
    task="classification",
    classes=(
        "Insufficient_Weight",
        "Normal_Weight",
        "Overweight_Level_I",
        "Overweight_Level_II",
        "Obesity_Type_I",
        "Obesity_Type_II",
        "Obesity_Type_III",
    ),
)
NUMBERS = ("Age", "Height", "Weight", "FCVC", "NCP", "CH2O", "FAF", "TUE")
ANSWERS = ("family_history_with_overweight", "FAVC", "SMOKE", "SCC")
OFTEN = ("no", "Sometimes", "Frequently", "Always")
TRANSPORT = ("Automobile", "Bike", "Motorbike", "Public_Transportation", "Walking")
FEATURES = (
    *(Feature(name=name, type="number") for name in NUMBERS),
    *(Feature(name=name, type="category", values=("no", "yes")) for name in ANSWERS),
    *(Feature(name=name, type="category", values=OFTEN, ordered=True) for name in ("CAEC", "CALC")),
    Feature(name="Gender", type="category", values=("Female", "Male")),
    Feature(name="MTRANS", type="category", values=TRANSPORT),
)
BMI = Feature(name="BMI", type="number", required=False, expression="Weight / Height ** 2")
# What a search over the table found, and XGBoost's own defaults.
FOUND = Recipe(
    300,
    {
        "max_depth": 4,
        "learning_rate": 0.145,
        "subsample": 0.94,
        "colsample_bynode": 0.83,
        "min_child_weight": 0.19,
        "reg_lambda": 0.064,
        "max_bin": 256,
    },
)
RECIPES = {"found": FOUND, "default": Recipe()}
SEED = 42
WIDTHS = (26, 5, 10, 16, 11, 11, 7, 7, 7)


@dataclass(frozen=True, slots=True)
class Way:
    """How categories are coded; without ``ordered`` those that have an order are names as well."""

    encoding: str
    ordered: bool = True

    @property
    def name(self) -> str:
        """As it is printed."""
        return self.encoding + ("" if self.ordered else ", nothing ordered")


WAYS = (Way("onehot"), Way("onehot", ordered=False), Way("ordinal"), Way("native"), Way("native", ordered=False))


def read(path: Path) -> Table:
    """The rows of the file, the first of each set of equal ones.

    Raises:
        DataError: the file is missing or holds another table.
    """
    contract = Contract(target=TARGET, features=FEATURES)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        x = np.array([[one.code(row[one.name] if one.values else float(row[one.name])) for one in FEATURES] for row in rows])
        y = np.array([TARGET.classes.index(row[TARGET.name]) for row in rows], dtype=np.float64)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} cannot be read: {error!r}. Give the path of the CSV file of UCI 544.") from error
    whole = Table(contract, x, y)
    _, first = np.unique(groups(whole), return_index=True)
    return whole.take(np.sort(first))


def as_coded(data: Table, way: Way, derived: bool) -> Table:
    """The table under the contract of a way, with the BMI or without."""
    features = tuple(replace(one, ordered=one.ordered and way.ordered) for one in FEATURES)
    return Table(Contract(target=TARGET, features=features, derived=(BMI,) if derived else ()), data.x, data.y)


def calibrated(data: Table, validated: tuple[Validated, ...], folds: Folds) -> tuple[Validated, ...]:
    """The answers to a fold with the temperature of the other folds of its repeat."""
    repeats = out_of_fold(validated, len(folds))
    return cross_fitted(data.y, repeats, folds, lambda actual, answer: Decision(fit_temperature(actual, answer)))


def lines(data: Table, folds: Folds) -> Iterator[str]:
    """A line for each way, recipe, and with or without the BMI."""
    yield line("encoding", "BMI", "recipe", "accuracy", "log loss", "calibrated", "ECE", "cal.", "CPU s")
    for derived in (False, True):
        for name, recipe in RECIPES.items():
            for way in WAYS:
                yield one(as_coded(data, way, derived), way, name, recipe, folds)


def one(data: Table, way: Way, name: str, recipe: Recipe, folds: Folds) -> str:
    """Accuracy, log loss and expected calibration error over the folds, as the trees say and with a temperature."""
    prepare = PrepareParams.model_validate(
        {"seed": SEED, "test_size": 0.2, "imputation": "native", "scaling": "none", "encoding": way.encoding}
    )
    start = time.process_time()
    plain = cross_validate(data, folds, prepare, recipe, SEED)
    took = time.process_time() - start
    warm = calibrated(data, plain, folds)
    scores, after = (summary(measured(data, answers)) for answers in (plain, warm))
    errors = [
        np.mean([calibration_error(data.y, answer) for answer in out_of_fold(answers, len(folds))]) for answers in (plain, warm)
    ]
    accuracy = f"{100 * scores['accuracy']['mean']:.2f} ± {100 * scores['accuracy']['sd']:.2f} %"
    losses = [f"{found['log_loss']['mean']:.4f}" for found in (scores, after)]
    bmi = "yes" if data.contract.derived else "no"
    return line(way.name, bmi, name, accuracy, *losses, *(f"{error:.4f}" for error in errors), f"{took:.0f}")


def line(first: str, *others: str) -> str:
    """Cells in columns."""
    return first.ljust(WIDTHS[0]) + "".join(cell.rjust(width) for cell, width in zip(others, WIDTHS[1:], strict=True))


def main() -> int:
    """Read the arguments; faults of the input are one message and exit code 1."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, metavar="PATH", help="ObesityDataSet_raw_and_data_sinthetic.csv")
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1, help="of the folds")
    args = parser.parse_args()
    try:
        data = read(args.path)
        folds = repeated_folds(data, args.folds, args.repeats, args.seed)
    except HearthError as error:
        sys.stderr.write(f"encoding: {error}\n")
        return error.exit_code
    print(f"{len(data)} rows, {args.folds} folds, {args.repeats} repeats; mean ± sd of the folds")
    for text in lines(data, folds):
        print(text, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
