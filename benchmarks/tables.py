"""Tables that nobody described, each from a CSV file to a served, explained, watched prediction.

``python benchmarks/tables.py`` takes the five tables that scikit-learn carries through ``hearth init``, the pipeline and the
service: a line a table with the winner's score beside that of the baselines, how often intervals or label sets held the truth
beside what the bundle states, and seconds. ``--candidates 6`` searches less than a project does by default. ``--hostile N``
takes N files that programs stumble over instead: each is served in the end, or refused in words that a person can act on.
It runs in the environment of ``make test``.
"""

import argparse
import csv
import json
import re
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from benchmarks.anytable.hostile import Hostile, files
from benchmarks.anytable.trial import tried
from benchmarks.anytable.way import BUNDLE, WayError, asked, built, configure, hearth
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from sklearn import datasets

from hearth import params
from hearth.bundle import Conformal, Predictor
from hearth.bundle.intervals import scores
from hearth.training import experiment, table
from hearth.training.fitting import Recipe
from hearth.training.split import repeated_folds
from hearth.training.validation import cross_validate, out_of_fold

TABLES = ("diabetes", "breast_cancer", "wine", "iris", "digits")
TARGET = "target"
PHASES = (Phase.explicit, Phase.generate, Phase.shrink)


@dataclass(frozen=True, slots=True)
class Line:
    """What a table came to; scores are means over the repeated cross-validation of all rows, lower is better."""

    name: str
    shape: str
    metric: str
    ours: float
    mean: float
    rival: str
    best: float
    alone: float
    stated: float
    held: float
    size: float
    drifted: str
    gap: float
    seconds: tuple[float, float, float]


def write(name: str, path: Path) -> None:
    """One of scikit-learn's tables as a CSV file; classes by their names, or their numbers where they have none."""
    data = getattr(datasets, f"load_{name}")()
    names = [*data.get("feature_names", (f"x{i}" for i in range(data.data.shape[1]))), TARGET]
    labels = data.get("target_names")
    target = data.target if labels is None or name == "digits" else np.asarray(labels)[data.target]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows([*row, goal] for row, goal in zip(data.data.tolist(), target.tolist(), strict=True))


def walked(name: str, place: Path, changes: Mapping[str, Mapping[str, object]]) -> Line:
    """Take a table all the way.

    Raises:
        WayError: it does not get there.
    """
    source, folder = place / f"{name}.csv", place / name
    write(name, source)
    start = time.perf_counter()
    done = hearth("init", str(source), "--target", TARGET, "--out", str(folder))
    if done.code:
        raise WayError(f"{name}: init ended with {done.code}: {done.err}")
    configure(folder, changes)
    made = time.perf_counter()
    done = built(folder)
    if done.code:
        raise WayError(f"{name}: {done.err}")
    ready = time.perf_counter()
    answers = asked(folder)
    over = time.perf_counter()
    return _line(name, folder, ", ".join(answers.drifted) or "none", answers.gap, (made - start, ready - made, over - ready))


def _line(name: str, folder: Path, drifted: str, gap: float, seconds: tuple[float, float, float]) -> Line:
    found = json.loads((folder / "reports/metrics.json").read_text(encoding="utf-8"))
    data = json.loads((folder / "reports/data.json").read_text(encoding="utf-8"))
    metric = "rmse" if "rmse" in found["cv"] else "log_loss"
    baselines = {key: found[key]["cv"][metric]["mean"] for key in ("mean", "ridge", "random_forest", "gradient_boosting")}
    rival = min(baselines, key=lambda key: baselines[key])
    return Line(
        name=name,
        shape=f"{data['rows']} x {data['columns'] - 1}",
        metric=metric,
        ours=found["cv"][metric]["mean"],
        mean=baselines["mean"],
        rival=rival,
        best=baselines[rival],
        alone=quantile_alone(folder, experiment.read(folder / "models/experiments" / found["winner"]).recipe),
        stated=Predictor.load(folder / BUNDLE, threads=1).bundle.conformal.coverage,
        held=found["interval"]["coverage"],
        size=found["interval"]["mean_width"],
        drifted=drifted,
        gap=gap,
        seconds=seconds,
    )


def quantile_alone(folder: Path, recipe: Recipe) -> float:
    """How often the conformal quantile alone holds the truth, the best label not added: cross-conformal, one repeat."""
    settings = params.load(folder / "params.yaml")
    data = table.read(folder / "data/raw/table.parquet", table.read_contract(folder / "data/raw"))
    folds = repeated_folds(data, settings.evaluate.folds, 1, settings.evaluate.seed)
    answers = out_of_fold(cross_validate(data, folds, settings.prepare, recipe, settings.tuning.seed), 1)[0]
    score, coverage = scores(data.y, answers), settings.export.coverage
    held = np.zeros(len(data), dtype=bool)
    for fold in range(settings.evaluate.folds):
        rows = folds[0] == fold
        held[rows] = score[rows] <= Conformal.fit(score[~rows], coverage).quantile
    return float(held.mean())


HEAD = (
    "| table | rows x columns | metric | Hearth | mean | best baseline | quantile alone (%) | stated (%) | held (%) "
    "| mean size | drifted | s: init, build, ask |"
)


def shown(one: Line) -> str:
    """A line of the table in Markdown."""
    seconds = ", ".join(f"{each:.1f}" for each in one.seconds)
    alone, stated, held = (f"{100 * each:.1f}" for each in (one.alone, one.stated, one.held))
    return (
        f"| {one.name} | {one.shape} | {one.metric} | {one.ours:.4g} | {one.mean:.4g} | {one.best:.4g} {one.rival} "
        f"| {alone} | {stated} | {held} | {one.size:.3g} | {one.drifted} | {seconds} |"
    )


def five(changes: Mapping[str, Mapping[str, object]], names: list[str]) -> None:
    """Print the line of each table, and the mean coverage."""
    print(HEAD)
    print("|" + " --- |" * (HEAD.count("|") - 1))
    lines = []
    with tempfile.TemporaryDirectory() as place:
        for name in names:
            lines.append(walked(name, Path(place), changes))
            print(shown(lines[-1]), flush=True)
    keys = ("alone", "stated", "held")
    alone, stated, held = (100 * float(np.mean([getattr(one, key) for one in lines])) for key in keys)
    print(f"\nmean over {len(lines)} tables: quantile alone {alone:.1f} %, stated {stated:.1f} %, held {held:.1f} %")
    print(f"largest gap between an explanation and its prediction: {max(one.gap for one in lines):.1e}")


def hostile(examples: int, seed: int) -> None:
    """Walk files that hypothesis draws, a tenth of them with what a model needs; print what became of them.

    The smallest file that ends otherwise than it should is shown by hypothesis.
    """
    outcomes: Counter[str] = Counter()
    refusals: Counter[str] = Counter()
    for sound, count in ((False, examples - examples // 10), (True, examples // 10)):

        @seeded(seed)
        @settings(max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck), phases=PHASES)
        @given(files(sound=sound))
        def walk(file: Hostile) -> None:
            outcome, message = tried(file, whole=True, without=())
            outcomes[outcome] += 1
            if message:
                refusals[re.sub(r"'.*'|[\d.]+", "...", message.splitlines()[0])[:100]] += 1

        if count:
            walk()
    print(f"{sum(outcomes.values())} files: {outcomes['served']} served, {outcomes['refused']} refused")
    for message, count in refusals.most_common():
        print(f"{count:>6}  {message}")


def main() -> None:
    """Walk the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, help="of each search; else as many as a project tries by default")
    parser.add_argument("--repeats", type=int, help="of the cross-validations; else as many as a project does by default")
    parser.add_argument("--hostile", type=int, metavar="N", help="files that programs stumble over, instead of the five tables")
    parser.add_argument("--seed", type=int, default=0, help="of those files")
    parser.add_argument("--table", choices=TABLES, action="append", help="only these")
    args = parser.parse_args()
    given = {"candidates": args.candidates, "repeats": args.repeats}
    tuning = {key: value for key, value in given.items() if value is not None}
    evaluate = {key: value for key, value in tuning.items() if key == "repeats"}
    if args.hostile:
        return hostile(args.hostile, args.seed)
    return five({"tuning": tuning, "evaluate": evaluate, "tracking": {"enabled": False}}, args.table or list(TABLES))


if __name__ == "__main__":
    main()
