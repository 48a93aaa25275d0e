"""``hearth init``: a project for a table."""
# ruff: noqa: PLC0415 - what a subcommand needs is imported when it runs

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hearth.cli.console import say
from hearth.errors import HearthError
from hearth.imports import needed

if TYPE_CHECKING:
    from hearth.project.table import Guessed


def init(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="CSV file with a header, UTF-8.")],
    target: Annotated[str, typer.Option(metavar="COLUMN", help="The column to predict.")],
    task: Annotated[
        Literal["regression", "classification"] | None, typer.Option(help="If the guess from the target would be wrong.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to make; else one of the file's name, here.")] = None,
) -> None:
    """Make a project folder for a table: its contract, guessed from what it holds, and the graph that builds on it.

    Asks nothing and overwrites nothing; prints what was assumed, which params.yaml holds to be corrected.
    """
    needed("pyarrow")
    needed("dvc")
    from hearth.project import layout, table

    if not source.is_file():
        raise HearthError(f"{source} is no file that can be read: name a CSV file")
    guessed = table.guess(source, target, task)
    folder = out or Path(source.stem)
    layout.lay(layout.guessed_project(source.stem, guessed), source, folder)
    say("\n".join(_told(guessed, folder)))


def _told(guessed: "Guessed", folder: Path) -> list[str]:
    contract = guessed.contract
    width = max(len(ascii(one.feature.name)) for one in guessed.guesses)
    lines = [f"{contract.target.task} of {contract.target.name!a}, {guessed.rows} rows: {guessed.why}"]
    for one in guessed.guesses:
        kind = one.feature.type if one.feature.use else "-"
        gaps = ", may be missing" if one.feature.use and not one.feature.required else ""
        lines.append(f"  {one.feature.name!a:<{width}}  {kind:<8}  {one.why}{gaps}")
    return [*lines, f"Correct what is wrong in {folder / 'params.yaml'}, then: cd {folder} && make repro && make serve"]
