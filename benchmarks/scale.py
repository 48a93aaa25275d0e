"""A large table through the stages and ``hearth predict``, each a process of its own whose time and memory are measured.

``python benchmarks/scale.py`` takes some minutes; ``--rows 20000`` is a smoke test. Exit code 1 where a process takes more
than 4 GiB. The last line compares ``hearth predict`` on ten times the rows, from and to Parquet and start-up included, with
a bare ``inplace_predict`` on an array that is in memory already; the two take turns.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import yaml

from hearth.bundle import Bundle, Conformal, Predictor, native, write
from hearth.bundle.intervals import scores
from hearth.params import load
from hearth.training import table
from hearth.training.fitting import Recipe, fit, fit_transform

LIMIT = 4 << 30  # bytes that a process may take
ROOT = Path(__file__).parents[1]
NAMES = tuple(f"x{i}" for i in range(12))  # the target is the thirteenth column
PORTION = 1_000_000  # rows made at once
RECIPE = Recipe(rounds=300, params={"max_depth": 5, "learning_rate": 0.05, "max_bin": 64})


@dataclass(frozen=True, slots=True)
class Spent:
    """What a process took: seconds by the clock and of processors, bytes of memory at its peak; and what it printed."""

    wall: float
    processors: float
    peak: int
    said: str


def run(name: str, *command: str | Path, most: int = LIMIT) -> Spent:
    """Run a command to its end, and say what it took, and whether that is more than ``most`` bytes.

    Raises:
        SystemExit: it failed.
    """
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True)
    said = process.stdout.read() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{name} failed with exit code {process.returncode}")
    spent = Spent(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss << 10, said)
    verdict = "" if spent.peak <= most else f"  MORE THAN {most >> 30} GiB"
    print(f"{name:32} {spent.wall:7.1f} s {spent.processors:7.1f} CPU s {spent.peak / 2**20:7.0f} MiB{verdict}", flush=True)
    return spent


def portion(rows: int, seed: int) -> pa.Table:
    """Seeded rows: twelve numbers, a hundredth of them missing, and a target that depends on some."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 100, (rows, len(NAMES)))
    y = x[:, 0] + np.sqrt(x[:, 1]) * 5 + x[:, 2] * x[:, 3] / 100 + rng.normal(0, 5, rows)
    gaps = rng.random(x.shape) < 0.01
    columns = {name: pa.array(x[:, i], mask=gaps[:, i]) for i, name in enumerate(NAMES)}
    return pa.table({**columns, "y": pa.array(y)})


def make_csv(path: Path, rows: int) -> None:
    """The table that is trained on."""
    pyarrow.csv.write_csv(portion(rows, 0), path)


def make_parquet(path: Path, rows: int) -> None:
    """The table that is scored, without its target, a portion at a time."""
    with pq.ParquetWriter(path, portion(1, 0).drop(["y"]).schema) as writer:
        for seed, start in enumerate(range(0, rows, PORTION), 1):
            writer.write_table(portion(min(PORTION, rows - start), seed).drop(["y"]))


def settings(folder: Path) -> Path:
    """The repository's settings over the synthetic table."""
    raw = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    raw["data"] |= {"source": "csv", "csv": {"path": str(folder / "table.csv")}, "target": "y", "task": "regression"}
    raw["features"] = {name: {"type": "number", "min": 0, "max": 100, "required": False} for name in NAMES}
    (folder / "params.yaml").write_text(yaml.safe_dump(raw, sort_keys=False), encoding="utf-8")
    return folder / "params.yaml"


def fit_once(folder: Path) -> None:
    """Fit one recipe to the prepared rows and write a bundle. A process of its own."""
    prepare = load(folder / "params.yaml").prepare
    data = table.read(folder / "prepared" / "train.parquet", table.read_contract(folder / "prepared"))
    model = fit(data, RECIPE, fit_transform(data.contract, data.x, prepare), prepare, seed=0)
    some = data.x[:2000]
    said = model.scores(some, data.contract)
    bundle = Bundle(
        contract=data.contract,
        model=bytes(model.booster.save_raw("ubj")),
        transform=model.transform,
        conformal=Conformal.fit(scores(data.y[:2000], said), 0.9),
        metadata={"task": "regression"},
        probe_rows=some[:8],
        probe_scores=said[:8],
        reference_rows=some,
        reference_scores=said,
    )
    write(bundle, folder / "bundle")


def bare(folder: Path) -> None:
    """Print the seconds of one prediction of all rows, from an array in memory. A process of its own."""
    predictor = Predictor.load(folder / "bundle")
    rows = pq.read_table(folder / "large.parquet")
    x = np.column_stack([rows[name].to_numpy() for name in NAMES])
    booster = predictor._booster  # the bare booster is the point
    start = time.perf_counter()
    native.predict(booster, x, margin=False)
    print(time.perf_counter() - start)


def train(folder: Path, rows: int) -> list[Spent]:
    """The stages on ``rows`` rows, one fit, and a prediction of the same table as CSV."""
    make_csv(folder / "table.csv", rows)
    stage = ("-m", "hearth.stages")
    given = ("--params", settings(folder))
    feedback = ("--feedback", folder / "feedback.csv")  # none has come
    raw, prepared = folder / "raw", folder / "prepared"
    return [
        run("ingest", *stage, "ingest", *given, *feedback, "--out", raw, "--report", folder / "data.json"),
        run("prepare", *stage, "prepare", *given, "--raw", raw, "--out", prepared),
        run("fit", __file__, "--fit", folder),
        run("predict, CSV to CSV", *predict(folder, "table.csv", "scored.csv")),
    ]


def predict(folder: Path, source: str, target: str) -> Sequence[str | Path]:
    """The command."""
    return ("-m", "hearth.cli", "predict", folder / source, folder / target, "--bundle", folder / "bundle")


def compare(folder: Path, rows: int, turns: int) -> list[Spent]:
    """``hearth predict`` and the bare booster in turn, on ``rows`` rows."""
    make_parquet(folder / "large.parquet", rows)
    ours, theirs = [], []
    for _ in range(turns):
        theirs.append(float(run("bare inplace_predict", __file__, "--bare", folder).said))
        ours.append(run("predict, Parquet to Parquet", *predict(folder, "large.parquet", "large-scored.parquet")))
    quick, slow = (statistics.median(rows / each for each in seconds) for seconds in (theirs, [one.wall for one in ours]))
    print(f"{rows} rows: {slow:,.0f} rows/s against {quick:,.0f} rows/s bare, ratio {slow / quick:.2f}")
    return ours


def main() -> None:
    """Measure everything in a folder that vanishes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--rows", type=int, default=1_000_000, help="of the table that is trained on; ten times as many are scored"
    )
    parser.add_argument("--turns", type=int, default=3, help="of the comparison")
    for name in ("--fit", "--bare"):
        parser.add_argument(name, type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.fit or args.bare:
        return fit_once(args.fit) if args.fit else bare(args.bare)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        everything = [*train(folder, args.rows), *compare(folder, 10 * args.rows, args.turns)]
    sys.exit(any(one.peak > LIMIT for one in everything))


if __name__ == "__main__":
    main()
