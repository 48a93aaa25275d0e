"""Retrain a project again and again and kill it: ``python killed.py PROJECT TRUTHS COPIES MOMENT ...``.

Everything is loaded once; each trial is a fork of this process on a copy of its own, killed so many seconds after it began. A
line of JSON a trial says what it found afterwards, when the next command had taken the lock. The last line is of a run that
is left alone, where the last kill came too early for a promotion.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from hearth import params
from hearth.bundle import verify
from hearth.release import champion
from hearth.release.layout import Layout
from hearth.release.locking import lock
from hearth.release.news import news
from hearth.release.retrain import Wishes, retrain
from hearth.release.truths import Returned


def retrained(root: Path, truths: Returned) -> None:
    """What the command does."""
    with lock(root) as main:
        layout = Layout.read(root)
        found = news(main, layout, params.load(root / layout.params), truths)
        retrain(main, layout, found, Wishes(verdict=root / "var/verdict.json"))


def trial(root: Path, truths: Returned, moment: float) -> dict[str, object]:
    """Kill a run; then look at what is left as the next command would."""
    began, child = time.monotonic(), os.fork()
    if not child:
        try:
            retrained(root, truths)
        finally:
            os._exit(0)
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() - began > moment:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            break
        time.sleep(0.005)
    with lock(root, wait=True) as main:
        entries = champion.log(main)
        return {
            "seconds": time.monotonic() - began,
            "served": verify(root / "models/production"),
            "named": champion.named(main),
            "logged": entries[-1].digest if entries else None,
            "status": subprocess.run(
                ["git", "status", "--porcelain"], cwd=root, capture_output=True, text=True, check=True
            ).stdout,
        }


def main() -> None:
    """Print a line for each moment."""
    project, truths, copies, *moments = sys.argv[1:]
    raw = json.loads(Path(truths).read_text(encoding="utf-8"))
    returned = Returned(raw["features"], raw["actual"], [""] * len(raw["actual"]))
    roots = [Path(copies) / str(number) for number in range(len(moments))]
    for root in roots:
        shutil.copytree(project, root, symlinks=True)
    early = [root for root, moment in zip(roots, moments, strict=True) if tell(trial(root, returned, float(moment)))]
    for root in early[-1:]:
        tell(trial(root, returned, float("inf")))


def tell(found: dict[str, object]) -> bool:
    """Print what was found; whether nothing was promoted."""
    print(json.dumps(found), flush=True)  # noqa: T201 - what the test reads
    return found["logged"] is None


if __name__ == "__main__":
    main()
