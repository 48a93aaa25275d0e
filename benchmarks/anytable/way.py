"""The way of a table: ``hearth init``, the stages of its project's graph, the service over its bundle."""

import contextlib
import io
import shlex
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from benchmarks.anytable.reasons import GAP, Law
from starlette.testclient import TestClient

from api.keys import SCOPES, Key, hashed, new_key
from api.main import create_app
from api.model import Model
from api.settings import load as settings_of
from hearth import cli
from hearth.project import layout
from hearth.project.table import Guessed
from hearth.stages.__main__ import main as stage
from hearth.training import table
from hearth.training.metrics import OBJECTIVE

BUNDLE = "models/production"
# What makes a build a matter of a second: the same graph with next to nothing to search.
TINY: Mapping[str, Mapping[str, object]] = {
    "tuning": {
        "candidates": 1,
        "rounds_per_draw": 1,
        "folds": 2,
        "repeats": 1,
        "space": {"rounds": {"low": 3, "high": 3, "integer": True}, "max_depth": {"low": 3, "high": 3, "integer": True}},
    },
    "evaluate": {"folds": 2, "repeats": 1, "bootstrap": 100},
    "tracking": {"enabled": False},
}
AT_ONCE, WINDOW = 100, 200  # rows of a batch, and of a window that is judged


class WayError(Exception):
    """What should not happen: an answer that is none, a warning, or an error without a message."""


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Answers:
    """What the service said: rows predicted, the largest gap between an explanation and its prediction, what drifted."""

    rows: int
    gap: float
    drifted: tuple[str, ...]


def hearth(*words: str) -> Done:
    """Run ``hearth`` in this process."""
    out, err, given = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = ["hearth", *words]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            cli.main()
    except SystemExit as end:
        return Done(int(end.code or 0), out.getvalue(), err.getvalue())
    finally:
        sys.argv = given
    raise WayError("hearth ended without an exit code")


def laid(guessed: Guessed, source: Path, folder: Path) -> None:
    """The files that the stages read of the project that ``hearth init`` would make, without git and DVC."""
    project = layout.guessed_project(source.stem, guessed)
    files = {"params.yaml": project.params, "dvc.yaml": layout.graph(OBJECTIVE[project.task], [layout.TABLE], _code())}
    for name, text in {**files, "data/feedback.csv": "", "hearth.version": ""}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    (folder / layout.TABLE).write_bytes(source.read_bytes())


def _code() -> dict[str, list[str]]:
    return {name: [layout.VERSION] for name in layout.STAGES}


def configure(folder: Path, changes: Mapping[str, Mapping[str, object]]) -> None:
    """Change settings of a project."""
    path = folder / "params.yaml"
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    for section, keys in changes.items():
        raw[section] |= keys
    path.write_text(yaml.safe_dump(raw, sort_keys=False, allow_unicode=True), encoding="utf-8")


def built(folder: Path, *, without: Sequence[str] = ()) -> Done:
    """Run the stages of a project's ``dvc.yaml`` in their order, until one fails; what was written goes nowhere else."""
    stages = yaml.safe_load((folder / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        for name in stages:
            if name not in without and (code := stage(shlex.split(stages[name]["cmd"])[3:])):
                return Done(code, out.getvalue(), f"{name}: {err.getvalue()}")
    return Done(0, out.getvalue(), err.getvalue())


def asked(folder: Path, singly: int = 20) -> Answers:
    """Ask the service over a project's bundle: some rows one by one and with reasons, then all until a window is judged.

    Raises:
        WayError: an answer is not a 200, or says other than it should; reasons do not add up to what they explain.
    """
    contract = table.read_contract(folder / "data/raw")
    columns = table.read_arrow(folder / "data/raw/table.parquet").drop([contract.target.name])
    rows = columns.take(np.random.default_rng(0).permutation(columns.num_rows)).to_pylist()
    law = Law.of(folder / BUNDLE)
    with tempfile.TemporaryDirectory() as store, _client(folder, Path(store)) as client:
        gap = max(law.gap(row, _post(client, "/predict", row), _post(client, "/explain", row)) for row in rows[:singly])
        if not gap < GAP:
            raise WayError(f"the reasons for a prediction miss it by {gap:g}")
        many = [rows[i % len(rows)] for i in range(max(len(rows), WINDOW))]
        for start in range(0, len(many), AT_ONCE):
            _post(client, "/predict/batch", {"instances": many[start : start + AT_ONCE]})
        verdict = client.get("/drift")
        if verdict.status_code != 200 or verdict.json()["status"] not in ("ok", "drift"):
            raise WayError(f"GET /drift: {verdict.status_code} {verdict.text[:500]}")
        return Answers(len(many) + min(singly, len(rows)), gap, tuple(verdict.json()["drifted"]))


@contextlib.contextmanager
def _client(folder: Path, store: Path) -> Iterator[TestClient]:
    secret = new_key()
    key = Key(name="all", scopes=frozenset(SCOPES), expires=None, sha256=hashed(secret), limit="1000000/minute")
    settings = settings_of(
        bundle=folder / BUNDLE,
        reports=folder / "reports",
        api_keys=key.line,
        database_url=f"sqlite:///{store}/store.db",
        log_level="error",
    )
    Model.load(folder / BUNDLE)  # the client would wait for ever for the end of a service that did not start
    with TestClient(create_app(settings), headers={"X-API-Key": secret}) as client:
        yield client


def _post(client: TestClient, path: str, body: object) -> dict[str, object]:
    answer = client.post(path, json=body)
    if answer.status_code != 200:
        raise WayError(f"POST {path}: {answer.status_code} {answer.text[:500]}")
    told: dict[str, object] = answer.json()
    return told
