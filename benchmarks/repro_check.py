"""Prove that a build depends on its inputs alone, and that a killed one leaves a whole bundle.

Copies of this checkout are rebuilt as ``make repro`` does, under other conditions; each must give the same digest and the
same outs in ``dvc.lock``. Then builds are killed at random moments; after each the bundle must verify. At the end the
lock is emptied, as DVC leaves it where it is killed while it writes: the next build must go on. Exit code 1 where one fails.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import yaml
from benchmarks.rig.settings import configure

from hearth.bundle import verify
from hearth.errors import BundleError

ROOT = Path(__file__).parents[1]
BUNDLE = Path("models/production")
PARTS = ("threads", "hashseed", "folder", "tracking", "force", "kill")
# What --quick changes: the same graph with little to do.
QUICK: Mapping[str, object] = {
    "tuning.candidates": 4,
    "tuning.repeats": 1,
    "tuning.space.rounds": {"low": 10, "high": 30, "integer": True},
    "evaluate.repeats": 1,
    "evaluate.bootstrap": 200,
}
BUILD = 'python -m hearth.release.mending && exec dvc repro "$@"'  # as make repro does
Outs = Mapping[str, str]


@dataclass(frozen=True)
class Checkout:
    """A copy of the repository, and the environment in which it is built."""

    place: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    processors: int = 0

    @property
    def digest(self) -> str:
        """The digest of the bundle, whose sums must hold."""
        return verify(self.place / BUNDLE)

    @property
    def outs(self) -> Outs:
        """What ``dvc.lock`` says of every out."""
        return locked(self.place / "dvc.lock")

    def start(self, *options: str) -> subprocess.Popen[bytes]:
        """Start a build as the leader of a process group, its output in a log beside the copy."""
        paths = {
            "PYTHONPATH": str(self.place / "src"),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        prefix = ["taskset", "--cpu-list", f"0-{self.processors - 1}"] if self.processors else []
        with self.place.with_suffix(".log").open("ab") as log:
            return subprocess.Popen(
                [*prefix, "sh", "-c", BUILD, "sh", *options],
                cwd=self.place,
                env={**os.environ, **self.environment, **paths},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def build(self, *options: str) -> None:
        """Run a build to its end.

        Raises:
            RuntimeError: it failed; with the end of its output.
        """
        if self.start(*options).wait() != 0:
            end = self.place.with_suffix(".log").read_text(encoding="utf-8", errors="replace")[-2000:]
            raise RuntimeError(f"the build failed in {self.place}:\n{end}")


def locked(path: Path) -> Outs:
    """The sum of every out in a lock, by its path."""
    stages = yaml.safe_load(path.read_text(encoding="utf-8"))["stages"].values()
    return {out["path"]: out["md5"] for stage in stages for out in stage["outs"]}


def copied(place: Path, changes: Mapping[str, object]) -> Checkout:
    """A copy of what git tracks or would track, as a repository of its own, with some settings changed."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / name)
    subprocess.run(["git", "init", "--quiet"], cwd=place, check=True)
    subprocess.run(["git", "add", "--all"], cwd=place, check=True)  # a broken lock is mended with the staged one
    checkout = Checkout(place)
    if changes:
        configure(checkout.place / "params.yaml", changes)
    return checkout


@dataclass(frozen=True)
class Line:
    """A line of the table: what was tried, how long it took, what came of it."""

    name: str
    seconds: float
    result: str
    passed: bool


@dataclass(frozen=True)
class Check:
    """The folder of the copies, what --quick changes, the copy that others are compared with."""

    home: Path
    changes: Mapping[str, object]
    base: Checkout

    def differs(self, checkout: Checkout) -> str:
        """What another build has other than the base; empty where they agree."""
        if checkout.digest != self.base.digest:
            return f"digest {checkout.digest[:12]} is not {self.base.digest[:12]}"
        there, here = checkout.outs, self.base.outs
        return ", ".join(path for path in {**there, **here} if there.get(path) != here.get(path))

    def rebuilt(self, name: str, folder: str, changes: Mapping[str, object], **conditions: str) -> Line:
        """Build another copy from nothing under other conditions and compare it."""
        began = time.monotonic()
        processors = int(conditions.pop("processors", "0"))
        place = copied(self.home / folder, {**self.changes, **changes}).place
        checkout = Checkout(place, conditions, processors)
        checkout.build()
        return line(name, began, self.differs(checkout))

    def threads(self) -> Iterator[Line]:
        """One thread on one processor, then two."""
        for count in (1, min(2, os.cpu_count() or 1)):
            folder = f"threads-{count}"
            yield self.rebuilt(f"OMP_NUM_THREADS={count}", folder, {}, OMP_NUM_THREADS=str(count), processors=str(count))

    def hashseed(self) -> Iterator[Line]:
        """Another order of sets."""
        yield self.rebuilt("PYTHONHASHSEED=4711", "hashseed", {}, PYTHONHASHSEED="4711")

    def folder(self) -> Iterator[Line]:
        """A folder with a space in its name."""
        yield self.rebuilt("another folder", "else where/the copy", {})

    def tracking(self) -> Iterator[Line]:
        """No MLflow, and no file of it."""
        found = self.rebuilt("tracking off", "tracking", {"tracking.enabled": False})
        left = [path.name for path in (self.home / "tracking").glob("ml*")]
        yield Line(found.name, found.seconds, f"left {left}", passed=False) if left else found

    def force(self) -> Iterator[Line]:
        """Everything once more over what is there."""
        before, began = (self.base.digest, self.base.outs), time.monotonic()
        self.base.build("--force")
        same = before == (self.base.digest, self.base.outs)
        yield line("dvc repro -f", began, "" if same else "another digest or another out")

    def kill(self, times: int, seed: int) -> Iterator[Line]:
        """Kill builds: half of them anywhere after a new search seed, half in ``export`` alone; then let one end."""
        rng = random.Random(seed)  # noqa: S311 - moments, no secrets
        for name, key, start in (("anywhere", "tuning.seed", 1000), ("in export", "export.probe_rows", 9)):
            self.base.build()
            began = time.monotonic()
            configure(self.base.place / "params.yaml", {key: start})
            self.base.build()
            whole = time.monotonic() - began
            for i in range(times // 2):
                configure(self.base.place / "params.yaml", {key: start + 1 + i})
                yield self.killed(f"killed {name}, {i + 1}", rng.uniform(0, whole))
        began = time.monotonic()
        self.base.build()
        left = [path.name for folder in ("models", "reports", "data") for path in (self.base.place / folder).rglob(".*.*")]
        yield line("a build after all kills", began, "", f"digest {self.base.digest[:12]}; temporary files left: {len(left)}")
        yield self.emptied()

    def emptied(self) -> Line:
        """Empty the lock, as DVC does before it writes it, and build: all that is in it must come back."""
        before, began = (self.base.digest, self.base.outs), time.monotonic()
        (self.base.place / "dvc.lock").write_bytes(b"")
        if code := self.base.start().wait():
            return line("an emptied dvc.lock", began, f"did not build: ended with {code}")
        same = before == (self.base.digest, self.base.outs)
        return line("an emptied dvc.lock", began, "" if same else "another digest or another out")

    def killed(self, name: str, after: float) -> Line:
        """Kill a build after so many seconds; the bundle must be the old one or a new one, whole."""
        before, began = self.base.digest, time.monotonic()
        process = self.base.start()
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        try:
            result = "the old bundle" if self.base.digest == before else "a new bundle"
        except BundleError as error:
            return line(name, began, str(error))
        ended = ", ended before" if process.returncode >= 0 else ""
        failed = f"did not build: ended with {process.returncode}" if process.returncode > 0 else ""
        return line(name, began, failed, f"{result}{ended}")


def line(name: str, began: float, fault: str, result: str = "the same digest and outs") -> Line:
    """The outcome of a trial that began then."""
    return Line(name, time.monotonic() - began, fault or result, passed=not fault)


def based(home: Path, quick: bool) -> tuple[Check, Line]:
    """Build the copy that others are compared with; in full it must reproduce the lock of this checkout."""
    began = time.monotonic()
    changes = QUICK if quick else {}
    base = copied(home / "base", changes)
    base.build()
    there, here = base.outs, locked(ROOT / "dvc.lock")
    moved = [] if quick else [path for path in {**there, **here} if there.get(path) != here.get(path)]
    fault = f"not as in dvc.lock of this checkout: {', '.join(moved)}" if moved else ""
    return Check(home, changes, base), line("dvc repro", began, fault, f"digest {base.digest[:12]}")


def main(argv: Sequence[str] | None = None) -> int:
    """Print a line a trial; 1 where one failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default=",".join(PARTS), help=f"parts, separated by commas, of {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="the same graph with few candidates")
    parser.add_argument("--kills", type=int, default=20, help="builds to kill")
    parser.add_argument("--seed", type=int, default=0, help="of the moments at which they are killed")
    args = parser.parse_args(argv)
    chosen = args.only.split(",")
    if not set(chosen) <= set(PARTS):
        parser.error(f"--only takes {', '.join(PARTS)}")
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        check, first = based(Path(folder), args.quick)
        parts: dict[str, Callable[[], Iterator[Line]]] = {name: getattr(check, name) for name in PARTS[:-1]}
        parts["kill"] = lambda: check.kill(args.kills, args.seed)
        for one in chain([first], *(parts[name]() for name in PARTS if name in chosen)):
            print(f"{'ok  ' if one.passed else 'FAIL'}  {one.name:<26} {one.seconds:6.1f} s  {one.result}", flush=True)
            failed |= not one.passed
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
