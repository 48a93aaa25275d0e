"""A repository of the demonstration's own: a clone, and the remotes of git and of DVC, all in one folder."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.rig.settings import configure

from hearth.bundle import verify

ROOT = Path(__file__).parents[2]
BUNDLE = Path("models/production")
BIN = Path(sys.executable).parent
AUTHOR = {"user.name": "Demo", "user.email": "demo@example.org"}


class StepError(Exception):
    """A step of the story did not come out as it should."""


@dataclass(frozen=True, slots=True)
class Done:
    """What a command printed, both streams, and its exit code."""

    code: int
    text: str


@dataclass(frozen=True, slots=True)
class Clone:
    """A checkout in which commands run, with its code before any that is installed and no settings of the caller's."""

    root: Path

    @property
    def digest(self) -> str:
        """The digest of the bundle, whose sums must hold."""
        return verify(self.root / BUNDLE)

    @property
    def files(self) -> dict[str, bytes]:
        """The files of the bundle."""
        return {path.name: path.read_bytes() for path in sorted((self.root / BUNDLE).iterdir())}

    @property
    def environment(self) -> dict[str, str]:
        """What commands see."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("COV", "GIT_", "HEARTH_"))}
        code = os.pathsep.join([str(self.root / "src"), str(self.root)])
        return {**kept, "PYTHONPATH": code, "PATH": os.pathsep.join([str(BIN), kept["PATH"]]), "DVC_NO_ANALYTICS": "1"}

    def run(self, *words: str, code: int | None = 0) -> Done:
        """Run a command to its end; ``code`` None takes any exit code.

        Raises:
            StepError: another exit code; with the end of what it printed.
        """
        done = subprocess.run(words, cwd=self.root, env=self.environment, capture_output=True, text=True, check=False)
        text = done.stdout + done.stderr
        if code is not None and done.returncode != code:
            raise StepError(f"`{' '.join(words)}` ended with {done.returncode}, not {code}:\n{text[-3000:]}")
        return Done(done.returncode, text)

    def hearth(self, *words: str, code: int = 0) -> str:
        """Run ``hearth``; what it printed."""
        return self.run(str(BIN / "hearth"), *words, code=code).text

    def commit(self, message: str) -> None:
        """Commit everything."""
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--message", message)


def founded(home: Path, changes: Mapping[str, object]) -> Clone:
    """A repository of what this checkout tracks, with other settings, a remote for git and one for DVC."""
    clone = Clone(home / "work")
    for name in _tracked():
        (clone.root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, clone.root / name)
    clone.run("git", "init", "--quiet", "--initial-branch", "main")
    _introduce(clone)
    clone.run("git", "init", "--quiet", "--bare", "--initial-branch", "main", str(home / "origin.git"))
    clone.run("git", "remote", "add", "origin", str(home / "origin.git"))
    clone.run("dvc", "remote", "add", "--default", "shared", str(home / "shared"))
    configure(clone.root / "params.yaml", changes)
    return clone


def cloned(home: Path, name: str) -> Clone:
    """Another clone of the same origin, as somebody else would make it."""
    Clone(home).run("git", "clone", "--quiet", str(home / "origin.git"), name)
    _introduce(Clone(home / name))
    return Clone(home / name)


def _introduce(clone: Clone) -> None:
    for name, value in AUTHOR.items():
        clone.run("git", "config", name, value)


def _tracked() -> Sequence[str]:
    """The files in git, as they are now; those that it would track too."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in names.split("\0") if name and (ROOT / name).is_file()]
