"""``hearth registry promote``, ``rollback``, ``history``, ``sync``, and ``hearth reproduce``: the champion, as git has it."""
# ruff: noqa: PLC0415 - what a subcommand needs is imported when it runs

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hearth.cli.console import columns, say
from hearth.cli.registry import Json, Name, opened, registry
from hearth.errors import HearthError, ReleaseError, TrackingError
from hearth.imports import needed

if TYPE_CHECKING:
    from hearth.release.checkout import Checkout
    from hearth.release.promotions import Entry

DIFFERS = 2  # exit code of `hearth reproduce`
Wait = Annotated[bool, typer.Option("--wait", help="Wait for another command that is changing the champion.")]


@registry.command("promote", epilog="Example: hearth registry promote challenger --verdict reports/verdict.json")
def promote(
    version: Name,
    verdict: Annotated[Path | None, typer.Option(help="What hearth gate wrote: it must promote this very bundle.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Without a verdict; wants --why.")] = False,
    why: Annotated[str, typer.Option(help="For the log; else the reasons of the verdict.")] = "",
    wait: Wait = False,
) -> None:
    """Make a version champion: a commit on the branch that is checked out, its line in the log, and MLflow's alias.

    The build may lie here uncommitted, or be a commit. If it is interrupted, the next command brings it to its end; to run it
    again does no harm.
    """
    needed("yaml")
    from hearth.release import champion
    from hearth.release.locking import lock

    if force == (verdict is not None) or (force and not why):
        raise ReleaseError("give --verdict FILE, or --force with --why and the reason")
    with lock(Path.cwd(), wait) as main:
        digest = _digest(main, version, _judged(verdict))
        lies_there = champion.named(main, None) == digest != champion.named(main)
        build = None if lies_there else champion.commit_of(main, digest, champion.log(main))
        entry = champion.promote(main, build, verdict, why)
        _tell(main, entry)


@registry.command("rollback", epilog="Example: hearth registry rollback --why 'truths of March were wrong'")
def rollback(
    version: Annotated[str | None, typer.Argument(metavar="[VERSION]", help="Which champion; else the one before.")] = None,
    why: Annotated[str, typer.Option(help="For the log.")] = "",
    wait: Wait = False,
) -> None:
    """Put an earlier champion back, bit for bit: a commit with its dvc.lock, params.yaml, reports and data.

    The code stays as it is. Without VERSION each call goes one champion further back.
    """
    needed("yaml")
    from hearth.release import champion
    from hearth.release.locking import lock

    with lock(Path.cwd(), wait) as main:
        entry = champion.rollback(main, _digest(main, version) if version else None, why)
        _tell(main, entry)


@registry.command("history", epilog="Example: hearth registry history --json")
def history(as_json: Json = False) -> int:
    """Print which bundle was champion since when, why, and by whose verdict. Exit code 1: git names another champion."""
    needed("yaml")
    from hearth.release import champion
    from hearth.release.checkout import Checkout

    main = Checkout.at(Path.cwd())
    entries = champion.log(main)
    say(json.dumps([asdict(one) for one in entries], indent=1, ensure_ascii=False) if as_json else _history(entries))
    named = champion.named(main)
    if named is None or named in [one.digest for one in entries[-1:]]:
        return 0
    sys.stderr.write(
        f"hearth: dvc.lock of the last commit names {named[:12]}, which was committed without a promotion; the next "
        "promotion or rollback adds its line\n"
    )
    return 1 if entries else 0


def _history(entries: Sequence["Entry"]) -> str:
    cells = [
        [one.sequence, one.time, one.action, one.digest[:12], one.by, one.verdict.sha256[:12] if one.verdict else "-", one.why]
        for one in entries
    ]
    return columns([["", "since (UTC)", "action", "champion", "by", "verdict", "why"], *cells])


@registry.command("sync", epilog="Example: hearth registry sync")
def sync(wait: Wait = False) -> None:
    """Finish what was interrupted, and move MLflow's alias champion to the bundle that git names."""
    needed("yaml")
    from hearth.release import champion
    from hearth.release.locking import lock

    with lock(Path.cwd(), wait) as main:
        if (digest := champion.named(main)) is None:
            raise ReleaseError(f"dvc.lock of {main.branch} names no bundle that is here; `dvc pull` brings it")
        say(opened(main).crown(digest))


def reproduce(
    version: Name,
    source: Annotated[bool, typer.Option("--source", help="Read a source that is not in git again too.")] = False,
) -> int:
    """Build a released bundle again from its commit, in a worktree, every stage of it, and compare the digests.

    The code is that commit's, the libraries are those of this environment. A table that is not in git is the one that DVC
    recorded, unless --source is given.

    Exit codes: 0 the same digest, 1 it cannot be built, 2 another digest; which outs and files differ is printed.
    """
    needed("yaml")
    from hearth.release import champion
    from hearth.release.checkout import Checkout
    from hearth.release.reproduce import rebuild

    main = Checkout.at(Path.cwd())
    digest = _digest(main, version)
    commit = champion.commit_of(main, digest, champion.log(main))
    found = rebuild(main, commit, source)
    begun = "from its source" if found.whole else "from the table that DVC recorded"
    if found.digest == digest:
        say(f"{digest} comes out again of {commit[:12]}, {begun}")
    else:
        say(f"{digest} does not come out of {commit[:12]}, {begun}: {found.digest} does")
    for kind, names in (("out", found.outs), ("file of the bundle", found.files)):
        for name in names:
            say(f"  another {kind}: {name}")
    return 0 if found.digest == digest else DIFFERS


def _tell(main: "Checkout", entry: "Entry") -> None:
    """Say who is champion, and let the alias follow."""
    say(f"champion is {entry.digest} ({main.branch} is at {main.commit[:12]})")
    crown(main, entry)


def crown(main: "Checkout", entry: "Entry") -> None:
    """Move MLflow's alias to the champion; where that fails say so, for the champion stands all the same."""
    try:
        say(opened(main).crown(entry.digest, entry.commit))
    except HearthError as error:  # MLflow is away, or knows no such version, or is not installed
        sys.stderr.write(
            f"hearth: git names the champion; MLflow's alias was not moved, `hearth registry sync` does it: {error}\n"
        )


def _judged(verdict: Path | None) -> list[str]:
    """The digest that a verdict is about."""
    from hearth.release.verdict import read

    return [read(verdict).candidate.digest] if verdict else []


def _digest(main: "Checkout", name: str, others: Sequence[str] = ()) -> str:
    """The digest of a version: one in the log or among the others, else of any commit, else one that MLflow knows.

    A number of MLflow's comes first.
    """
    from hearth.release import champion
    from hearth.release.names import completed, find, may_begin

    known = {*others, *(one.digest for one in champion.log(main)), *filter(None, [champion.named(main, None)])}
    if may_begin(name):
        if numbered := _numbered(main, name):
            return numbered
        if not any(digest.startswith(name) for digest in known):
            known |= {*champion.builds(main)}
        if any(digest.startswith(name) for digest in known):
            return completed(name, known)
    try:
        return find(name, opened(main).versions()).digest
    except TrackingError as error:
        raise ReleaseError(f"no commit here names a bundle {name}, and MLflow cannot be asked: {error}") from error


def _numbered(main: "Checkout", name: str) -> str | None:
    """The digest of the version that has this number; none where MLflow cannot be asked."""
    from hearth.release.names import may_number

    if not may_number(name):
        return None
    try:
        return next((one.digest for one in opened(main).versions() if name == str(one.number)), None)
    except HearthError:  # it is away, or not installed: git knows digests without it
        return None
