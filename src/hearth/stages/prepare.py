"""Split the table, make the folds, fit imputation and scaling to the training rows."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hearth import params
from hearth.artifacts import replacing, to_json
from hearth.bundle.transform import Transform
from hearth.params import Params
from hearth.training import folds, table
from hearth.training.fitting import fit_transform, fittable
from hearth.training.folds import Folds
from hearth.training.split import holdout, repeated_folds
from hearth.training.table import Rows, Table


def plan(data: Table, settings: Params, appended: int = 0) -> tuple[Rows, Rows, Folds, Transform]:
    """Training rows, test rows, the folds of the training rows (the first repeat is for searches), the fitted transform.

    The last ``appended`` rows are split apart from the others, as ``holdout`` says.
    """
    prepare, tuning = settings.prepare, settings.tuning
    train, test = holdout(data, prepare.test_size, prepare.seed, appended)
    kept = data.take(train)
    assigned = repeated_folds(kept, tuning.folds, 1 + tuning.repeats, prepare.seed)
    return train, test, assigned, fit_transform(data.contract, fittable(kept, prepare).seen, prepare)


def main(argv: Sequence[str]) -> None:
    """Read ``--raw``, write train.parquet, test.parquet, folds.npy, transform.json and the contract to ``--out``."""
    parser = argparse.ArgumentParser(prog="prepare")
    for name in ("--params", "--raw", "--out"):
        parser.add_argument(name, type=Path, required=True)
    args = parser.parse_args(argv)
    settings = params.load(args.params)
    contract = table.read_contract(args.raw)
    settings.check(contract.target)
    rows = table.read_arrow(args.raw / "table.parquet")
    train, test, assigned, transform = plan(table.code(rows, contract), settings, table.appended(rows))
    rows = rows.replace_schema_metadata(None)  # the number of rows that joined is that of the whole table
    with replacing(args.out) as folder:
        pq.write_table(rows.take(pa.array(train)), folder / "train.parquet")
        pq.write_table(rows.take(pa.array(test)), folder / "test.parquet")
        folds.save(np.ascontiguousarray(assigned), folder / "folds.npy")
        texts = {"transform.json": transform.to_dict(), "contract.json": contract.to_dict()}
        for name, value in texts.items():
            (folder / name).write_text(to_json(value), encoding="utf-8", newline="\n")
