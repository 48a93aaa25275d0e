"""``python -m hearth.release.mending`` mends the ``dvc.lock`` of this folder, before a build that would be refused.

DVC empties the file and writes it anew after each stage: killed in between, it leaves the beginning, and refuses every build
on it. What is whole, by DVC's own judgement, is left alone.
"""

import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dvc.dvcfile import LOCK_FILE, Lockfile
from dvc.exceptions import DvcException
from dvc.output import CHECKSUMS_SCHEMA
from dvc.utils import strictyaml

from hearth.artifacts import replacing_file
from hearth.errors import CommandError, ReleaseError
from hearth.release.commands import git, output

ASIDE = "dvc.lock.broken"  # among DVC's temporary files, which git ignores; of several the last
LEFT = "put back the one of an earlier commit (git checkout COMMIT -- dvc.lock), or remove it, and everything is built anew"


def broken(lock: Path) -> bool:
    """Whether DVC would refuse a lock for what is in it, or fall over it.

    Raises:
        ReleaseError: it cannot be read.
    """
    try:
        found, _ = strictyaml.load(str(lock), Lockfile.SCHEMA)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise ReleaseError(f"{lock} cannot be read: {error.strerror}. It is to be a file of yours, or none") from error
    except (DvcException, ValueError):  # the second for what looks like a date and is none
        return True
    return any(isinstance(value, int) for value in _checksums(found))


def _checksums(lock: Mapping[str, Mapping[str, Any]]) -> Iterator[object]:
    """Of each file that a lock names. One cut behind its first digits reads as a number: the schema takes it, DVC fails."""
    for stage in lock.get("stages", {}).values():
        for file in (*stage.get("deps", ()), *stage.get("outs", ())):
            yield from (file[name] for name in CHECKSUMS_SCHEMA if name in file)


def mend(folder: Path) -> str | None:
    """Put git's lock in the place of a broken one, or none where git has none; say what was done, if anything was.

    The lock is whole or as it was at every moment, and nobody else's DVC is writing it meanwhile.

    Raises:
        ReleaseError: it is broken, and a person has to decide; or this user may not write here.
    """
    lock = folder / LOCK_FILE
    if not broken(lock):
        return None
    from dvc.repo import Repo  # noqa: PLC0415 - costs more than the judgement, and is hardly ever needed

    try:
        with Repo(str(folder)) as repo, repo.lock:
            # Half written, it has looked broken until the DVC that was at work there was done with it.
            return _mended(lock, Path(repo.tmp_dir) / ASIDE) if broken(lock) else None
    except DvcException as error:
        raise ReleaseError(f"{lock} is broken and was left as it is: {error}") from error
    except OSError as error:
        raise ReleaseError(f"{lock} is broken and cannot be mended: {error.filename}: {error.strerror}") from error


def _mended(lock: Path, aside: Path) -> str:
    kept = _kept(lock)
    with replacing_file(aside) as temporary:
        shutil.copyfile(lock, temporary)
    if kept is None:
        lock.unlink()
        return f"{LOCK_FILE} was broken, and git has none: everything is built anew; the broken one is {aside}"
    with replacing_file(lock) as temporary:
        temporary.write_bytes(kept)
        if broken(temporary):
            raise ReleaseError(f"{lock} is broken, and so is the one in git: {LEFT}")
    return f"{LOCK_FILE} was broken, as by a build that was killed: git's is back in its place, the broken one is {aside}"


def _kept(lock: Path) -> bytes | None:
    """The lock as git's index has it, which holds the last commit's until another is added.

    Raises:
        ReleaseError: git cannot tell, or a merge is not decided.
    """
    try:
        staged = git(lock.parent, "ls-files", "--stage", "--", LOCK_FILE)
        marked = strictyaml.merge_conflict_marker.search(lock.read_text(encoding="utf-8", errors="replace"))
        if marked or (staged and " 0\t" not in staged):
            raise ReleaseError(
                f"{lock} is in conflict after a merge: choose what stays (git checkout --ours {LOCK_FILE} takes one side, "
                f"--theirs the other), `git add {LOCK_FILE}`, and build again"
            )
        return output(["git", "cat-file", "--filters", f":./{LOCK_FILE}"], lock.parent) if staged else None
    except CommandError as error:
        raise ReleaseError(f"{lock} is broken, and git cannot put it back: {LEFT}. {error}") from error


def main() -> int:
    """Mend the lock of the working folder; 1 where a person has to."""
    try:
        done = mend(Path.cwd())
    except ReleaseError as error:
        sys.stderr.write(f"hearth: {error}\n")
        return error.exit_code
    if done:
        sys.stderr.write(f"hearth: {done}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
