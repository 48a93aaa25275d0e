"""Move the branch that is checked out to a commit, with its files and outs, so that a death at any moment does no harm.

What must not fail is done first: the commit is made, its outs are in the cache, no file of a person is in the way. Then a
journal says where from and where to, and the branch moves: one step of git, before which all is old and after which all is
new. The files, the index and the outs follow, each whole or not at all; where a death comes between, the next command
carries the journal out before it does anything else.
"""

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from hearth.artifacts import write_json
from hearth.bundle.format import verify
from hearth.errors import BundleError, CommandError, ReleaseError
from hearth.release import outs
from hearth.release.checkout import Checkout
from hearth.release.commands import git
from hearth.release.outs import Cache

JOURNAL = "move.json"
PATIENCE = (
    2.0  # seconds after which a lock on a branch is taken for that of a git that was killed; git holds one for an instant
)
ABSENT = "0" * 40
FILES = ("100644", "100755")  # modes of what a move may change: no links, no submodules


@dataclass(frozen=True, slots=True)
class Move:
    """From one commit of a branch to a later one, both in full; the folder of DVC's cache."""

    branch: str
    before: str
    after: str
    cache: str


@dataclass(frozen=True, slots=True)
class Change:
    """What a move makes of a file: its mode afterwards, its blob before and after, ``ABSENT`` for none."""

    mode: str
    before: str
    after: str


def advance(checkout: Checkout, commit: str) -> None:
    """Move the branch, the index, the files and the outs to a commit that descends from the present one.

    The caller holds the lock. What a person has changed in files that the move does not touch is left alone.

    Raises:
        ReleaseError: the commit is no descendant, a changed file is in the way, an out can be had nowhere: nothing was done.
        CommandError: git or DVC failed; where the branch has moved, the next command carries out the rest.
    """
    after = git(checkout.root, "rev-parse", "--verify", f"{commit}^{{commit}}")
    move = Move(checkout.branch, checkout.commit, after, str(fetched(checkout, after).folder))
    if git(checkout.root, "merge-base", move.before, after) != move.before:
        raise ReleaseError(f"{move.branch} has moved on: {after[:12]} does not follow {move.before[:12]}; run this again")
    changes = _changes(checkout, move)
    _require_free(checkout, changes)
    write_json(checkout.private / JOURNAL, asdict(move))
    with _index_held(checkout):
        git(checkout.root, "update-ref", "-m", "hearth: champion", f"refs/heads/{move.branch}", after, move.before)
        _write_files(checkout, changes)
    _write_outs(checkout, move, changes)
    (checkout.private / JOURNAL).unlink()


def heal(checkout: Checkout) -> bool:
    """Carry out a move that a death has interrupted, or forget it where the branch did not move. The caller holds the lock.

    Returns whether there was something to carry out.

    Raises:
        ReleaseError: a person has since changed what the move would write, or has switched to another branch.
    """
    journal = checkout.private / JOURNAL
    if not journal.exists():
        return False
    move = Move(**json.loads(journal.read_bytes()))
    if checkout.branch != move.branch:
        raise ReleaseError(f"{move.branch} was being moved when a process died: `git switch {move.branch}` and run this again")
    _free_branch(checkout, move.branch)
    changes = _changes(checkout, move)
    with _index_held(checkout):
        moved = checkout.commit == move.after
        if moved:
            _require_free(checkout, changes)
            _write_files(checkout, changes)
    if moved:
        _write_outs(checkout, move, changes)
    journal.unlink()
    return moved


def fetched(checkout: Checkout, commit: str) -> Cache:
    """DVC's cache with every out of a commit in it, brought from a remote where it is not there.

    Raises:
        ReleaseError: no remote has it either.
    """
    cache, wanted = Cache.of(checkout), outs.read(checkout, commit).sums.values()
    why = _fetch(checkout, commit) if cache.missing(wanted) else ""
    if cache.missing(wanted):
        raise ReleaseError(
            f"outs of {commit[:12]} are missing from {cache.folder} and no remote has them; `hearth reproduce` builds them "
            f"again. {why}".rstrip()
        )
    return cache


def _fetch(checkout: Checkout, commit: str) -> str:
    """Bring the outs of a commit from its remote; return why that failed."""
    with checkout.worktree(commit) as tree:
        try:
            tree.run("dvc", "fetch")
        except CommandError as error:
            return str(error)
    return ""


def _changes(checkout: Checkout, move: Move) -> dict[str, Change]:
    words = git(checkout.root, "diff-tree", "-r", "-z", "--no-renames", move.before, move.after).split("\0")
    pairs = zip(words[:-1:2], words[1::2], strict=True)
    return {path: Change(*(about.split()[i] for i in (1, 2, 3))) for about, path in pairs}


def _require_free(checkout: Checkout, changes: Mapping[str, Change]) -> None:
    """Refuse where a file or its entry in the index is neither as before nor as after.

    Raises:
        ReleaseError: it names them.
    """
    links = [path for path, change in changes.items() if change.mode not in (*FILES, "000000")]
    if links:
        raise ReleaseError(f"{', '.join(links)}: a link or a submodule changes; merge it with git")
    present, indexed = _present(checkout, changes), _indexed(checkout, changes)
    blobs = {path: {present.get(path, ABSENT), indexed.get(path, ABSENT)} for path in changes}
    if taken := [path for path, found in blobs.items() if not found <= {changes[path].before, changes[path].after}]:
        raise ReleaseError(f"{checkout.root} has changes of its own in {', '.join(taken)}; commit, stash or remove them first")


def _present(checkout: Checkout, paths: Mapping[str, Change]) -> dict[str, str]:
    """The blob that each file would be, as it is now."""
    there = [path for path in paths if (checkout.root / path).exists()]
    hashed = [path for path in there if (checkout.root / path).is_file()]
    blobs = git(checkout.root, "hash-object", "--stdin-paths", given="".join(f"{path}\n" for path in hashed)).split()
    return {**dict.fromkeys(there, "no file"), **dict(zip(hashed, blobs, strict=True))}


def _indexed(checkout: Checkout, paths: Mapping[str, Change]) -> dict[str, str]:
    entries = [entry.split("\t", 1) for entry in git(checkout.root, "ls-files", "-s", "-z").split("\0") if entry]
    return {path: about.split()[1] for about, path in entries if path in paths}


@contextmanager
def _index_held(checkout: Checkout) -> Iterator[None]:
    """Lock the index, as git does, against everyone else's git. A lock of ours that a death has left is known by its inode."""
    mark, lock = checkout.private / "index.mark", checkout.private.parent / "index.lock"
    mark.touch()
    try:
        if not (lock.exists() and lock.samefile(mark)):
            lock.hardlink_to(mark)
    except FileExistsError as error:
        raise ReleaseError(f"another git is at work in {checkout.root} ({lock}); run this again when it has ended") from error
    try:
        yield
    finally:
        lock.unlink()


def _write_files(checkout: Checkout, changes: Mapping[str, Change]) -> None:
    """Put every file into place and then the index, each in one step."""
    stage = checkout.private / "stage"
    if stage.exists():
        shutil.rmtree(stage)
    stage.mkdir()
    index, other = checkout.private.parent / "index", {"GIT_INDEX_FILE": str(stage / "index")}
    if index.exists():
        shutil.copyfile(index, stage / "index")
    lines = "".join(f"{change.mode.lstrip('0') or '0'} {change.after}\t{path}\0" for path, change in changes.items())
    git(checkout.root, "update-index", "-z", "--index-info", environment=other, given=lines)
    present = _present(checkout, changes)
    stale = {path: change for path, change in changes.items() if present.get(path, ABSENT) != change.after}
    for path in [path for path, change in stale.items() if change.after == ABSENT]:
        (checkout.root / path).unlink()
    kept = [path for path, change in stale.items() if change.after != ABSENT]
    words, listed = ["checkout-index", "-z", "--stdin", f"--prefix={stage}/files/"], "".join(f"{path}\0" for path in kept)
    git(checkout.root, *words, environment=other, given=listed)
    for path in kept:
        (checkout.root / path).parent.mkdir(parents=True, exist_ok=True)
        (stage / "files" / path).replace(checkout.root / path)
    (stage / "index").replace(index)


def _write_outs(checkout: Checkout, move: Move, changes: Mapping[str, Change]) -> None:
    """The bundle in one step, for it may be served; then what else of DVC's the move changes."""
    cache, after = Cache(Path(move.cache)), outs.read(checkout, move.after)
    if not _in_place(checkout.root / after.bundle, cache.digest(after)):
        cache.put(after.sums[after.bundle], checkout.root / after.bundle)
    before = outs.read(checkout, move.before) if checkout.file(outs.LOCK, move.before) else None
    others = [path for path in after.other(before) if path != after.bundle]
    if targets := [*others, *(path for path in changes if path.endswith(".dvc"))]:
        checkout.run("dvc", "checkout", *targets)


def _in_place(bundle: Path, digest: str) -> bool:
    try:
        return verify(bundle) == digest
    except BundleError:
        return False


def _free_branch(checkout: Checkout, branch: str) -> None:
    """Remove the locks that a git of ours leaves on the branch when it is killed while it moves it."""
    common = Path(git(checkout.root, "rev-parse", "--path-format=absolute", "--git-common-dir"))
    end = time.monotonic() + PATIENCE
    for lock in (common / "refs" / "heads" / f"{branch}.lock", checkout.private.parent / "HEAD.lock"):
        while lock.exists() and time.monotonic() < end:
            time.sleep(0.05)
        lock.unlink(missing_ok=True)
