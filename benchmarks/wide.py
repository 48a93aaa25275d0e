"""A million rows of fifty columns, ten of them categories, beside a plain script of pandas, scikit-learn and XGBoost.

``python benchmarks/wide.py`` takes some minutes; ``--rows 20000`` is a smoke test. Both sides read the CSV file, keep a fifth
of the rows for a test, encode the categories one-hot, cross-validate one recipe three times on two folds (to search, to score,
to calibrate), fit it to all training rows and measure it on the test rows: seven fits each. Ours also guesses and checks the
contract, writes every step and ends with a bundle. Exit code 1 where a process of ours takes more than 8 GiB.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import xgboost as xgb
from benchmarks.anytable.way import configure
from benchmarks.scale import Spent, run
from sklearn.model_selection import RepeatedKFold, train_test_split

from hearth import params
from hearth.bundle import Predictor, write
from hearth.project.layout import guessed_project
from hearth.project.table import guess
from hearth.training import experiment, folds, table
from hearth.training.assemble import assemble
from hearth.training.fitting import fit_transform

LIMIT = 8 << 30  # bytes that a process may take
NUMBERS, CATEGORIES, LEVELS = 40, 10, 10
RECIPE: Mapping[str, float] = {"max_depth": 5, "learning_rate": 0.1, "max_bin": 64}
ROUNDS, FOLDS, REPEATS, TEST = 100, 2, 3, 0.2
SETTINGS: Mapping[str, Mapping[str, object]] = {
    "tuning": {
        "candidates": 1,
        "rounds_per_draw": 1,
        "folds": FOLDS,
        "repeats": 1,  # scored, and calibrated on; one more is searched on
        "space": {
            "rounds": {"low": ROUNDS, "high": ROUNDS, "integer": True},
            "max_depth": {"low": 5, "high": 5, "integer": True},
            "learning_rate": {"low": 0.1, "high": 0.1},
        },
    },
}


def make(path: Path, rows: int) -> None:
    """Seeded rows: a hundredth of the numbers missing, and a target that depends on some numbers and categories."""
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 100, (rows, NUMBERS))
    codes = rng.integers(0, LEVELS, (rows, CATEGORIES))
    y = x[:, 0] + np.sqrt(x[:, 1]) * 5 + x[:, 2] * x[:, 3] / 100 + 3 * codes[:, 0] * (codes[:, 1] > 4) + rng.normal(0, 5, rows)
    gaps = rng.random(x.shape) < 0.01
    levels = pa.array([f"level {i}" for i in range(LEVELS)])
    columns = {f"x{i}": pa.array(x[:, i].round(4), mask=gaps[:, i]) for i in range(NUMBERS)}
    columns |= {f"k{i}": levels.take(pa.array(codes[:, i])) for i in range(CATEGORIES)}
    pyarrow.csv.write_csv(pa.table({**columns, "y": pa.array(y.round(4))}), path)


def plain(path: Path) -> None:
    """The same work as people write it in one script; prints the test RMSE."""
    frame = pd.read_csv(path)
    x, y = pd.get_dummies(frame.drop(columns="y")), frame["y"]
    kept, tested, y_kept, y_tested = train_test_split(x, y, test_size=TEST, random_state=42)
    model = xgb.XGBRegressor(n_estimators=ROUNDS, tree_method="hist", n_jobs=-1, **RECIPE)
    for rows, valid in RepeatedKFold(n_splits=FOLDS, n_repeats=REPEATS, random_state=42).split(kept):
        model.fit(kept.iloc[rows], y_kept.iloc[rows])
        np.sqrt(np.mean((y_kept.iloc[valid] - model.predict(kept.iloc[valid])) ** 2))
    model.fit(kept, y_kept)
    model.save_model(path.with_suffix(".ubj"))
    print(np.sqrt(np.mean((y_tested - model.predict(tested)) ** 2)))


def describe(folder: Path) -> None:
    """Guess the contract, as ``hearth init`` does, and write the settings."""
    guessed = guess(folder / "table.csv", "y")
    (folder / "params.yaml").write_text(guessed_project("wide", guessed).params, encoding="utf-8")
    csv = {"source": "csv", "csv": {"path": str(folder / "table.csv")}}
    configure(folder, {**SETTINGS, "data": csv})


def export(folder: Path) -> None:
    """Fit the recipe that was found to all training rows and write the bundle; prints the test RMSE."""
    settings = params.load(folder / "params.yaml")
    data, assigned = folds.training_rows(folder / "prepared")
    chosen = experiment.read(folder / "tune_full")
    transform = fit_transform(data.contract, data.seen, settings.prepare)
    bundle = assemble(chosen, data, assigned, transform, settings, {})
    write(bundle, folder / "bundle")
    test = table.read(folder / "prepared/test.parquet", data.contract)
    print(np.sqrt(np.mean((test.y - Predictor(bundle).predict(test.x).value) ** 2)))


def ours(folder: Path) -> list[Spent]:
    """The stages, each a process of its own."""
    stage, given = ("-m", "hearth.stages"), ("--params", folder / "params.yaml")
    raw, prepared = folder / "raw", folder / "prepared"
    feedback = ("--feedback", folder / "feedback.csv")  # none has come
    return [
        run("init", __file__, "--describe", folder, most=LIMIT),
        run("ingest", *stage, "ingest", *given, *feedback, "--out", raw, "--report", folder / "data.json", most=LIMIT),
        run("prepare", *stage, "prepare", *given, "--raw", raw, "--out", prepared, most=LIMIT),
        run("tune_full", *stage, "tune_full", *given, "--prepared", prepared, "--out", folder / "tune_full", most=LIMIT),
        run("fit and export", __file__, "--export", folder, most=LIMIT),
    ]


def main() -> None:
    """Measure both sides in a folder that vanishes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    for name in ("--describe", "--export", "--plain"):
        parser.add_argument(name, type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    for place, part in ((args.describe, describe), (args.export, export), (args.plain, plain)):
        if place:
            return part(place)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder / "table.csv", args.rows)
        theirs = run("plain script", __file__, "--plain", folder / "table.csv", most=LIMIT)
        spent = ours(folder)
    wall, processors = (sum(getattr(one, key) for one in spent) for key in ("wall", "processors"))
    print(f"test RMSE: ours {float(spent[-1].said):.3f}, plain {float(theirs.said):.3f}")
    print(f"ours {wall:.0f} s ({processors:.0f} CPU s), plain {theirs.wall:.0f} s ({theirs.processors:.0f} CPU s)")
    print(f"ratio {wall / theirs.wall:.2f} by the clock, {processors / theirs.processors:.2f} of processors")
    sys.exit(any(one.peak > LIMIT for one in spent))


if __name__ == "__main__":
    main()
