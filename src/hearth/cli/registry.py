"""``hearth registry``: versions of the model, and which of them is champion."""
# ruff: noqa: PLC0415 - what a subcommand needs is imported when it runs

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hearth.cli.console import columns, say
from hearth.errors import ReleaseError
from hearth.imports import needed

if TYPE_CHECKING:
    from hearth.release.checkout import Checkout
    from hearth.release.registry import Registry

registry = typer.Typer(
    help="""List the versions of the model, compare them, say which is champion.

    A VERSION is its number in MLflow, an alias of it (champion, challenger), or the first digits of its digest. Who is champion
    stands in git: dvc.lock of the branch names it, reports/promotions.jsonl says why. MLflow's alias follows.""",
    epilog="Exit codes: 0 fine, 1 the call, the repository or MLflow is at fault.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Name = Annotated[str, typer.Argument(metavar="VERSION", help="Number, alias, or four or more digits of the digest.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@registry.command("list", epilog="Example: hearth registry list")
def list_models(as_json: Json = False) -> None:
    """Print the models that MLflow has registered, with their aliases."""
    models = opened().models()
    if as_json:
        return say(json.dumps(models, indent=1))
    lines = [[name, ", ".join(f"{alias} {number}" for alias, number in aliases.items())] for name, aliases in models.items()]
    return say(columns([["model", "aliases"], *lines]))


@registry.command("versions", epilog="Example: hearth registry versions --json")
def versions(as_json: Json = False) -> None:
    """Print the versions of the model, the oldest first."""
    found = opened().versions()
    if as_json:
        return say(json.dumps([asdict(one) for one in found], indent=1))
    lines = [[one.number, one.digest[:12], one.made, one.data[:12], one.commit[:12], ", ".join(one.aliases)] for one in found]
    return say(columns([["version", "digest", "made", "data", "commit", "aliases"], *lines]))


@registry.command("compare", epilog="Example: hearth registry compare champion challenger")
def compare(a: Name, b: Name, as_json: Json = False) -> None:
    """Print the figures of two versions side by side, and in what their settings and data differ.

    cv is the mean of the repeated cross-validation and its standard deviation over the folds, test the value on the test rows
    with its interval. To decide between them is for hearth gate, which compares row by row.
    """
    from hearth.release import compared
    from hearth.release.names import find

    where = opened()
    known = where.versions()
    sides = [find(name, known) for name in (a, b)]
    left, right = (where.metadata(one) for one in sides)
    figures = compared.pairs(left, right)
    settings = compared.different(compared.settings(left), compared.settings(right))
    data = compared.different(compared.data(left), compared.data(right))
    if as_json:
        numbers = {name: asdict(one) for name, one in zip("ab", sides, strict=True)}
        return say(json.dumps({**numbers, "metrics": figures, "settings": settings, "data": data}, indent=1))
    differing = {name: ["-" if one is None else one for one in pair] for name, pair in {**settings, **data}.items()}
    lines: list[list[object]] = [[name, *(_figure(one) for one in pair)] for name, pair in figures.items()]
    lines += [[name, *pair] for name, pair in differing.items()]
    return say(columns([["", *(f"version {one.number} ({one.digest[:12]})" for one in sides)], *lines]))


def _figure(one: Mapping[str, float | None] | None) -> str:
    """``mean +- sd`` or ``value [low, high]``; a dash where there is none."""
    shown = ["-" if (part := (one or {}).get(key)) is None else f"{part:.4g}" for key in ("mean", "sd", "value", "low", "high")]
    mean, sd, value, low, high = shown
    return f"{mean} +- {sd}" if mean != "-" else "-" if value == "-" else f"{value} [{low}, {high}]"


@registry.command("best", epilog="Example: hearth registry best --json")
def best(
    like: Annotated[
        str | None, typer.Argument(metavar="[VERSION]", help="Rank versions on its data; else the champion's.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print the versions on the same data by their cross-validated score, the best first.

    That one is ahead here by chance is likely where the scores are close: hearth gate decides.
    """
    from hearth.release import compared
    from hearth.release.names import find

    where = opened()
    known = where.versions()
    if not known:
        raise ReleaseError(f"{where.model} has no version yet: a build with tracking on registers one")
    chosen = find(like, known) if like else next((one for one in known if "champion" in one.aliases), known[-1])
    told = {one.number: where.metadata(one) for one in known if one.data == chosen.data}
    ranked, score = compared.ranked(told, chosen.number), compared.score(told[chosen.number])
    digests = {one.number: one.digest for one in known}
    if as_json:
        lines = [{"number": number, "digest": digests[number], "mean": mean, "sd": sd} for number, mean, sd in ranked]
        return say(json.dumps({"score": score, "data": chosen.data, "versions": lines}, indent=1))
    cells = [[number, digests[number][:12], f"{mean:.6g} +- {sd:.3g}"] for number, mean, sd in ranked]
    return say(columns([["version", "digest", f"{score} (cross-validated)"], *cells]))


@registry.command("alias", epilog="Example: hearth registry alias shadow 7")
def alias(
    name: Annotated[str, typer.Argument(help="The alias: a word, no number and no beginning of a digest.")],
    version: Annotated[str | None, typer.Argument(metavar="[VERSION]", help="Where it points to from now on.")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the alias instead.")] = False,
) -> None:
    """Point an alias to a version, or remove it. The champion's is moved by promote and rollback alone."""
    from hearth.release.names import find

    if remove == (version is not None):
        raise ReleaseError("give the VERSION that the alias is to point to, or --remove")
    where = opened()
    chosen = find(version, where.versions()) if version else None
    where.set_alias(name, chosen)
    say(f"{name} is version {chosen.number}" if chosen else f"{name} is removed")


def opened(checkout: "Checkout | None" = None) -> "Registry":
    """The registry that the settings of a checkout name, by default of the one that this is run in."""
    needed("mlflow")
    from hearth import params
    from hearth.release.checkout import Checkout
    from hearth.release.registry import Registry

    root = (checkout or Checkout.at(Path.cwd())).root
    return Registry.of(root, params.load(root / "params.yaml"))
