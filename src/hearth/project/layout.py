"""The files of a project: rendered from what is known of its table, laid into a folder that was not there before."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from hearth import __version__
from hearth.errors import HearthError
from hearth.project.table import Guessed
from hearth.schema import Feature, Task
from hearth.training.metrics import OBJECTIVE

TABLE, VERSION = "data/table.csv", "hearth.version"
STAGES = ("ingest", "profile", "prepare", "tune_full", "select", "tune_selected", "evaluate", "export")
LARGE = 1_000_000  # bytes from which a table is DVC's and not git's
NAMES = {"Makefile.j2": "Makefile", "README.md.j2": "README.md", "gitignore.j2": ".gitignore"}


@dataclass(frozen=True, slots=True)
class Project:
    """What a project is rendered from: its settings as text, its task, and where its table is read.

    ``table`` is the place in it of a table that lies there; None where ``ingest`` downloads it from ``data``.
    """

    title: str
    target: str
    task: Task
    features: int
    params: str
    guessed: bool
    data: str = TABLE
    table: str | None = TABLE


def environment() -> Environment:
    """Templates of plain text, in which an unknown name is an error."""
    return Environment(
        loader=PackageLoader("hearth.project"),
        autoescape=False,  # noqa: S701 - no HTML; what goes into YAML is written as YAML before
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def guessed_project(title: str, guessed: Guessed) -> Project:
    """The project of a table that was guessed."""
    contract = guessed.contract
    params = (
        environment()
        .get_template("params.yaml.j2")
        .render(
            data=TABLE,
            target=scalar(contract.target.name),
            task=contract.target.task,
            title=scalar(title),
            min_rows=min(50, guessed.rows),
            folds=guessed.folds,
            features=[_line(one) for one in contract.features],
        )
    )
    return Project(title, contract.target.name, contract.target.task, len(contract.used), params, guessed=True)


def graph(objective: str, files: Sequence[str], code: Mapping[str, Sequence[str]]) -> str:
    """``dvc.yaml``: ``files`` are what ``ingest`` reads, ``code`` the files of code that each stage depends on."""
    return environment().get_template("dvc.yaml.j2").render(objective=objective, files=files, code=code)


def lay(project: Project, source: Path | None, folder: Path) -> None:
    """Make the folder, whole or not at all, with git and DVC initialised in it and every file staged.

    ``source`` is copied to ``project.table``; both or neither are None.

    Raises:
        HearthError: something is there already, or git is not installed.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise HearthError(f"{folder} is there already: name another place with --out, nothing is ever overwritten")
    if shutil.which("git") is None:
        raise HearthError("git is not installed, and a project needs it")
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        _write(project, source, temporary)
        _initialise(temporary, project.table)
        temporary.chmod(0o755)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write(project: Project, source: Path | None, folder: Path) -> None:
    templates, told = environment(), asdict(project) | {"bin": Path(sys.executable).parent}
    files = [project.table] if project.table else []
    texts = {name: templates.get_template(template).render(told) for template, name in NAMES.items()}
    texts["params.yaml"] = project.params
    texts["dvc.yaml"] = graph(OBJECTIVE[project.task], files, {name: [VERSION] for name in STAGES})
    texts[VERSION] = f"{__version__}\n"
    texts["data/feedback.csv"] = ""
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    if project.table and source:
        place = folder / project.table
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, place)


def _initialise(folder: Path, table: str | None) -> None:
    dvc = [sys.executable, "-m", "dvc"]
    steps = [["git", "init", "--quiet", "--initial-branch", "main"], [*dvc, "init", "--quiet"]]
    steps += [[*dvc, "config", f"core.{key}", "false"] for key in ("analytics", "check_update")]
    if table and (folder / table).stat().st_size > LARGE:
        steps.append([*dvc, "add", "--quiet", table])
    for step in [*steps, ["git", "add", "--all"]]:
        done = subprocess.run(step, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - no input in it
        if done.returncode != 0:
            raise HearthError(f"{' '.join(step[-3:])} failed: {(done.stderr or done.stdout).strip()}")


def scalar(value: str) -> str:
    """A text as YAML writes it on a line of its own."""
    return _yaml(value).removesuffix("\n...")


def _line(feature: Feature) -> str:
    """A feature as a line of ``params.yaml``: its name, and what differs from the defaults."""
    told: dict[str, object] = {}
    for field in fields(Feature):
        value = getattr(feature, field.name)
        if field.name != "name" and value != field.default:
            told[field.name] = _shown(value)
    return f"{_key(feature.name)}: {_yaml(told)}"


def _shown(value: object) -> object:
    if isinstance(value, tuple):
        return list(value)
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


def _key(name: str) -> str:
    """A key on one line: what YAML would take for another type, or for a merge, is quoted."""
    return scalar(name)


def _yaml(value: object) -> str:
    return yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, sort_keys=False, width=10**9).rstrip("\n")
