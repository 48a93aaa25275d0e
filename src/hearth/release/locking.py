"""One at a time: what may change the champion of a repository holds its lock."""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from hearth.errors import ReleaseError
from hearth.release.checkout import Checkout, lend
from hearth.release.moving import heal


@contextmanager
def lock(root: Path, wait: bool = False) -> Iterator[Checkout]:
    """Hold the lock of the repository that ``root`` lies in, after mending what a death under it has left half done.

    The lock is the kernel's: it is free when this process and the commands that it runs have ended, however they ended.

    Raises:
        ReleaseError: another process holds it, and ``wait`` is not asked for; what was left half done cannot be mended; or
            there is no commit yet.
    """
    checkout = Checkout.at(root)
    checkout.require_commit()
    with (checkout.private / "lock").open("a+", encoding="utf-8") as file:
        try:
            lend(file, 0 if wait else fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise ReleaseError(
                f"{checkout.root} is being worked on by {file.read() or 'another process'}; run this again when it has "
                "ended, or with --wait"
            ) from error
        file.truncate(0)
        file.write(f"process {os.getpid()} ({_command()}, since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC)")
        file.flush()
        yield replace(checkout, mended=heal(checkout))


def _command() -> str:
    return " ".join([Path(sys.argv[0]).name, *sys.argv[1:3]])
