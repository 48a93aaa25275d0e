"""``hearth init``: a project for a table."""
# ruff: noqa: PLC0415 - what a subcommand needs is imported when it runs

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hearth.cli.console import say
from hearth.errors import HearthError
from hearth.imports import needed

if TYPE_CHECKING:
    from hearth.project.table import Guessed

WIDEST = 40  # characters of the column of names; longer ones stick out


def init(
    source: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="CSV file with a header, UTF-8; with --preset the folder to make.")
    ] = None,
    target: Annotated[str | None, typer.Option(metavar="COLUMN", help="The column to predict.")] = None,
    task: Annotated[
        Literal["regression", "classification"] | None, typer.Option(help="If the guess from the target would be wrong.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to make; else one of the file's name, here.")] = None,
    preset: Annotated[
        str | None, typer.Option(metavar="NAME", help="A table that is known, in place of FILE and --target: its contract.")
    ] = None,
    data: Annotated[Path | None, typer.Option(metavar="FILE", help="The preset's table, where it is here already.")] = None,
) -> None:
    """Make a project folder for a table: its contract, guessed from what it holds, and the graph that builds on it.

    Asks nothing and overwrites nothing; prints what was assumed, which params.yaml holds to be corrected.
    """
    needed("pyarrow")
    needed("dvc")
    if preset is not None:
        if target is not None or task is not None:
            raise HearthError("a preset has its own target and task: leave --target and --task out")
        _known(preset, source, out, data)
        return
    if data is not None:
        raise HearthError("--data goes with --preset; without one the file comes first: hearth init FILE --target COLUMN")
    _unknown(source, target, task, out)


def _known(name: str, place: Path | None, out: Path | None, data: Path | None) -> None:
    from hearth.project import layout, preset

    if place is not None and out is not None:
        raise HearthError(f"{place} and --out {out} both name the folder to make: leave one of them out")
    if place is not None and place.is_file():
        raise HearthError(f"{place} is a file: with --preset that is the folder to make; --data {place} names its table")
    made = preset.preset(name, data)
    folder = place or out or Path(name)
    layout.lay(made.project, made.table, folder)
    read = "" if made.project.table else f", which `make repro` downloads from {made.project.data}"
    say(f"{made.project.task} of {made.project.target!r}, {made.project.features} features, by the preset {name}{read}")
    say(f"{folder / 'params.yaml'} has every knob. Next: cd {folder} && make repro && make serve")


def _unknown(
    source: Path | None, target: str | None, task: Literal["regression", "classification"] | None, out: Path | None
) -> None:
    from hearth.project import layout, table

    if source is None:
        raise HearthError("name a CSV file and --target COLUMN, or a --preset")
    if target is None:
        raise HearthError("Missing option '--target': name the column to predict")
    if not source.is_file():
        raise HearthError(f"{source} is no file that can be read: name a CSV file")
    folder = out or Path(source.stem)
    for path in (source, folder):
        if not str(path).isprintable():
            raise HearthError(f"{str(path)!a}: a path must be text on one line, rename it")
    try:
        guessed = table.guess(source, target, task)
        layout.lay(layout.guessed_project(source.stem, guessed), source, folder)
    except OSError as error:
        where = error.filename or source
        raise HearthError(f"{where}: {error.strerror or error}: is it yours to read, and --out a place to write?") from error
    say("\n".join(_told(guessed, folder)))


def _told(guessed: "Guessed", folder: Path) -> list[str]:
    contract = guessed.contract
    width = min(WIDEST, max(len(repr(one.feature.name)) for one in guessed.guesses))
    lines = [f"{contract.target.task} of {contract.target.name!r}, {guessed.rows} rows: {guessed.why}"]
    for one in guessed.guesses:
        kind = one.feature.type if one.feature.use else "-"
        gaps = ", may be missing" if one.feature.use and not one.feature.required else ""
        lines.append(f"  {one.feature.name!r:<{width}}  {kind:<8}  {one.why}{gaps}")
    there = shlex.quote(str(folder))
    return [*lines, f"Correct what is wrong in {folder / 'params.yaml'}, then: cd {there} && make repro && make serve"]
