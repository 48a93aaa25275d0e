"""Projects for tables that are known: a preset has what is its own of ``params.yaml``, the template has the rest."""

import re
from dataclasses import dataclass
from pathlib import Path

from hearth import params
from hearth.errors import HearthError
from hearth.params import DataParams
from hearth.project.layout import TABLE, Project, environment
from hearth.sources.check import canonical

FOLDER = Path(__file__).with_name("presets")
WHOLE = ("data", "features", "card")  # sections that are a preset's alone; of the others it has the lines that differ
# What stands there in the template for a table that is guessed.
_NOTHING = {"data": TABLE, "target": "", "task": "", "title": "", "min_rows": 0, "folds": 5, "features": ()}


@dataclass(frozen=True, slots=True)
class Preset:
    """A project and its table, or None where ``ingest`` downloads it."""

    project: Project
    table: Path | None


def names() -> tuple[str, ...]:
    """The presets that there are."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


def preset(name: str, data: Path | None = None) -> Preset:
    """The project of this name, on the table at ``data`` or else on the one that the preset names.

    Raises:
        HearthError: there is no such preset, or no file at ``data``.
        DataError: the file at ``data`` does not keep the preset's contract.
    """
    if name not in names():
        raise HearthError(f"there is no preset {name!r}: --preset names one of {', '.join(names())}")
    if data is not None and not data.is_file():
        raise HearthError(f"{data} is no file that can be read: --data names the preset's table, a CSV file")
    text = settings(name, given=data is not None)
    known = params.parse(text, f"the preset {name}")
    if data is not None:
        canonical(data, known.contract, known.data.min_rows, str(data))
    where, table = _places(known.data, data is not None)
    project = Project(
        title=known.card.title,
        target=known.data.target,
        task=known.data.task,
        features=len(known.contract.used),
        params=text,
        guessed=False,
        data=where,
        table=table,
    )
    return Preset(project, data or (FOLDER / f"{name}.csv" if table else None))


def settings(name: str, *, given: bool = False) -> str:
    """``params.yaml`` of a preset; with ``given`` its table is a file in the project."""
    sections = _sections(environment().get_template("params.yaml.j2").render(_NOTHING))
    own = _sections((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    if given:
        own["data"] = _reading_a_file(own["data"])
    for key, section in own.items():
        sections[key] = section if key in WHOLE else _by_line(sections[key], section)
    return "\n\n".join(sections.values()) + "\n"


def _sections(text: str) -> dict[str, str]:
    """The paragraphs of a file of settings by the key that each begins with; comments alone have none."""
    found = {}
    for paragraph in text.strip().split("\n\n"):
        key = re.search(r"^\w+(?=:)", paragraph, re.MULTILINE)
        found[key.group() if key else ""] = paragraph
    return found


def _by_line(section: str, own: str) -> str:
    """A section with the lines in place of those of the same key and depth."""
    lines = {**_lines(section), **_lines(own)}
    return "\n".join(lines.values())


def _lines(section: str) -> dict[str, str]:
    return {line.partition(":")[0]: line for line in section.split("\n")}


def _reading_a_file(section: str) -> str:
    """The section ``data`` with ``source: csv`` and the path of a project's table."""
    chosen = re.sub(r"(?m)^(  source: )\w+", r"\g<1>csv", section, count=1)
    return re.sub(r"(?m)^(  csv:\n    path: )\S+", rf"\g<1>{TABLE}", chosen, count=1)


def _places(data: DataParams, given: bool) -> tuple[str, str | None]:
    """Where the table is read, and its place in the project; None where it is not in it."""
    if given:
        return TABLE, TABLE
    if data.bundled is not None and data.source == "bundled":
        return data.bundled.path, data.bundled.path
    return (data.csv.path if data.csv is not None else data.source), None
