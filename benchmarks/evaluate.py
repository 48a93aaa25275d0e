"""Error rates of `hearth evaluate`: alarms without a loss, losses that are seen, keys that lie found, honest ones accused.

Every world is simulated, so the truth is known; nothing of a build is needed.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
from benchmarks.rig.worlds import HALF_WIDTH, LIAR, LIES, labelled, poisoned, truths, world
from numpy.typing import NDArray

from hearth.bundle.intervals import Conformal
from hearth.monitoring.performance import Baseline, Rule, against, judged
from hearth.monitoring.trust import suspects
from hearth.monitoring.truths import Truths
from hearth.training.comparison import bootstrap

Draw = Callable[[np.random.Generator, int], NDArray[np.float64]]
CONFORMAL = Conformal(0.9, HALF_WIDTH, 1_000)
TABLE, FOLDS, REPEATS, RESAMPLES = 506, 5, 5, 200
ERRORS: Mapping[str, Draw] = {
    "normal": lambda rng, rows: rng.normal(size=rows),
    "heavy tails (t, 4)": lambda rng, rows: rng.standard_t(4, rows),
    "uneven (log-normal scale)": lambda rng, rows: rng.normal(size=rows) * np.exp(0.7 * rng.normal(size=rows)),
}
SCALES, TRUTHS = (1.0, 1.1, 1.25, 1.5, 2.0), (50, 200, 500)
WORLDS, ROWS, SHARES = ("quiet", "drift", "regions", "shifts"), (300, 1_000, 5_000), (0.01, 0.1)


def baseline(rng: np.random.Generator, draw: Draw) -> Baseline:
    """What a repeated cross-validation over a table of ``TABLE`` rows would put into the bundle."""
    errors = draw(rng, TABLE)
    parts = [part for _ in range(REPEATS) for part in np.array_split(rng.permutation(errors), FOLDS)]
    folds = np.array([np.sqrt(np.mean(part**2)) for part in parts])
    return Baseline.of("regression", {"metrics": {"cv": {"rmse": {"mean": folds.mean(), "sd": folds.std(ddof=1)}}}})


def alarms(runs: int) -> None:
    """How often the verdict is degraded, by how much the error truly grew; beside it the point estimate alone."""
    print(f"\nDegraded, of {runs} runs each; in brackets with 'more than 10 % above the mean of the folds' alone\n")
    header("errors | truths", [f"x {scale:g}" for scale in SCALES])
    for name, draw in ERRORS.items():
        for rows in TRUTHS:
            rng = np.random.default_rng(0)
            found = np.zeros((len(SCALES), 2))
            for _ in range(runs):
                base, errors = baseline(rng, draw), draw(rng, rows)
                for i, scale in enumerate(SCALES):
                    error = bootstrap("regression", scale * errors, np.zeros(rows), RESAMPLES, 0.95, 0)["rmse"]
                    mean = base.metrics["rmse"]["mean"]
                    found[i] += judged(rows, against(error, base), Rule()) == "degraded", error.value > 1.1 * mean
            cells = [f"{100 * ours / runs:.0f} % ({100 * naive / runs:.0f} %)" for ours, naive in found]
            print(f"| {name} | {rows} | " + " | ".join(cells) + " |", flush=True)


def accusations(runs: int) -> None:
    """How often any of ten honest keys is accused."""
    print(f"\nAny honest key accused, of {runs} runs each, nobody lies\n")
    header("world", [f"{rows} truths" for rows in ROWS])
    for kind in WORLDS:
        cells = [found(runs, partial(honest, rows=rows, kind=kind))[1] for rows in ROWS]
        print(f"| {kind} | " + " | ".join(f"{100 * cell:.1f} %" for cell in cells) + " |", flush=True)


def poison(runs: int) -> None:
    """How often a key that lies is found, in a world that drifts; and how often an honest one is accused beside it."""
    cases = [(rows, share, own) for rows in ROWS for share in SHARES for own in (0.0, share)]
    print(f"\nThe key that lies found (an honest key accused beside it), of {runs} runs each, in the world that drifts\n")
    header("lie", [f"{rows} truths, {share:.0%} lies{', as many honest' if own else ''}" for rows, share, own in cases])
    for lie in LIES:
        lying(lie, [found(runs, partial(drifting, rows=rows, lie=lie, share=share, own=own)) for rows, share, own in cases])
    lying(
        "random labels of three",
        [found(runs, partial(labelled, rows=rows, share=share, own=own)) for rows, share, own in cases],
    )


def drifting(rng: np.random.Generator, rows: int, lie: str, share: float, own: float) -> Truths:
    """A world that drifts, with a key that lies."""
    return poisoned(rng, world(rng, rows, "drift"), lie, share, own)


def honest(rng: np.random.Generator, rows: int, kind: str) -> Truths:
    """A world in which nobody lies."""
    of = world(rng, rows, kind)
    return truths(of, of.actual, np.array([f"key {key}" for key in of.keys]))


def found(runs: int, draw: Callable[[np.random.Generator], Truths]) -> tuple[float, float]:
    """The shares of the runs in which the liar is found, and in which another key is accused."""
    rng, counts = np.random.default_rng(1), np.zeros(2)
    for _ in range(runs):
        keys = {one.key for one in suspects(draw(rng), CONFORMAL)}
        counts += LIAR in keys, bool(keys - {LIAR})
    liar, others = (counts / runs).tolist()
    return liar, others


def header(first: str, columns: Sequence[str]) -> None:
    """The head of a table."""
    print(f"| {first} | " + " | ".join(columns) + " |")
    print("|" + " --- |" * (len(columns) + 1 + first.count("|")))


def lying(name: str, cells: Sequence[tuple[float, float]]) -> None:
    """A line of the table of lies."""
    print(
        f"| {name} | " + " | ".join(f"{100 * liar:.0f} % ({100 * others:.0f} %)" for liar, others in cells) + " |", flush=True
    )


PARTS: Mapping[str, Callable[[int], None]] = {"alarms": alarms, "accusations": accusations, "poison": poison}


def main() -> None:
    """Read the arguments, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200, help="simulated runs behind each figure")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    args = parser.parse_args()
    for part in args.parts:
        PARTS[part](args.runs)


if __name__ == "__main__":
    main()
