"""The graph of ``dvc.yaml`` tells the truth: what a stage imports, reads, writes and is set by is what it declares."""

import ast
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import chdir
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel
from tests.parsed import params, tree
from tests.tiny import csv_text, raw_params

import hearth.params
from hearth.bundle import verify
from hearth.params import Frozen, Params
from hearth.stages.__main__ import main

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "hearth"
NAMES = ("ingest", "profile", "prepare", "tune_full", "select", "tune_selected", "evaluate", "export")
READING = frozenset({"PackageLoader", "files"})  # what finds data inside a package


@dataclass(frozen=True)
class Stage:
    """A stage as ``dvc.yaml`` writes it."""

    name: str
    raw: Mapping[str, object]

    @property
    def command(self) -> list[str]:
        """``cmd`` in words."""
        return shlex.split(str(self.raw["cmd"]))

    @property
    def paths(self) -> list[str]:
        """The paths that ``cmd`` gives, without the settings."""
        return [word for word in self.command[4:] if not word.startswith("--") and word != "params.yaml"]

    @property
    def deps(self) -> list[str]:
        """What the stage depends on."""
        return _listed(self.raw.get("deps"))

    @property
    def data(self) -> list[str]:
        """What the stage depends on beside this package."""
        return [path for path in self.deps if not path.startswith("src/")]

    @property
    def outs(self) -> list[str]:
        """What the stage writes."""
        return [path for kind in ("outs", "metrics", "plots") for path in _listed(self.raw.get(kind))]

    @property
    def params(self) -> list[str]:
        """The keys of ``params.yaml`` that the stage depends on."""
        return _listed(self.raw.get("params"))


def _listed(entries: object) -> list[str]:
    assert entries is None or isinstance(entries, list)
    return [next(iter(entry)) if isinstance(entry, dict) else str(entry) for entry in entries or []]


def graph() -> dict[str, Stage]:
    """The stages of ``dvc.yaml`` by name."""
    raw = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    return {name: Stage(name, stage) for name, stage in raw.items()}


STAGES = graph()


def following(names: set[str]) -> set[str]:
    """These stages and all that depend on what they write."""
    written = {out for name in names for out in STAGES[name].outs}
    more = {name for name, stage in STAGES.items() if written & set(stage.deps)}
    return names if more <= names else following(names | more)


@cache
def named(path: Path) -> frozenset[str]:
    """Every module that a file imports at any level, or names in a string of its own."""
    return frozenset(_named(path))


def _named(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports are not followed"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@cache
def files(module: str) -> frozenset[Path]:
    """The files of this package that importing ``module`` runs, also where its last part is no module but a name in one."""
    parts = module.split(".")
    stems = [SOURCE.parent.joinpath(*parts[:end]) for end in range(1, len(parts) + 1)]
    return frozenset(path for stem in stems for path in (stem.with_suffix(".py"), stem / "__init__.py") if path.is_file())


def closure(paths: set[Path]) -> set[Path]:
    """These files and all of this package that they import, at any depth."""
    more = {file for path in paths for module in named(path) if module.split(".")[0] == "hearth" for file in files(module)}
    return paths if more <= paths else closure(paths | more)


def package_data(path: Path) -> Iterator[Path]:
    """Folders of data that a module loads from a package of ours."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in READING and node.args:
            package = SOURCE.parent.joinpath(*str(ast.literal_eval(node.args[0])).split("."))
            yield from (
                one for one in package.iterdir() if one.is_dir() and {path.suffix for path in one.iterdir()} - {".py", ".pyc"}
            )


def code_of(stage: str) -> set[str]:
    """The files of this package that decide what a stage does, relative to the repository."""
    roots = {path for module in ("hearth.stages.__main__", f"hearth.stages.{stage}") for path in files(module)}
    modules = closure(roots)
    return {str(path.relative_to(ROOT)) for path in modules | {data for one in modules for data in package_data(one)}}


def test_the_stages_are_these_and_each_says_what_it_does() -> None:
    """The graph has eight stages in their order, each with a description."""
    assert tuple(STAGES) == NAMES
    assert all(str(stage.raw.get("desc", "")).strip() for stage in STAGES.values())


def test_a_stage_runs_the_module_of_its_name() -> None:
    """A stage's command is ``python -m hearth.stages`` with its own name."""
    assert {name: stage.command[:4] for name, stage in STAGES.items()} == {
        name: ["python", "-m", "hearth.stages", name] for name in NAMES
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_stage_depends_on_every_module_that_it_imports_and_no_other(name: str) -> None:
    """The files of this package among a stage's deps are those that it imports, at any depth, and the data that they load."""
    listed, imported = {path for path in STAGES[name].deps if path.startswith("src/")}, code_of(name)
    add, remove = sorted(imported - listed), sorted(listed - imported)
    assert not add, f"dvc.yaml: add to the deps of {name}: {', '.join(add)}"
    assert not remove, f"dvc.yaml: remove from the deps of {name}: {', '.join(remove)}"


def test_the_import_walk_sees_what_functions_import_and_what_strings_name() -> None:
    """Imports inside functions and modules named to a loader count."""
    assert {"src/hearth/training/tracking.py", "src/hearth/training/pyfunc.py"} <= code_of("export")
    assert "src/hearth/sources/kaggle.py" in code_of("ingest")
    assert "src/hearth/reporting/templates" in code_of("evaluate")


@pytest.mark.parametrize("name", NAMES)
def test_a_command_names_what_the_stage_reads_and_writes(name: str) -> None:
    """Every path of a command is a dep or an out or a folder of some; every dep and out lies in such a path."""
    stage = STAGES[name]
    # The table in git is named by params.yaml, not by the command.
    given = {path: [one for one in (*stage.data, *stage.outs) if Path(one).is_relative_to(path)] for path in stage.paths}
    assert [path for path, used in given.items() if not used] == []
    settings = params()
    reached = {one for used in given.values() for one in used} | {settings["data"]["bundled"]["path"]}
    assert {*stage.data, *stage.outs} - reached == set()


def test_every_out_has_one_writer_and_stays_when_a_stage_fails() -> None:
    """No path is written by two stages, and DVC removes none before a stage runs."""
    entries = [entry for stage in STAGES.values() for kind in ("outs", "metrics") for entry in stage.raw.get(kind, [])]  # type: ignore[attr-defined]
    paths = [next(iter(entry)) for entry in entries]
    assert len(set(paths)) == len(paths)
    assert [path for path, entry in zip(paths, entries, strict=True) if entry[path].get("persist") is not True] == []


def leaves(model: BaseModel, at: str = "") -> Iterator[str]:
    """The dotted name of every setting that holds a value, features aside."""
    for name in type(model).model_fields:
        value, path = getattr(model, name), f"{at}{name}"
        parts = value if isinstance(value, dict) else {"": value}
        for key, part in parts.items():
            inside = f"{path}.{key}" if key else path
            yield from leaves(part, f"{inside}.") if isinstance(part, BaseModel) else (inside,)


def under(path: str, keys: list[str]) -> bool:
    """Whether a setting is one of these keys or inside one."""
    return any(path == key or path.startswith(f"{key}.") for key in keys)


@dataclass
class Watched:
    """Which settings a stage read of those that ``hearth.params.load`` returned, and which files it changed."""

    reads: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    known: dict[int, tuple[Frozen, str]] = field(default_factory=dict)

    def begin(self, patch: pytest.MonkeyPatch) -> None:
        """Note every read from now on."""
        load, get = hearth.params.load, Frozen.__getattribute__

        def noted(model: Frozen, name: str) -> object:
            value = get(model, name)
            if id(model) in self.known and not isinstance(value, Frozen):
                self.note(model, name)
            return value

        def loaded(path: Path) -> Params:
            settings = load(path)
            self.learn(settings, "")
            return settings

        patch.setattr(Frozen, "__getattribute__", noted)
        patch.setattr(hearth.params, "load", loaded)

    def learn(self, model: Frozen, at: str) -> None:
        """Remember where in params.yaml this model and those inside it stand."""
        for name, value in list(vars(model).items()):
            for key, part in value.items() if isinstance(value, dict) else [("", value)]:
                if isinstance(part, Frozen):
                    self.learn(part, ".".join(word for word in (at, name, key) if word))
        self.known[id(model)] = (model, at)

    def note(self, model: Frozen, name: str) -> None:
        """A read of one attribute; what copies or dumps a model reads all of it."""
        at = self.known[id(model)][1]
        if name in ("model_copy", "model_dump"):
            self.reads.update(leaves(model, f"{at}."))
        elif name in type(model).model_fields:
            self.reads.add(f"{at}.{name}".strip("."))


def contents(folder: Path) -> dict[str, bytes]:
    """Every file under a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def copy(path: str, source: Path, place: Path) -> None:
    """A file or folder at the same place under another root."""
    (place / path).parent.mkdir(parents=True, exist_ok=True)
    if (source / path).is_dir():
        shutil.copytree(source / path, place / path, dirs_exist_ok=True)
    else:
        shutil.copy(source / path, place / path)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Watched]:
    """Every stage run in order, each in a folder that holds its deps and nothing else."""
    whole = tmp_path_factory.mktemp("whole")
    settings = raw_params()
    table = whole / settings["data"]["bundled"]["path"]  # type: ignore[index]
    table.parent.mkdir(parents=True)
    table.write_text(csv_text(), encoding="utf-8")
    copy("data/feedback.csv", ROOT, whole)
    (whole / "params.yaml").write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    watched = {}
    for name, stage in STAGES.items():
        place = tmp_path_factory.mktemp(name)
        for path in ("params.yaml", *stage.data):
            copy(path, whole, place)
        before, watched[name] = contents(place), Watched()
        with pytest.MonkeyPatch.context() as patch, chdir(place):
            watched[name].begin(patch)
            assert main(stage.command[3:]) == 0
        after = contents(place)
        watched[name].written = {path for path in {*before, *after} if before.get(path) != after.get(path)}
        for out in stage.outs:
            copy(out, place, whole)
    assert verify(whole / "models" / "production")
    return watched


@pytest.mark.parametrize("name", NAMES)
def test_a_stage_needs_only_its_deps_and_writes_only_its_outs(runs: dict[str, Watched], name: str) -> None:
    """In a folder with its deps alone a stage runs, writes every out, and changes nothing else."""
    outs = STAGES[name].outs
    homes = {path: [out for out in outs if Path(path).is_relative_to(out)] for path in runs[name].written}
    assert [path for path, home in homes.items() if not home] == []
    assert {home[0] for home in homes.values()} == set(outs)


@pytest.mark.parametrize("name", NAMES)
def test_a_stage_reads_only_the_settings_that_it_declares_and_reads_something_of_each(
    runs: dict[str, Watched], name: str
) -> None:
    """Every setting that a stage reads lies under its params, and each of those holds something that it reads."""
    reads = runs[name].reads
    assert {path for path in reads if not under(path, STAGES[name].params)} == set()
    assert [key for key in STAGES[name].params if not any(under(path, [key]) for path in reads)] == []


def test_every_setting_of_the_pipeline_is_read_by_a_stage(runs: dict[str, Watched]) -> None:
    """Each key of params.yaml has a reader, sources and aims that are not chosen and an idle tracking aside."""
    read = {path for watched in runs.values() for path in watched.reads}
    others = [f"data.{source}" for source in ("kaggle", "csv", "parquet", "openml", "sql")]
    idle = (*others, "tracking", "release", "features", "tuning.space", "export.threshold.precision")
    keys = [path for path in leaves(hearth.params.load(ROOT / "params.yaml")) if not under(path, list(idle))]
    assert len(keys) > 30
    assert [path for path in keys if path not in read] == []


FAKE = """
import hashlib, sys, yaml
from pathlib import Path

def value(raw, key):
    for part in key.split("."):
        raw = raw[part]
    return raw

def files(path):
    return sorted(p for p in Path(path).rglob("*") if p.is_file()) if Path(path).is_dir() else [Path(path)]

name = sys.argv[1]
stage = yaml.safe_load(Path("dvc.yaml").read_text())["stages"][name]
params = yaml.safe_load(Path("params.yaml").read_text())
read = [str(value(params, key)) for key in stage.get("params", [])]
read += [p.read_text(encoding="latin-1") for d in stage["deps"] if not d.startswith("src/") for p in files(d)]
text = hashlib.sha256("\\n".join(read).encode()).hexdigest()
for entry in [*stage.get("outs", []), *stage.get("metrics", [])]:
    out = Path(next(iter(entry)))
    out.parent.mkdir(parents=True, exist_ok=True)
    if not out.suffix:
        out.mkdir(exist_ok=True)
        out = out / "out"
    out.write_text(name + text)
with Path("ran.log").open("a") as log:
    log.write(name + "\\n")
"""


class Checkout:
    """A copy of the repository whose stages write in an instant what is a function of the settings and data they declare."""

    def __init__(self, place: Path) -> None:
        self.place = place
        for path in (
            ".dvc/config",
            ".dvcignore",
            "params.yaml",
            *sorted({dep for stage in STAGES.values() for dep in stage.deps}),
        ):
            if (ROOT / path).exists() and not path.startswith(("reports", "models", "data/raw", "data/prepared")):
                copy(path, ROOT, place)
        raw = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
        for name, stage in raw["stages"].items():
            stage["cmd"] = f"{shlex.quote(sys.executable)} fake.py {name}"
        (place / "dvc.yaml").write_text(yaml.safe_dump({"stages": raw["stages"]}, sort_keys=False), encoding="utf-8")
        (place / "fake.py").write_text(FAKE, encoding="utf-8")
        self.run("git", "init", "--quiet")

    def run(self, *command: str) -> None:
        """Run a command in the checkout, which must succeed."""
        done = subprocess.run(command, cwd=self.place, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def repro(self) -> list[str]:
        """The stages that ``dvc repro`` runs."""
        log = self.place / "ran.log"
        log.unlink(missing_ok=True)
        self.run(os.fspath(Path(sys.executable).with_name("dvc")), "repro", "--quiet")
        return log.read_text(encoding="utf-8").split() if log.exists() else []


@pytest.mark.journey
def test_dvc_runs_again_what_a_change_reaches_and_nothing_else(tmp_path: Path) -> None:
    """A setting runs the stages that declare it and all that follow; a module those that import it; no change, none."""
    checkout = Checkout(tmp_path)
    assert sorted(checkout.repro()) == sorted(NAMES)
    assert checkout.repro() == []
    text = (tmp_path / "params.yaml").read_text(encoding="utf-8")
    settings = yaml.safe_load(text)
    settings["tuning"]["space"]["learning_rate"]["high"] *= 1.5
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    ran = checkout.repro()
    assert set(ran) == following({"tune_full", "tune_selected"})
    assert not {"ingest", "profile", "prepare", "select"} & set(ran)
    module = "src/hearth/training/labels.py"
    with (tmp_path / module).open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    assert set(checkout.repro()) == {name for name in NAMES if module in code_of(name)} == {"select", "evaluate"}
