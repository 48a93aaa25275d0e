"""CPU time of our search beside scikit-learn's RandomizedSearchCV: the same candidates, folds and scores, in turn.

Each side is a process of its own; CPU time is that of the process and of every child that it started.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import numpy as np

from hearth import params
from hearth.artifacts import write_json
from hearth.imports import boosting

Side = Literal["ours", "sklearn"]
TOLERANCE = 1e-6


def cpu() -> float:
    """CPU seconds of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def ours(place: Path, settings: params.Params) -> None:
    """Search, and write candidates, their scores on each fold, and the CPU seconds of the search alone."""
    boosting()
    from hearth.training import fitting, folds, search, table  # noqa: PLC0415 - boosting() comes first, as in a stage

    data = table.read(place / "train.parquet", table.read_contract(place))
    before = cpu()
    fixed = settings.tuning.fixed.model_dump()
    made = fitting.all_folds(data, folds.load(place / "folds.npy")[:1], settings.prepare, fixed)
    tried = search.search(made, data.contract.target, settings.tuning, None, progress=False)
    spent = cpu() - before
    found = {"recipes": [asdict(one.recipe) for one in tried], "scores": [one.scores for one in tried], "cpu": spent}
    write_json(place / "ours.json", found, digits=None)


def sklearn(place: Path, settings: params.Params) -> None:
    """Search the candidates that ``ours`` drew with RandomizedSearchCV on XGBRegressor, on all processors."""
    import xgboost as xgb  # noqa: PLC0415 - the other side does without scikit-learn and pandas
    from joblib.externals import loky  # type: ignore[import-untyped]  # noqa: PLC0415
    from sklearn.model_selection import RandomizedSearchCV  # noqa: PLC0415

    from hearth.training import folds, table  # noqa: PLC0415

    data = table.read(place / "train.parquet", table.read_contract(place))
    recipes = json.loads((place / "ours.json").read_text(encoding="utf-8"))["recipes"]
    candidates = [{**recipe["params"], "n_estimators": recipe["rounds"]} for recipe in recipes]
    before = cpu()
    search = RandomizedSearchCV(
        xgb.XGBRegressor(tree_method="hist", seed_per_iteration=True, random_state=settings.tuning.seed),
        [{name: [value] for name, value in candidate.items()} for candidate in candidates],
        n_iter=len(candidates),
        cv=list(folds.pairs(folds.load(place / "folds.npy")[:1])),
        scoring="neg_root_mean_squared_error",
        n_jobs=-1,
        refit=False,
        error_score="raise",
    ).fit(data.x, data.y)
    loky.get_reusable_executor().shutdown(wait=True)
    spent, results = cpu() - before, search.cv_results_
    at = [results["params"].index(candidate) for candidate in candidates]
    scores = -np.column_stack([results[f"split{i}_test_score"] for i in range(settings.tuning.folds)])[at]
    write_json(place / "sklearn.json", {"scores": scores.tolist(), "cpu": spent}, digits=None)


def run(command: Sequence[str], caches: Path) -> float:
    """Run a command of this interpreter to its end; CPU seconds of it and of its children."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen([sys.executable, *command], env={**environment, "PYTHONPYCACHEPREFIX": str(caches)})
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return used.ru_utime + used.ru_stime


def prepared(settings: Path, place: Path, caches: Path) -> None:
    """The first stages, into a folder of their own."""
    raw, options = str(place / "raw"), ["--params", str(settings)]
    empty, report = str(place / "feedback.csv"), str(place / "data.json")
    run(["-m", "hearth.stages", "ingest", *options, "--feedback", empty, "--out", raw, "--report", report], caches)
    run(["-m", "hearth.stages", "prepare", *options, "--raw", raw, "--out", str(place / "prepared")], caches)


def measured(settings: Path, place: Path, caches: Path) -> dict[str, float]:
    """One pair: CPU seconds of each process, and of the search in it alone.

    Raises:
        ValueError: the two do not score the candidates alike.
    """
    spent: dict[str, float] = {}
    scores: list[object] = []
    for side in ("ours", "sklearn"):
        spent[side] = run([__file__, "--params", str(settings), "--side", side, "--place", str(place)], caches)
        found: Mapping[str, object] = json.loads((place / f"{side}.json").read_text(encoding="utf-8"))
        spent[f"{side} search"] = float(str(found["cpu"]))
        scores.append(found["scores"])
    apart = float(np.abs(np.subtract(*(np.array(each, dtype=np.float64) for each in scores))).max())
    if apart > TOLERANCE:
        raise ValueError(f"the two sides score a candidate {apart:g} apart, which is more than {TOLERANCE:g}")
    return spent


def compare(settings: Path, pairs: int) -> None:
    """Print a line a pair, and the median ratios; a pair before them fills caches and is not counted."""
    loaded = params.load(settings)
    if loaded.contract.target.task != "regression":
        raise SystemExit("this benchmark compares regressions: data.task is another")
    with tempfile.TemporaryDirectory() as folder:
        place, caches = Path(folder), Path(folder) / "caches"
        prepared(settings, place, caches)
        measured(settings, place / "prepared", caches)
        print(f"{loaded.tuning.candidates} candidates x {loaded.tuning.folds} folds, {len(os.sched_getaffinity(0))} processors")
        print(f"CPU seconds{'process':>18}{'':>20}{'search alone':>18}")
        print(f"{'pair':<6}" + f"{'ours':>10}{'sklearn':>10}{'ratio':>8}" * 2)
        ratios = []
        for i in range(pairs):
            one = measured(settings, place / "prepared", caches)
            ratios.append((one["ours"] / one["sklearn"], one["ours search"] / one["sklearn search"]))
            halves = zip((("ours", "sklearn"), ("ours search", "sklearn search")), ratios[-1], strict=True)
            print(
                f"{i + 1:<6}" + "".join(f"{one[a]:>10.2f}{one[b]:>10.2f}{ratio:>8.3f}" for (a, b), ratio in halves), flush=True
            )
        whole, alone = np.median(ratios, axis=0)
        print(f"median ratio: process {whole:.3f}, search alone {alone:.3f}; scores equal within {TOLERANCE:g}")


def main() -> None:
    """Read the arguments; with ``--side`` be one side of the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--pairs", type=int, default=5, help="how often each side is run, in turn")
    parser.add_argument("--side", choices=("ours", "sklearn"), help=argparse.SUPPRESS)
    parser.add_argument("--place", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side is None:
        compare(args.params, args.pairs)
    else:
        {"ours": ours, "sklearn": sklearn}[args.side](args.place, params.load(args.params))


if __name__ == "__main__":
    main()
