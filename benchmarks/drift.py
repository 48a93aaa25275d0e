"""False alarms and power of drift detection: ours and others on the same draws, looked at once and every minute.

A window's rows come in an hour. Looked at once, a rule sees the first window; looked at every minute, it also sees the newest
rows of each minute of the hour after, and one alarm is an alarm. Ours judges a window once, so the verdict of its first look
stands for that hour. A line has the share of draws with an alarm, in per cent; with no shift that is the rate of false alarms.

The second table is of the table that params.yaml names (`make repro` first); `--calibrate` shows what the two distances of
`hearth.bundle.twosample` are worth together.
"""

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from benchmarks.detect.rules import RULES, Vector, Watched, ours
from benchmarks.detect.worlds import KINDS, Kind, MadeUp, Real, World

from hearth.bundle import twosample
from hearth.training import table

ROWS = (30, 50, 100, 500)
SHIFTS = (0.0, 0.25, 0.5, 1.0)
LOOKS = 60  # minutes in the hour in which a window's rows come
REAL_ROWS = (50, 100)


@dataclass(frozen=True, slots=True)
class Plan:
    """Draws of a cell without and with a shift, and those of them that are also looked at every minute."""

    clean: int
    shifted: int
    often: int

    def __str__(self) -> str:
        errors = (_error(0.05, self.clean), _error(0.5, self.shifted), _error(0.5, self.often))
        return (
            f"{self.clean} draws of each clean cell, {self.shifted} of each shifted one, {self.often} of them looked at every\n"
            f"minute too; standard errors: {errors[0]} points at 5 %, {errors[1]} at 50 %, {errors[2]} at 50 % every minute."
        )


def alarms(world: World, rows: int, shift: float, draws: int, often: int = 0) -> Vector:
    """Alarms in per cent, of ours and of the other rules looked at once; below, of the other rules looked at every minute."""
    mine = 0
    once, every = np.zeros((draws, len(RULES))), np.zeros((often, len(RULES)))
    for seed in range(draws):
        draw = world.draw(np.random.default_rng([seed, rows]), rows, shift)
        mine += bool(ours(world.contract, draw, rows))
        watched = Watched(world.contract, draw)
        once[seed] = watched.alarms(0, rows)
        if seed < often:
            firsts = sorted({round(look * rows / LOOKS) for look in range(LOOKS)})
            every[seed] = np.any([watched.alarms(first, rows) for first in firsts], axis=0)
    shares = [once.mean(axis=0), every.mean(axis=0) if often else np.full(len(RULES), np.nan)]
    return 100 * np.column_stack([[mine / draws, mine / draws], shares])


def made_up(kinds: Sequence[Kind], columns: Sequence[int], sizes: Sequence[int], plan: Plan) -> None:
    """Print the table of made-up columns."""
    print(f"{plan}\nAlarms in per cent, looked at once / every minute for an hour\n")
    _row(["columns", "of", "rows", "shift", "ours", *RULES], head=True)
    for kind, count in product(kinds, columns):
        world = MadeUp(kind, count)
        for rows, shift in product(sizes, SHIFTS):
            once, every = alarms(world, rows, shift, plan.shifted if shift else plan.clean, plan.often)
            pairs = [f"{one:.1f} / {often:.0f}" for one, often in zip(once[1:], every[1:], strict=True)]
            _row([f"{count}", kind, f"{rows}", f"{shift:g}", f"{once[0]:.1f}", *pairs])


def real(path: Path, draws: int) -> None:
    """Print the table of a real one: clean windows, and each column in turn moved by half a standard deviation and by one."""
    data = table.read(path / "table.parquet", table.read_contract(path))
    columns = data.x.shape[1] + 1
    print(
        f"\n{path}: {len(data)} rows, {columns} columns; {draws} clean windows, {draws // 5} in which a column moved, for each."
    )
    print("Alarms in per cent; of moved columns the mean over all columns / that of the column hardest to see\n")
    _row(["rows", "window", "ours", *RULES], head=True)
    for rows in REAL_ROWS:
        _row([f"{rows}", "clean", *(f"{one:.1f}" for one in alarms(Real(data, 0), rows, 0.0, draws)[0])])
        for shift in SHIFTS[2:]:
            each = np.array([alarms(Real(data, column), rows, shift, draws // 5)[0] for column in range(columns)])
            pairs = zip(each.mean(axis=0), each.min(axis=0), strict=True)
            _row([f"{rows}", f"{shift:g} sd", *(f"{mean:.1f} / {least:.1f}" for mean, least in pairs)])


def calibrate(draws: int) -> None:
    """Print how often the smaller of the two p-values is below alpha / 1.5, as a multiple of alpha: 1 at most is right."""
    levels = (0.05, 0.01, 0.0036, 0.0005)
    _row(["reference", "rows", *(f"alpha {alpha:g}" for alpha in levels)], head=True)
    for reference, rows in ((404, 30), (404, 50), (404, 100), (404, 500), (2000, 200)):
        rng, total = np.random.default_rng(rows), reference + rows
        sizes = np.ones(total, dtype=np.int64)
        found = []
        for _ in range(math.ceil(draws / 1000)):
            chosen = np.argpartition(rng.random((1000, total)), rows, axis=1)[:, :rows]
            counts = np.zeros((1000, total), dtype=np.int64)
            np.put_along_axis(counts, chosen, 1, axis=1)
            found.append(twosample.smaller(sizes, counts))
        p_values = np.concatenate(found)
        ratios = (f"{(p_values <= alpha / twosample.SHARED).mean() / alpha:.2f}" for alpha in levels)
        _row([f"{reference}", f"{rows}", *ratios])


def _row(cells: Sequence[str], *, head: bool = False) -> None:
    print(f"| {' | '.join(cells)} |" + (f"\n|{'---|' * len(cells)}" if head else ""), flush=True)


def _error(share: float, draws: int) -> str:
    return f"{100 * math.sqrt(share * (1 - share) / draws):.1f}"


def main() -> None:
    """Read the arguments and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clean", type=int, default=1000, help="draws of a cell without a shift")
    parser.add_argument("--shifted", type=int, default=400, help="draws of a cell with one")
    parser.add_argument("--often", type=int, default=50, help="of them, how many are looked at every minute too")
    parser.add_argument("--of", nargs="+", choices=KINDS, default=KINDS, help="made-up columns of these alone")
    parser.add_argument("--columns", nargs="*", type=int, default=(13, 100), help="so many; none leaves the real table")
    parser.add_argument("--rows", nargs="+", type=int, default=ROWS, help="windows of so many")
    parser.add_argument("--raw", type=Path, default=Path("data/raw"), help="a real table, as `ingest` writes it")
    parser.add_argument("--quick", action="store_true", help="13 columns, 50 rows, few draws: a minute")
    parser.add_argument("--calibrate", action="store_true", help="what two distances are worth together, and nothing else")
    args = parser.parse_args()
    if args.calibrate:
        calibrate(100_000)
    elif args.quick:
        made_up(KINDS, (13,), (50,), Plan(100, 50, 20))
        real(args.raw, 100)
    else:
        if args.columns:
            made_up(args.of, args.columns, args.rows, Plan(args.clean, args.shifted, args.often))
        if tuple(args.of) == KINDS and tuple(args.rows) == ROWS:
            real(args.raw, args.clean)


if __name__ == "__main__":
    main()
