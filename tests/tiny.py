"""Small seeded tables of each kind, settings that take a moment, and checkouts where the first stages have run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from tests.parsed import params

from hearth.artifacts import write_json, write_text
from hearth.params import Params
from hearth.schema import APPENDED, Contract
from hearth.stages import prepare, tune_full, tune_selected
from hearth.stages.select import select
from hearth.training import experiment, folds, table
from hearth.training.experiment import EXPERIMENTS
from hearth.training.table import Table

Kind = Literal["regression", "binary", "multiclass"]
KINDS: tuple[Kind, ...] = ("regression", "binary", "multiclass")
CLASSES: dict[Kind, tuple[str, ...]] = {"regression": (), "binary": ("no", "yes"), "multiclass": ("low", "mid", "top")}
Cells = dict[str, list[float | int | str | bool | None]]


def raw_params(kind: Kind = "regression") -> dict[str, dict[str, object]]:
    """The settings of the repository, made small, for the table of ``cells``."""
    raw: dict[str, dict[str, object]] = params()
    task = "regression" if kind == "regression" else "classification"
    raw["data"] |= {"target": "y", "task": task, "classes": list(CLASSES[kind]), "unit": "m", "about": "a length"}
    raw["features"] = {
        "a": {"type": "number", "min": -10, "max": 10, "required": False},
        "n": {"type": "integer", "min": 0, "max": 9, "required": False},
        "k": {"type": "category", "values": ["p", "q", "r"], "required": False},
        "s": {"type": "boolean", "required": False},
        "w": {"type": "number", "required": False, "use": False, "reason": "known too late"},
        "c": {"type": "number", "min": 0, "max": 1},
    }
    space = {"rounds": {"low": 4, "high": 8, "integer": True}, "learning_rate": {"low": 0.1, "high": 0.3, "log": True}}
    raw["tuning"] |= {"candidates": 3, "rounds_per_draw": 1, "folds": 2, "repeats": 2, "space": space}
    raw["evaluate"] |= {"folds": 2, "repeats": 1, "bootstrap": 100}
    raw["tracking"] |= {"enabled": False}
    return raw


def settings(kind: Kind = "regression", **sections: Mapping[str, object]) -> Params:
    """``raw_params`` with some keys of some sections changed."""
    raw = raw_params(kind)
    return Params.model_validate({name: {**part, **sections.get(name, {})} for name, part in raw.items()})


def cells(kind: Kind = "regression", rows: int = 90, seed: int = 0) -> Cells:
    """Columns with gaps that keep the contract of ``raw_params``; the target depends on all but ``w`` and ``c``."""
    rng = np.random.default_rng(seed)
    a, n, k, s = rng.normal(size=rows), rng.integers(0, 10, rows), rng.integers(0, 3, rows), rng.integers(0, 2, rows)
    y = 20 + 3 * a + n + 2 * k - s + rng.normal(scale=0.3, size=rows)
    names = CLASSES[kind]
    codes = np.searchsorted(np.quantile(y, np.arange(1, len(names)) / len(names)), y) if names else y
    return {
        "a": [None if i % 9 == 0 else round(float(value), 4) for i, value in enumerate(a)],
        "n": [None if i % 13 == 0 else int(value) for i, value in enumerate(n)],
        "k": [None if i % 11 == 0 else "pqr"[value] for i, value in enumerate(k)],
        "s": [None if i % 17 == 0 else bool(value) for i, value in enumerate(s)],
        "w": [round(float(value), 3) for value in rng.random(rows)],
        "c": [round(float(value), 3) for value in rng.random(rows)],
        "y": [names[int(code)] for code in codes] if names else [round(float(value), 3) for value in y],
    }


def csv_text(kind: Kind = "regression", rows: int = 90) -> str:
    """``cells`` as CSV."""
    columns = cells(kind, rows)
    spelt = {None: "", True: "true", False: "false"}
    lines = [
        ",".join(spelt[one] if one is None or isinstance(one, bool) else str(one) for one in row)
        for row in zip(*columns.values(), strict=True)
    ]
    return "\n".join([",".join(columns), *lines, ""])


def arrow(contract: Contract, columns: Cells) -> pa.Table:
    """The canonical table of some columns."""
    types = {"number": pa.float64(), "integer": pa.int64(), "category": pa.string(), "boolean": pa.bool_()}
    kinds = {one.name: types[one.type] for one in contract.features}
    kinds[contract.target.name] = pa.string() if contract.target.classes else pa.float64()
    return pa.table({name: pa.array(values, kinds[name]) for name, values in columns.items()})


def coded(kind: Kind = "regression", rows: int = 90, seed: int = 0) -> Table:
    """``cells``, coded by the contract."""
    contract = settings(kind).contract
    return table.code(arrow(contract, cells(kind, rows, seed)), contract)


def checkout(
    place: Path, kind: Kind = "regression", columns: Cells | None = None, appended: int = 0, **sections: Mapping[str, object]
) -> Params:
    """Fill a folder with params.yaml, the table, its split, the three experiments, and reports with made-up figures.

    Everything lies where ``dvc.yaml`` puts it, figures aside. The last ``appended`` rows joined from outside the source.
    """
    chosen = settings(kind, **sections)
    write_text(place / "params.yaml", yaml.safe_dump(chosen.model_dump(mode="json"), sort_keys=False))
    raw, prepared, tried = place / "data/raw", place / "data/prepared", place / "models/experiments"
    write_json(raw / "contract.json", chosen.contract.to_dict(), digits=None)
    whole = arrow(chosen.contract, columns or cells(kind))
    pq.write_table(whole.replace_schema_metadata({APPENDED: str(appended)} if appended else None), raw / "table.parquet")
    common = ["--params", str(place / "params.yaml")]
    prepare.main([*common, "--raw", str(raw), "--out", str(prepared)])
    train = table.read(prepared / "train.parquet", chosen.contract)
    selected, _ = select(train, folds.load(prepared / "folds.npy"), chosen)
    experiment.write(selected, tried / "select", experiment.objective_of(train))
    common += ["--prepared", str(prepared)]
    tune_full.main([*common, "--out", str(tried / "tune_full")])
    tune_selected.main([*common, "--select", str(tried / "select"), "--out", str(tried / "tune_selected")])
    measured = {
        "cv": {"score": {"mean": 1.5, "sd": 0.25}, "flat": {"mean": None, "sd": None}},
        "test": {"score": {"value": 1.25, "low": 1, "high": 2}},
    }
    write_json(place / "reports/metrics.json", {"winner": "tune_full"} | dict.fromkeys(EXPERIMENTS, measured))
    write_json(place / "reports/data.json", {"source": "csv", "version": None, "sha256": "ab" * 32, "rows": len(train)})
    return chosen


def export_arguments(place: Path, out: str = "models/production") -> list[str]:
    """The arguments of ``export`` in such a folder."""
    inputs = {"params": "params.yaml", "prepared": "data/prepared", "experiments": "models/experiments", "reports": "reports"}
    paths = {**inputs, "out": out}
    return [word for name, path in paths.items() for word in (f"--{name}", str(place / path))]
