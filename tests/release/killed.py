"""Retrain a project again and again and kill it: ``python killed.py PROJECT TRUTHS COPIES DEATH ...``.

Everything is loaded once; each trial is a fork of this process on a copy of its own. ``2.5`` kills it so many seconds after it
began, ``4096B`` lets no file grow longer, as a full disk does. A line of JSON a trial says what it found afterwards, when the
next command had taken the lock. The last line is of a run that is left alone, where the last death came before a promotion.
"""

import json
import os
import resource
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


def trial(root: Path, truths: Returned, death: str) -> dict[str, object]:
    """Kill a run; then look at what is left as the next command would."""
    moment = float("inf") if death.endswith("B") else float(death)
    began, child = time.monotonic(), os.fork()
    if not child:
        try:
            if death.endswith("B"):
                resource.setrlimit(resource.RLIMIT_FSIZE, (int(death[:-1]), resource.RLIM_INFINITY))
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
    """Print a line for each death."""
    project, truths, copies, *deaths = sys.argv[1:]
    raw = json.loads(Path(truths).read_text(encoding="utf-8"))
    returned = Returned(raw["features"], raw["actual"], [""] * len(raw["actual"]))
    roots = [Path(copies) / str(number) for number in range(len(deaths))]
    for root in roots:
        shutil.copytree(project, root, symlinks=True)
    early = [root for root, death in zip(roots, deaths, strict=True) if tell(trial(root, returned, death))]
    for root in early[-1:]:
        tell(trial(root, returned, "inf"))


def tell(found: dict[str, object]) -> bool:
    """Print what was found; whether nothing was promoted."""
    print(json.dumps(found), flush=True)  # noqa: T201 - what the test reads
    return found["logged"] is None


if __name__ == "__main__":
    main()
