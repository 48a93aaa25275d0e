"""``hearth retrain``: a new champion where there is something to learn and learning it pays."""
# ruff: noqa: PLC0415 - what a subcommand needs is imported when it runs

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hearth.cli.console import say
from hearth.imports import boosting, needed

if TYPE_CHECKING:
    from hearth.params import Params
    from hearth.release.retrain import Outcome
    from hearth.release.truths import Returned

PROMOTED, KEPT, NOTHING = 0, 3, 4  # exit codes
MOST = 1_000_000  # truths, the newest, that are looked at


def retrain(
    *,
    only_if: Annotated[
        str, typer.Option(metavar="drift,degradation", help="Go on only where one of these is found in the store.")
    ] = "",
    merge: Annotated[
        bool, typer.Option("--merge/--no-merge", help="Or leave a better build on a branch, retrain/DIGEST.")
    ] = True,
    push: Annotated[
        bool, typer.Option("--push", help="Push the branch to git's origin; else nothing leaves but DVC's.")
    ] = False,
    branch: Annotated[str, typer.Option(help="The branch whose dvc.lock names the champion.")] = "main",
    wait: Annotated[bool, typer.Option("--wait", help="Wait for another command that may change the champion.")] = False,
    verdict: Annotated[Path, typer.Option(help="File of the verdict, whatever it decides.")] = Path("var/verdict.json"),
    database_url: Annotated[str | None, typer.Option(help="The store; else HEARTH_DATABASE_URL, else its default.")] = None,
) -> int:
    """Rebuild on what is new, compare with the champion, and take its place or change nothing.

    New is another table at the source (Kaggle's newest version, or the configured file), and with data.feedback: append the
    truths that came back through the service. The pipeline runs beside this checkout, in a worktree of its last commit, with
    the same cache of DVC. A better build is committed, pushed to DVC's default remote where one is configured, and the
    branch moves to it; until then nothing here changes, however this command ends.

    Exit codes: 0 promoted, 3 the champion stays, 4 nothing new or no reason to look, 1 the input is at fault.
    """
    boosting()
    needed("pyarrow")
    from hearth import params
    from hearth.release.interrupts import orderly
    from hearth.release.layout import Layout
    from hearth.release.locking import lock
    from hearth.release.news import news

    with orderly(), lock(Path.cwd(), wait) as main:
        main.require_ready(branch)
        layout = Layout.read(main.root)
        settings = params.load(main.root / layout.params)
        found = news(main, layout, settings, _returned(settings, database_url))
        for line in (*found.told, f"New: {found.words}." if found else "Nothing is new at the source, and no truth is."):
            say(line)
        if not found:
            return NOTHING
        needed("sklearn")
        from hearth.release.retrain import Wishes
        from hearth.release.retrain import retrain as run

        outcome = run(main, layout, found, Wishes(merge=merge, push=push, verdict=verdict))
    say(_told(outcome, verdict))
    return PROMOTED if outcome.branch else KEPT


def _returned(settings: "Params", url: str | None) -> "Returned":
    """The truths in the store, where they are to be learned from."""
    from hearth.release.truths import Returned

    if settings.data.feedback == "none":
        return Returned()
    needed("sqlalchemy", "serve")
    from api.store.joined import Selection, joined
    from api.store.offline import default_url, reading

    with reading(url or default_url()) as connection:
        rows = joined(connection, Selection(), MOST)
    return Returned(features=rows.features, actual=rows.actual, doubts=[""] * len(rows))


def _told(outcome: "Outcome", verdict: Path) -> str:
    digest = outcome.verdict.candidate.digest
    if outcome.branch:
        decision = f"Promoted: {digest} is the champion on {outcome.branch}."
    elif outcome.withdrawn:
        decision = f"Kept: a rollback withdrew {digest[:12]} before; `hearth registry promote` would bring it back."
    else:
        decision = f"Kept: the champion stays. {verdict} says why."
    return "\n".join([*outcome.verdict.reasons, decision])
