"""CPU time of our search beside scikit-learn's RandomizedSearchCV: the same candidates, folds and scores, in turn.

What makes most of the difference: candidates that differ in their rounds alone (`tuning.rounds_per_draw` of them) cost ours one
boosting, that of the most rounds, which passes through the others. scikit-learn fits each candidate by itself. `apart` is our
code doing that too: the same scores to the bit, and what is saved without the sharing.

Each side is a process of its own; CPU time is that of the process and of every child that it started.
"""

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from hearth import params
from hearth.artifacts import write_json
from hearth.imports import boosting
from hearth.processors import processors

Side = Literal["ours", "apart", "sklearn"]
SIDES: tuple[Side, ...] = get_args(Side)
# How far a side's scores may be from those of ours; scikit-learn's rows are not scaled.
TOLERANCE: Mapping[Side, float] = {"ours": 0, "apart": 0, "sklearn": 1e-6}


def cpu() -> float:
    """CPU seconds of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def ours(place: Path, settings: params.Params, side: Literal["ours", "apart"]) -> None:
    """Search, and write candidates, their scores on each fold, and the CPU seconds of the search alone.

    ``apart`` scores the candidates that ``ours`` drew, each by itself.
    """
    boosting()
    from hearth.training import fitting, folds, search, table  # noqa: PLC0415 - boosting() comes first, as in a stage

    data = table.read(place / "train.parquet", table.read_contract(place))
    target, tuning = data.contract.target, settings.tuning
    recipes = [fitting.Recipe(**recipe) for recipe in read(place, "ours")["recipes"]] if side == "apart" else []
    before = cpu()
    made = fitting.all_folds(
        data, folds.load(place / "folds.npy")[:1], settings.prepare, fitting.Recipe(params=tuning.fixed.model_dump())
    )
    if side == "ours":
        tried = search.search(made, target, tuning, None, progress=False)
    else:
        tried = tuple(search.score_all([recipe], made, target, tuning.seed)[0] for recipe in recipes)
    spent = cpu() - before
    found = {"recipes": [asdict(one.recipe) for one in tried], "scores": [one.scores for one in tried], "cpu": spent}
    write_json(place / f"{side}.json", found, digits=None)


def sklearn(place: Path, settings: params.Params) -> None:
    """Search the candidates that ``ours`` drew with RandomizedSearchCV on XGBRegressor, on all processors."""
    import xgboost as xgb  # noqa: PLC0415 - the other sides do without scikit-learn and pandas
    from joblib.externals import loky  # type: ignore[import-untyped]  # noqa: PLC0415
    from sklearn.model_selection import RandomizedSearchCV  # noqa: PLC0415

    from hearth.training import folds, table  # noqa: PLC0415

    data = table.read(place / "train.parquet", table.read_contract(place))
    candidates = [{**recipe["params"], "n_estimators": recipe["rounds"]} for recipe in read(place, "ours")["recipes"]]
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


def read(place: Path, side: Side) -> Mapping[str, Any]:
    """What a side wrote."""
    found: Mapping[str, Any] = json.loads((place / f"{side}.json").read_text(encoding="utf-8"))
    return found


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


def measured(settings: Path, place: Path, caches: Path) -> dict[Side, tuple[float, float]]:
    """Each side once: CPU seconds of its process, and of the search in it alone.

    Raises:
        ValueError: two sides do not score the candidates alike.
    """
    spent: dict[Side, tuple[float, float]] = {}
    for side in SIDES:
        whole = run([__file__, "--params", str(settings), "--side", side, "--place", str(place)], caches)
        spent[side] = (whole, read(place, side)["cpu"])
        apart = float(np.abs(np.subtract(read(place, side)["scores"], read(place, "ours")["scores"])).max())
        if apart > TOLERANCE[side]:
            raise ValueError(f"{side} scores a candidate {apart:g} apart from ours, which is more than {TOLERANCE[side]:g}")
    return spent


def compare(settings: Path, turns: int) -> None:
    """Print a line a turn, and the median ratios; a turn before them fills caches and is not counted."""
    loaded = params.load(settings)
    if loaded.contract.target.task != "regression":
        raise SystemExit("this benchmark compares regressions: data.task is another")
    with tempfile.TemporaryDirectory() as folder:
        place, caches = Path(folder), Path(folder) / "caches"
        prepared(settings, place, caches)
        measured(settings, place / "prepared", caches)
        print(header(loaded.tuning))
        ratios = []
        for turn in range(turns):
            spent = measured(settings, place / "prepared", caches)
            seconds = np.array([spent[side] for side in SIDES])
            ratios.append(seconds[:-1] / seconds[-1])
            print(f"{turn + 1:<4}{line(seconds, ratios[-1])}", flush=True)
    print("median of the ratios: " + "; ".join(medians(np.median(ratios, axis=0))))
    print(f"scores: ours and apart equal to the bit, scikit-learn's within {TOLERANCE['sklearn']:g}")


def header(tuning: params.TuningParams) -> str:
    """What is compared, and the heads of the columns."""
    boosted = math.ceil(tuning.candidates / tuning.rounds_per_draw)
    heads = "".join(f"{side:>9}" for side in SIDES) + "".join(f"{f'{side}/{SIDES[-1]}':>15}" for side in SIDES[:-1])
    return (
        f"{tuning.candidates} candidates in {boosted} draws, {tuning.folds} folds, {processors()} processors, CPU seconds\n"
        f"{'':<4}{'process':>9}{'':<{len(heads) - 9}}{'search':>9}\n{'':<4}{heads * 2}"
    )


def line(seconds: NDArray[np.float64], ratios: NDArray[np.float64]) -> str:
    """A turn's seconds (side, process and search alone) and its ratios to the last side."""
    halves = zip(seconds.T, ratios.T, strict=True)
    return "".join(
        "".join(f"{one:>9.2f}" for one in half) + "".join(f"{one:>15.3f}" for one in share) for half, share in halves
    )


def medians(ratios: NDArray[np.float64]) -> list[str]:
    """A side's ratios in words."""
    return [f"{side} {whole:.3f}, its search {alone:.3f}" for side, (whole, alone) in zip(SIDES[:-1], ratios, strict=True)]


def main() -> None:
    """Read the arguments; with ``--side`` be one side of the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--turns", type=int, default=5, help="how often each side is run")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--place", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side is None:
        compare(args.params, args.turns)
    elif args.side == "sklearn":
        sklearn(args.place, params.load(args.params))
    else:
        ours(args.place, params.load(args.params), args.side)


if __name__ == "__main__":
    main()
