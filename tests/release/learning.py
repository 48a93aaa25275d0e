"""A tiny project that learns from truths: real in git, DVC and its builds, which were made before and which it copies."""

import hashlib
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from tests.release.projects import begun
from tests.tiny import Cells, arrow, cells, checkout, export_arguments, settings

from hearth.artifacts import write_json, write_text
from hearth.bundle import verify
from hearth.release.checkout import Checkout
from hearth.release.commands import git, run
from hearth.release.truths import Returned, csv_bytes
from hearth.stages import export
from hearth.training.experiment import EXPERIMENTS

# The first build of nothing learned, the better of many rows, the worse of few.
PIPELINE = """
import shutil, sys
from pathlib import Path

options = dict(zip(sys.argv[2::2], sys.argv[3::2]))

def put(source, place):
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(Path("builds") / Path("which").read_text() / source, place)

if sys.argv[1] == "ingest":
    learned = len(Path(options["--feedback"]).read_text().splitlines())
    Path("which").write_text("first" if learned < 2 else "better" if learned > 100 else "worse")
    put("data/raw", options["--out"])
    put("data/prepared", "data/prepared")
    Path("reports").mkdir(exist_ok=True)
    shutil.copy(Path("builds") / Path("which").read_text() / "reports/data.json", options["--report"])
else:
    put("models/production", options["--out"])
"""
GRAPH = f"""
stages:
  ingest:
    cmd: >-
      {sys.executable} pipeline.py ingest --params params.yaml --feedback data/feedback.csv --out data/raw
      --report reports/data.json
    deps: [table.csv, data/feedback.csv, pipeline.py]
    outs:
      - data/raw: {{persist: true}}
      - data/prepared: {{persist: true}}
      - reports/data.json: {{cache: false, persist: true}}
  export:
    cmd: {sys.executable} pipeline.py export --prepared data/prepared --out models/production
    deps: [data/raw, data/prepared, pipeline.py]
    outs:
      - models/production: {{persist: true}}
"""
SECTIONS: dict[str, Mapping[str, object]] = {
    "release": {"min_rows": 20},
    "data": {"source": "csv", "csv": {"path": "table.csv"}, "feedback": "append"},
}


@dataclass(frozen=True)
class Learning:
    """Where it is, and the digests of what it can build."""

    root: Path
    first: str
    better: str

    @property
    def checkout(self) -> Checkout:
        """Its checkout."""
        return Checkout.at(self.root)

    @property
    def served(self) -> str:
        """The digest of the bundle that lies there, whose sums must hold."""
        return verify(self.root / "models/production")

    def copy(self, root: Path) -> "Learning":
        """The same elsewhere, to be changed."""
        shutil.copytree(self.root, root, symlinks=True)
        return Learning(root, self.first, self.better)


def later(rows: int, shift: float) -> Cells:
    """Rows of another time, whose target is ``shift`` higher where ``a`` is above 0."""
    columns = cells(rows=rows, seed=1)
    target = [float(str(y)) + shift * (a is not None and float(a) > 0) for a, y in zip(columns["a"], columns["y"], strict=True)]
    return columns | {"y": [round(value, 3) for value in target]}


def returned(columns: Cells) -> Returned:
    """What the store says of these rows: what models see, and the truth."""
    features = {name: values for name, values in columns.items() if name not in ("y", "w")}
    return Returned(features=features, actual=columns["y"], doubts=[""] * len(columns["y"]))


def make(root: Path) -> None:
    """Make the project, its first build committed on ``main``."""
    shifted, same = later(300, 12.0), later(40, 0.0)
    build(root / "builds/first", cells(), 0)
    build(root / "builds/better", joined(shifted), 300)
    build(root / "builds/worse", joined(same), 40)
    write_text(root / ".gitignore", "/which\n/var\n/mlruns\n/mlflow.db\n/data/.*\n/models/.*\n!.gitignore\n")
    write_text(root / "pipeline.py", PIPELINE)
    write_text(root / "dvc.yaml", GRAPH)
    write_text(
        root / "params.yaml", yaml.safe_dump(settings("regression", **SECTIONS).model_dump(mode="json"), sort_keys=False)
    )
    (root / "table.csv").write_bytes(csv_bytes(arrow(settings().contract, cells())))
    write_text(root / "data/feedback.csv", "\n")
    begun(root)
    run(["dvc", "repro", "--quiet"], root)
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "The first build")


def found(root: Path) -> Learning:
    """The project that was made here."""
    first, better = (verify(root / "builds" / name / "models/production") for name in ("first", "better"))
    return Learning(root, first, better)


def joined(columns: Cells) -> Cells:
    """These rows behind those of the first build."""
    return {name: [*values, *columns[name]] for name, values in cells().items()}


def build(place: Path, columns: Cells, appended: int) -> None:
    """Build with these rows, the last of which were appended. It is laid out as ``dvc.yaml`` says."""
    checkout(place, "regression", columns, appended, **SECTIONS)
    measured = {"cv": {"rmse": {"mean": 6.0, "sd": 0.5}}, "test": {"rmse": {"value": 6.0, "low": 5.0, "high": 7.0}}}
    write_json(place / "reports/metrics.json", {"winner": "tune_full"} | dict.fromkeys(EXPERIMENTS, measured))
    export.main(export_arguments(place))
    shutil.rmtree(place / "models/experiments")
    table = hashlib.sha256(csv_bytes(arrow(settings().contract, cells()))).hexdigest()
    write_json(place / "reports/data.json", {"source": "csv", "version": None, "file": "table.csv", "sha256": table})
