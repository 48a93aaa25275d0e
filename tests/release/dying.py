"""Changes of the champion that end in death: a small server that forks one for each line it reads, and kills it.

Forking spares each of them the seconds that imports take.
"""

import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import hearth.release.moving
from hearth.release import champion
from hearth.release.checkout import Checkout
from hearth.release.locking import lock
from hearth.release.moving import advance
from hearth.release.outs import Cache

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Reaper:
    """The server, seen from a test."""

    process: subprocess.Popen[str]

    def ask(
        self, root: Path, action: str, argument: str = "", place: str = "", after: float | None = None
    ) -> tuple[int, float]:
        """Let a process promote, move to a commit or roll back, and die at a place or after so many seconds.

        Returns its exit code, negative for a signal, and the seconds that it lived.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([str(root), action, argument, place, after]) + "\n")
        self.process.stdin.flush()
        code, lived = json.loads(self.process.stdout.readline())
        return int(code), float(lived)


def reaper() -> subprocess.Popen[str]:
    """Start the server."""
    command = [sys.executable, "-m", "tests.release.dying"]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def change(root: Path, action: str, argument: str) -> None:
    """Do it."""
    with lock(root, wait=True) as main:
        if action == "move":
            advance(main, argument)
        elif action == "rollback":
            champion.rollback(main)
        else:
            champion.promote(main, argument, None, "better")


def die_at(place: str) -> None:
    """Make this process die at ``function before`` or ``function after``, or ``function:word`` for a call with the word."""
    named, _, when = place.partition(" ")
    name, _, word = named.partition(":")
    original = getattr(hearth.release.moving, name)

    def dies(*given: object, **options: object) -> object:
        hit = not word or word in given
        if hit and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*given, **options)
        if hit:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(hearth.release.moving, name, dies)


def forked(root: Path, action: str, argument: str, place: str) -> int:
    """The process id of one that does it, at the head of a group of its own."""
    child = os.fork()
    os.setpgid(child, child)  # by both, as either may be first
    if child:
        return child
    code = 1
    try:
        if place:
            die_at(place)
        change(root, action, argument)
        code = 0
    finally:
        os._exit(code)


def serve() -> None:
    """Answer lines until there are no more."""
    for line in sys.stdin:
        root, action, argument, place, after = json.loads(line)
        Cache.of(Checkout.at(Path(root)))  # takes a second, and is remembered
        began = time.monotonic()
        child = forked(Path(root), action, argument, place)
        watched = os.pidfd_open(child)
        if after is not None and not select.select([watched], [], [], after)[0]:
            os.killpg(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        os.close(watched)
        print(json.dumps([os.waitstatus_to_exitcode(status), time.monotonic() - began]), flush=True)  # noqa: T201


if __name__ == "__main__":
    serve()
