"""``hearth retrain``: a new champion where there is something to learn and learning it pays."""
# ruff: noqa: PLC0415 - what a subcommand needs is imported when it runs

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hearth.cli.console import require_place, say
from hearth.cli.drifting import drift
from hearth.cli.evaluating import MOST, evaluated
from hearth.errors import HearthError
from hearth.imports import boosting, needed

if TYPE_CHECKING:
    from hearth.release.retrain import Outcome
    from hearth.release.truths import Returned

PROMOTED, KEPT, NOTHING = 0, 3, 4  # exit codes
FOUND, TOO_FEW = 2, 3  # those of `hearth drift`
STORE = "HEARTH_DATABASE_URL"
UNASKED = "Nothing is new at the source; truths are not learned from: data.feedback is none, and append would take them."


def retrain(
    *,
    only_if: Annotated[
        str, typer.Option(metavar="drift,degradation", help="Go on only where the store shows one of these.")
    ] = "",
    merge: Annotated[
        bool, typer.Option("--merge/--no-merge", help="Or leave what is better on a branch, retrain/DIGEST.")
    ] = True,
    push: Annotated[bool, typer.Option("--push", help="Push the branch to origin too.")] = False,
    branch: Annotated[str, typer.Option(help="The branch whose dvc.lock names the champion.")] = "main",
    wait: Annotated[bool, typer.Option("--wait", help="Wait for another command that is changing the champion.")] = False,
    verdict: Annotated[Path, typer.Option(help="File of the verdict, whatever it decides.")] = Path("var/verdict.json"),
    database_url: Annotated[
        str | None, typer.Option(help="The store; else HEARTH_DATABASE_URL, else that of a service without settings.")
    ] = None,
) -> int:
    """Rebuild on what is new, compare with the champion, and take its place or change nothing.

    New is another table at the source (Kaggle's newest version, or the configured file), and with data.feedback: append the
    truths that came back through the service. The pipeline runs beside this checkout, in a worktree of its last commit with
    the same cache of DVC. A better build is committed, pushed to DVC's default remote where there is one, and the branch moves
    to it; until then nothing here changes, however this command ends.

    Exit codes: 0 promoted, 1 the input is at fault, 3 the champion stays, 4 nothing is new or nothing is found to go on for.
    """
    looks = _looks(only_if)
    boosting()
    needed("pyarrow")
    from hearth import params
    from hearth.release.interrupts import orderly
    from hearth.release.layout import Layout
    from hearth.release.locking import lock
    from hearth.release.news import news

    with orderly(), lock(Path.cwd(), wait) as main:
        main.require_ready(branch, push)
        require_place(verdict)
        layout = Layout.read(main.root)
        bundle, settings = main.root / layout.bundle, params.load(main.root / layout.params)
        if looks and not any(LOOKS[one](bundle, main.root / layout.prepared, database_url) for one in looks):
            say(f"Nothing is found to go on for: no {', no '.join(looks)}.")
            return NOTHING
        learn = settings.data.feedback == "append"
        found = news(main, layout, settings, *([_returned(bundle, database_url)] if learn else []))
        nothing = "Nothing is new at the source, and no truth is." if learn else UNASKED
        say("\n".join([*found.told, f"New: {found.words}." if found else nothing]))
        if not found:
            return NOTHING
        needed("sklearn")
        from hearth.release.retrain import Wishes
        from hearth.release.retrain import retrain as run

        outcome = run(main, layout, found, Wishes(merge=merge, push=push, verdict=verdict))
        say(_told(outcome, verdict))
        if outcome.entry and merge and settings.tracking.enabled:
            from hearth.cli.release import crown

            crown(main, outcome.entry)
    return PROMOTED if outcome.entry else KEPT


def _looks(text: str) -> Sequence[str]:
    """What is to be found first, each a name in ``LOOKS``."""
    names = [name.strip() for name in text.split(",")] if text else []
    if unknown := [name for name in names if name not in LOOKS]:
        raise HearthError(f"--only-if takes {', '.join(LOOKS)}, separated by commas, not {', '.join(unknown)!r}")
    return names


def _drifted(bundle: Path, prepared: Path, url: str | None) -> bool:
    """Whether the newest window shows drift: the rows that wait to be judged, or, if they are too few, the last that was."""
    code = drift(bundle=bundle, prepared=prepared, database_url=url)
    if code != TOO_FEW:
        return code == FOUND
    from api.judging import drifted
    from api.store.offline import default_url, reading
    from api.store.windows import latest
    from hearth.bundle import verify

    with reading(url or default_url()) as connection:
        last = latest(connection, verify(bundle))
    return last is not None and bool(drifted(last))


def _degraded(bundle: Path, _prepared: Path, url: str | None) -> bool:
    """Whether the error is above the bundle's, by the truths that nothing speaks against."""
    return evaluated(bundle, url).findings.believed == "degraded"


LOOKS = {"drift": _drifted, "degradation": _degraded}


def _returned(bundle: Path, url: str | None) -> "Returned":
    """The truths in the store, and what speaks against some of them: judged by the bundle that lies here."""
    needed("sqlalchemy", "serve")
    from sqlalchemy import make_url

    from api.store.joined import Selection, joined
    from api.store.offline import default_url, reading
    from hearth.bundle import read
    from hearth.monitoring.trust import doubts
    from hearth.release.truths import Returned

    place = url or default_url()
    if not place or (not url and STORE not in os.environ and not Path(make_url(place).database or "").exists()):
        say(f"No store is named by --database-url or {STORE}, and no service has kept one here: no truths are looked for.")
        return Returned()
    with reading(place) as connection:
        rows = joined(connection, Selection(), MOST)
    judge = read(bundle)
    return Returned(rows.features, rows.actual, doubts(judge.contract, judge.conformal, rows))


def _told(outcome: "Outcome", verdict: Path) -> str:
    digest = outcome.verdict.candidate.digest
    if outcome.entry:
        decision = f"Promoted: {digest} is the champion on {outcome.branch}."
    elif outcome.withdrawn:
        decision = f"Kept: a rollback withdrew {digest[:12]} before; `hearth registry promote` would bring it back."
    else:
        decision = f"Kept: the champion stays. The verdict is in {verdict}."
    return "\n".join([*outcome.verdict.reasons, decision])
