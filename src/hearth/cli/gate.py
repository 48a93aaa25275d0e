"""``hearth gate``: whether a candidate takes the champion's place."""
# ruff: noqa: PLC0415 - what a subcommand needs is imported when it runs

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hearth.cli.console import require_place, save, say
from hearth.cli.scoring import PRODUCTION
from hearth.errors import GateError
from hearth.imports import boosting, needed

if TYPE_CHECKING:
    from hearth.release.build import Build
    from hearth.release.verdict import Verdict

KEPT = 3  # exit code: the champion stays


def gate(  # noqa: PLR0913 - options of a command
    candidate: Annotated[Path, typer.Argument(help="Folder of the candidate's bundle, or of the checkout that it lies in.")],
    champion: Annotated[Path | None, typer.Argument(help="The same of the champion; none: the candidate is the first.")] = None,
    *,
    params: Annotated[Path, typer.Option(help="Settings: release and evaluate say how the two are compared.")] = Path(
        "params.yaml"
    ),
    out: Annotated[Path, typer.Option(help="File of the verdict.")] = Path("reports/verdict.json"),
    by: Annotated[str | None, typer.Option(help="Who asks; else the user of git, else hearth.")] = None,
    candidate_data: Annotated[
        Path | None, typer.Option(help="Folder of prepared/ and raw/; else data/ of the bundle's checkout.")
    ] = None,
    champion_data: Annotated[Path | None, typer.Option(help="The same of the champion.")] = None,
    replay: Annotated[
        Path | None, typer.Option(metavar="VERDICT", help="Compute this verdict again, by its own rule, and compare.")
    ] = None,
) -> int:
    """Compare a candidate with the champion and write the verdict. Exit codes: 0 it is better or the first, 3 it is not.

    The two models are compared on rows that neither was trained on, or, where there are too few, their recipes by
    cross-validation; either way by a test that promotes one no better with a chance of release.alpha at most.

    With --replay nothing is written: exit code 0 where the verdict comes out again to the byte, 1 where it does not.
    """
    needed("pyarrow")
    boosting()
    needed("sklearn")
    from hearth import params as settings
    from hearth.release import verdict
    from hearth.release.gate import judge

    if replay:
        recorded = verdict.read(replay)
        rule, name = recorded.rule, recorded.by
    else:
        rule, name = verdict.Rule.of(settings.load(params)), by or _git_user()
        require_place(out)
    found = judge(_build(candidate, candidate_data), _build(champion, champion_data) if champion else None, rule, name)
    say(_table(found))
    if replay:
        return _same(recorded, found, replay)
    save(out, found.text().encode())
    return 0 if found.promoted else KEPT


def _same(recorded: "Verdict", found: "Verdict", path: Path) -> int:
    from hearth.release.verdict import differences

    changed = differences(recorded, found)
    if not changed and path.read_bytes() != found.text().encode():
        changed = ["its bytes are not those that hearth gate writes, though they say the same"]
    if changed:
        raise GateError("\n".join([f"{path} does not come out again:", *(f"  - {line}" for line in changed)]))
    return 0


def _build(place: Path, data: Path | None) -> "Build":
    """The build whose bundle lies at ``place`` or, in a checkout, below it."""
    from hearth.bundle.format import MANIFEST
    from hearth.release.build import Build

    below = place / PRODUCTION
    bundle = below if not (place / MANIFEST).exists() and below.is_dir() else place
    data = data or Path(os.path.normpath(bundle.absolute() / "../..")) / "data"
    return Build.read(bundle, data / "prepared", data / "raw")


def _git_user() -> str:
    command = ["git", "config", "user.name"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - no input of anybody's
    except FileNotFoundError:
        return "hearth"
    return said.stdout.strip() or "hearth"


def _table(found: "Verdict") -> str:
    """The verdict for a person."""
    sides = {"candidate": found.candidate, "champion": found.champion}
    measured = found.outcome
    lines = [f"{'':<12}{'bundle':<14}{'table':>8}{'trained on':>12}{measured.metric if measured else '':>12}"]
    for name, side in sides.items():
        if side:
            score = f"{getattr(measured, name):g}" if measured else ""
            lines.append(f"{name:<12}{side.digest[:12]:<14}{side.rows['table']:>8}{side.rows['train']:>12}{score:>12}")
    if measured:
        between = f"{100 * measured.confidence:g} % interval {measured.low:g} to {measured.high:g}"
        lines.append(f"{'difference':<46}{measured.difference:>12g}   {between}, p {measured.p_value:g} (one-sided)")
    return "\n".join([*(line.rstrip() for line in lines), *found.reasons, f"Decision: {found.decision}."])
