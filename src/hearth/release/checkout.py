"""A checkout of the repository, and worktrees of it that vanish, also after a death."""

import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from hearth.artifacts import write_text
from hearth.errors import CommandError, ReleaseError
from hearth.release.commands import git, output, run

REMOTE = "origin"  # of git, where releases are pushed to
SOURCE = "src"  # where the code of a checkout lies that its stages run


@dataclass(frozen=True, slots=True)
class Checkout:
    """A folder that git checks files out to. What it says is asked of git each time.

    ``mended``: its lock found something half done, and brought it to its end.
    """

    root: Path
    mended: bool = False

    @classmethod
    def at(cls, folder: Path) -> "Checkout":
        """The checkout that a folder lies in.

        Raises:
            ReleaseError: there is none.
        """
        try:
            return cls(Path(git(folder, "rev-parse", "--show-toplevel")))
        except CommandError as error:
            raise ReleaseError(f"{folder} is in no git repository; run this inside the project's checkout. {error}") from error

    @property
    def branch(self) -> str:
        """The branch that is checked out.

        Raises:
            ReleaseError: a bare commit is.
        """
        try:
            return git(self.root, "symbolic-ref", "--short", "--quiet", "HEAD")
        except CommandError as error:
            raise ReleaseError(f"{self.root} is on no branch; `git switch` to the one that names the champion") from error

    @property
    def commit(self) -> str:
        """The commit that is checked out, in full."""
        return git(self.root, "rev-parse", "--verify", "HEAD^{commit}")

    @property
    def private(self) -> Path:
        """A folder for notes of ours in git's own folder of this checkout: nothing in it is ever tracked.

        Raises:
            ReleaseError: this user may not write there.
        """
        folder = Path(git(self.root, "rev-parse", "--absolute-git-dir")) / "hearth"
        try:
            folder.mkdir(exist_ok=True)
        except PermissionError as error:
            raise _forbidden(folder) from error
        if not os.access(folder, os.W_OK):
            raise _forbidden(folder)
        return folder

    def changed(self) -> list[str]:
        """The tracked files with changes that are not committed, staged or not."""
        return [name for name in git(self.root, "diff", "--name-only", "-z", "HEAD", "--").split("\0") if name]

    def clean(self) -> bool:
        """Whether every tracked file is as committed."""
        return not self.changed()

    def require_commit(self) -> None:
        """Refuse a repository in which nothing was committed yet, as one that has just been made.

        Raises:
            ReleaseError: it says what to do.
        """
        try:
            git(self.root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
        except CommandError as error:
            raise ReleaseError(f"{self.root} has no commit yet: `git add --all` and `git commit` first") from error

    def require_clean(self) -> None:
        """Refuse to go on where a tracked file has changes.

        Raises:
            ReleaseError: it names them.
        """
        if changed := self.changed():
            shown = ", ".join(changed[:5]) + (f" and {len(changed) - 5} more" if len(changed) > 5 else "")
            raise ReleaseError(f"{self.root} has uncommitted changes in {shown}; commit or stash them first")

    def require_ready(self, branch: str, push: bool = False) -> None:
        """Refuse what would fail only after long work: a commit on this branch, of files that are as committed, and a push.

        Raises:
            ReleaseError: another branch is checked out, a tracked file has changes, or there is no remote to push to.
            CommandError: git knows no name to commit under; its message says how to give it one.
        """
        if self.branch != branch:
            raise ReleaseError(f"{self.root} is on {self.branch}: `git switch {branch}`, or name the champion's with --branch")
        self.require_clean()
        git(self.root, "var", "GIT_COMMITTER_IDENT")
        if push and REMOTE not in git(self.root, "remote").split():
            raise ReleaseError(
                f"{self.root} has no remote {REMOTE} to push to: `git remote add {REMOTE} URL`, or leave --push out"
            )

    def file(self, path: str, commit: str = "HEAD") -> bytes | None:
        """A tracked file as a commit has it, ``None`` where it has none."""
        if not git(self.root, "ls-tree", "--name-only", commit, "--", path):
            return None
        return output(["git", "cat-file", "blob", f"{commit}:{path}"], self.root)

    def tracked(self, commit: str | None = None) -> set[str]:
        """The files of a commit, or, with ``None``, of the index."""
        listing = ["ls-tree", "-r", "-z", "--name-only", commit] if commit else ["ls-files", "-z"]
        return {name for name in git(self.root, *listing).split("\0") if name}

    def run(self, *command: str, environment: Mapping[str, str] | None = None) -> str:
        """Run a command here, with the code of this checkout before any that is installed.

        Raises:
            CommandError: as ``run``.
        """
        return run(command, self.root, {"PYTHONPATH": str(self.root / SOURCE), **(environment or {})})

    def record(self, paths: Sequence[str], message: str) -> str:
        """Commit these files or folders as they are now, whatever else has changed; return the commit.

        For worktrees: it moves their HEAD, not that of the main checkout. With nothing to commit it returns the last one.

        Raises:
            CommandError: git refuses, as without a name and an e-mail address; its message says so.
        """
        git(self.root, "add", "--all", "--", *paths)
        if git(self.root, "diff", "--cached", "--name-only", "HEAD", "--", *paths):
            git(self.root, "commit", "--quiet", "--message", message, "--", *paths)
        return self.commit

    @contextmanager
    def worktree(self, commit: str) -> Iterator["Checkout"]:
        """A checkout of a commit in a temporary folder, on no branch, that shares the cache and the remotes of DVC.

        It is removed when the block ends, however it ends; where the process was killed, the next worktree removes it.
        No out of DVC is there yet: ``dvc checkout`` brings those that are wanted.

        Raises:
            CommandError: there is no such commit.
        """
        with _place(self.private) as folder:
            tree = folder / folder.name
            git(self.root, "worktree", "add", "--quiet", "--detach", str(tree), commit)
            _share_data(self.root, tree, folder / "site")
            yield Checkout(tree)


def _forbidden(folder: Path) -> ReleaseError:
    return ReleaseError(
        f"this user may not write to {folder}; run this as the owner of the repository, or in a clone of your own"
    )


@contextmanager
def _place(private: Path) -> Iterator[Path]:
    """A temporary folder, known to later processes by a note that this one has locked for as long as it lives."""
    folder = Path(tempfile.gettempdir()).resolve() / f"hearth-{secrets.token_hex(6)}"
    note = private / f"{folder.name}.tree"
    with _alone(private):
        _prune(private)
        file = note.open("x", encoding="utf-8")
        lend(file)
        file.write(str(folder))
        file.flush()
    with file:
        try:
            folder.mkdir(mode=0o700)  # DVC's settings in there may hold passwords
            yield folder
        finally:
            _remove(private, folder)
            note.unlink()


def lend(file: IO[str], options: int = 0) -> None:
    """Lock an open file for this process and for the commands that it runs: only when all have ended is it free.

    Raises:
        BlockingIOError: with ``LOCK_NB``, another process has it.
    """
    fcntl.flock(file, fcntl.LOCK_EX | options)
    fcntl.fcntl(file, fcntl.F_SETFD, 0)  # inherited


@contextmanager
def _alone(private: Path) -> Iterator[None]:
    with (private / "trees.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _prune(private: Path) -> None:
    """Remove the worktrees of processes that have ended without doing so."""
    for note in private.glob("*.tree"):
        with suppress(FileNotFoundError), note.open("r+", encoding="utf-8") as file:  # its owner may end meanwhile
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            if folder := file.read():
                _remove(private, Path(folder))
            note.unlink()


def _remove(private: Path, folder: Path) -> None:
    """The folder of a worktree and what git knows of it, in whatever state a death has left both."""
    common = git(private, "rev-parse", "--path-format=absolute", "--git-common-dir")
    for path in (folder, Path(common) / "worktrees" / folder.name):
        if path.exists():
            shutil.rmtree(path)


def _share_data(root: Path, tree: Path, site: Path) -> None:
    """Give a worktree the settings of DVC that hold at the root, with the same cache: nothing is computed or kept twice."""
    listed = dict(line.partition("=")[::2] for line in run(["dvc", "config", "--list"], root).splitlines())
    settings = {"cache.dir": str(root / ".dvc" / "cache"), **listed, "core.site_cache_dir": str(site)}
    sections: dict[str, list[str]] = {}
    for name, value in settings.items():
        sections.setdefault(_section(name), []).append(f"{name.rpartition('.')[2]} = {_quoted(value)}\n")
    text = "".join(f"[{section}]\n{''.join(lines)}" for section, lines in sections.items())
    write_text(tree / ".dvc" / "config.local", text)


def _section(name: str) -> str:
    """How DVC writes the section of a setting: ``core``, or ``'remote "name"'``."""
    first, _, rest = name.partition(".")
    inner = rest.rpartition(".")[0]
    return f"'{first} \"{inner}\"'" if inner else first


def _quoted(value: str) -> str:
    return f"'{value}'" if '"' in value else f'"{value}"'
