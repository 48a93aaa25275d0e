"""Commits made beside the checkout: neither its files nor its index nor a branch is touched."""

from collections.abc import Mapping
from pathlib import Path

from hearth.release.checkout import Checkout
from hearth.release.commands import QUIET, git, output

Blobs = Mapping[str, str | None]  # the blob of each path, ``None`` for none


def commit(checkout: Checkout, parent: str, blobs: Blobs, message: str) -> str:
    """A commit that follows ``parent`` and has these files otherwise; ``parent`` itself where that makes no difference.

    Raises:
        CommandError: git refuses, as without a name and an e-mail address; its message says so.
    """
    index = checkout.private / "commit.index"
    for path in (index, Path(f"{index}.lock")):
        path.unlink(missing_ok=True)
    other = {"GIT_INDEX_FILE": str(index)}
    git(checkout.root, "read-tree", parent, environment=other)
    lines = "".join(f"{'100644' if blob else '0'} {blob or '0' * 40}\t{path}\0" for path, blob in blobs.items())
    git(checkout.root, "update-index", "-z", "--index-info", environment=other, given=lines)
    tree = git(checkout.root, "write-tree", environment=other)
    if tree == git(checkout.root, "rev-parse", f"{parent}^{{tree}}"):
        return parent
    return git(checkout.root, "commit-tree", tree, "-p", parent, given=message)


def stored(checkout: Checkout, content: bytes) -> str:
    """The blob of some bytes."""
    words = ["git", *QUIET, "hash-object", "-w", "--stdin"]
    return output(words, checkout.root, given=content).decode().strip()


def committed(checkout: Checkout, commit: str, paths: tuple[str, ...]) -> dict[str, str]:
    """The blobs of a commit under these files and folders."""
    listed = git(checkout.root, "ls-tree", "-r", "-z", commit, "--", *paths).split("\0")
    entries = [entry.split("\t", 1) for entry in listed if entry]
    return {path: about.split()[2] for about, path in entries}


def uncommitted(checkout: Checkout, paths: tuple[str, ...], new: set[str]) -> dict[str, str | None]:
    """The blobs of the files under these paths that are not as ``HEAD`` has them, and of the ``new`` ones that it has not."""
    listed = git(checkout.root, "ls-files", "-z", "--others", "--exclude-standard", "--", *paths).split("\0")
    changed = git(checkout.root, "diff", "--name-only", "-z", "HEAD", "--", *paths).split("\0")
    return {path: _present(checkout, path) for path in {*new.intersection(listed), *changed} if path}


def _present(checkout: Checkout, path: str) -> str | None:
    return git(checkout.root, "hash-object", "-w", "--", path) if (checkout.root / path).exists() else None
