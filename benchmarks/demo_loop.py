"""The loop closed: a champion is served, the world changes, a better one is trained, judged and served, and taken back.

All of it happens in a temporary folder: a repository made of this checkout's files, with a bare git remote and a folder as
DVC's, a service on a free port of this machine with a store of its own. Every step is checked; exit code 1 where one does not
come out as it should, and says which. `--quick` looks at everything once, and trains nothing on the quiet week.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.loop.place import BUNDLE, Clone, StepError, cloned, founded
from benchmarks.loop.service import Service, Steady, errors, served
from benchmarks.loop.world import Week, World, answers

from hearth.bundle import Predictor, read
from hearth.bundle.rows import Row

# The same graph with little to do.
SETTINGS = {
    "data.feedback": "append",
    "tuning.candidates": 8,
    "tuning.folds": 3,
    "tuning.repeats": 1,
    "tuning.space.rounds": {"low": 40, "high": 120, "log": True, "integer": True},
    "evaluate.folds": 3,
    "evaluate.repeats": 1,
    "evaluate.bootstrap": 200,
    "tracking.enabled": False,
}
ONLY_IF = ("--only-if", "drift,degradation")
QUIET, SHIFTED, ASKED = 300, 1000, 500  # rows of a quiet week, of a shifted one, and of who asks all the while


@dataclass(slots=True)
class Story:
    """What is told, a line a step, with the seconds since it began."""

    began: float = field(default_factory=time.monotonic)

    def tell(self, text: str) -> None:
        """Print a line."""
        print(f"{time.monotonic() - self.began:6.1f} s  {text}", flush=True)


@dataclass(slots=True)
class Loop:
    """A repository whose bundle is served; ``rows`` are asked for all the while, ``said`` is what each bundle says of them."""

    home: Path
    clone: Clone
    service: Service
    rows: Sequence[Row]
    story: Story
    quick: bool
    said: dict[str, list[float | str]] = field(default_factory=dict)

    def know(self) -> str:
        """Note what the bundle that lies there says; its digest."""
        self.said[self.clone.digest] = answers(Predictor.load(self.clone.root / BUNDLE), self.rows)
        return self.clone.digest

    def live(self, week: Week) -> float:
        """A week goes by. Returns the error."""
        return errors(self.service.live(week), week.actual)

    def unchanged(self, what: str) -> None:
        """Require that nothing is left to commit."""
        left = self.clone.run("git", "status", "--porcelain").text
        check(not left, f"{what} left changes in the checkout:\n{left}")

    def quiet_week(self, week: Week) -> None:
        """What comes is like what was learned from: nothing is found, nothing promoted."""
        first, error = self.clone.digest, self.live(week)
        if not self.quick:
            self.clone.hearth("drift")
            self.clone.hearth("evaluate")
        self.clone.hearth("retrain", *ONLY_IF, code=4)  # it looks itself
        if not self.quick:
            self.story.tell("no reason to retrain, but it is tried all the same ...")
            self.clone.hearth("retrain", code=3)
        check(self.clone.digest == first, "the quiet week changed the champion")
        self.unchanged("the quiet week")
        self.story.tell(f"a quiet week of {len(week.rows)} rows: error {error:.2f}, no drift, no degradation, nothing promoted")

    def shifted_week(self, week: Week) -> float:
        """Rows have moved and turn out otherwise, and both are found. Returns the error."""
        error = self.live(week)
        self.clone.hearth("drift", code=2)
        self.clone.hearth("evaluate", code=2)
        self.story.tell(f"the world changes; {len(week.rows)} rows later, error {error:.2f}, drift and degradation are found")
        return error

    def learn(self) -> str:
        """Retraining promotes a bundle that has learned, and the service loads it. Returns its digest."""
        first = self.clone.digest
        self.story.tell("retraining on the truths ...")
        told = self.clone.hearth("retrain", *([] if self.quick else ONLY_IF), "--push")
        check(self.clone.digest != first, "hearth retrain promoted nothing")
        self.unchanged("hearth retrain")
        new = self.know()
        self.service.until(new, self.rows[0])
        gate = next(line for line in told.splitlines() if line.startswith("The candidate's "))
        self.story.tell(f"promoted {new[:12]}, and it is served. {gate}")
        return new

    def same_elsewhere(self) -> None:
        """A second clone pulls the same bundle."""
        other = cloned(self.home, "second")
        other.run("dvc", "pull", str(BUNDLE))
        told = other.hearth("verify")
        check(self.clone.digest in told, f"the second clone has {told.strip()}, not {self.clone.digest}")
        self.story.tell(f"a second clone pulls and verifies the same {self.clone.digest[:12]}")

    def roll_back(self, before: dict[str, bytes]) -> None:
        """The champion before comes back, bit for bit."""
        self.clone.hearth("registry", "rollback")
        check(self.clone.files == before, "the bundle that came back is not the one that was there before")
        self.unchanged("hearth registry rollback")
        self.service.until(self.clone.digest, self.rows[0])
        self.story.tell(f"rolled back: {self.clone.digest[:12]} again, bit for bit, and it is served")

    def check_answers(self, steady: Steady, order: Sequence[str]) -> None:
        """Every request was answered by the bundle that it names, and bundles followed each other as they were promoted."""
        check(not steady.faults, f"{len(steady.faults)} requests failed, the first with: {steady.faults[:1]}")
        models = [answer.model for answer in steady.answers]
        met = [one for one, before in zip(models, [None, *models], strict=False) if one != before]
        check(met == list(order), f"the service answered with {met}, in turn, not with {list(order)}")
        wrong = [one for one in steady.answers if one.prediction != self.said[one.model][one.row]]
        check(not wrong, f"{len(wrong)} answers are not those of the bundle that they name: {wrong[:1]}")
        self.story.tell(f"a client asked {len(models)} times meanwhile: each answer was a 200, from the bundle that it names")


def check(holds: bool, fault: str) -> None:
    """Stop the story where something does not hold.

    Raises:
        StepError: it does not.
    """
    if not holds:
        raise StepError(fault)


def first_champion(home: Path, story: Story) -> Clone:
    """A repository with its remotes, and its first bundle built, committed and pushed."""
    clone = founded(home, SETTINGS)
    story.tell("a new repository builds its first champion ...")
    clone.run("dvc", "repro")
    clone.commit("The first champion")
    clone.run("dvc", "push")
    clone.run("git", "push", "--quiet", "--set-upstream", "origin", "main")
    story.tell(f"built {clone.digest[:12]}, and pushed it to the remotes of git and of DVC")
    return clone


def tell(home: Path, story: Story, quick: bool) -> None:
    """The whole story.

    Raises:
        StepError: a step did not come out as it should.
    """
    clone = first_champion(home, story)
    files, world = clone.files, World(read(clone.root / BUNDLE))
    one, two, asked = (world.shifted(rows, seed) for seed, rows in enumerate((SHIFTED, SHIFTED, ASKED), 2))
    with served(clone) as service:
        loop = Loop(home, clone, service, asked.rows, story, quick)
        first = loop.know()
        loop.quiet_week(world.quiet(QUIET, seed=1))
        with service.asked(loop.rows) as steady:
            before = loop.shifted_week(one)
            new, after = loop.learn(), loop.live(two)
            clone.hearth("evaluate")
            check(after < before, f"the error went from {before:.3g} to {after:.3g}")
            story.tell(f"another such week: the error is {after:.2f}, and was {before:.2f}")
            loop.same_elsewhere()
            loop.roll_back(files)
        loop.check_answers(steady, [first, new, first])


def main(argv: Sequence[str] | None = None) -> int:
    """Tell the story; 1 where it does not end well."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="look at everything once, train nothing on the quiet week")
    args = parser.parse_args(argv)
    story = Story()
    with tempfile.TemporaryDirectory() as folder:
        try:
            tell(Path(folder), story, args.quick)
        except StepError as error:
            story.tell(f"FAILED: {error}")
            return 1
    story.tell("the loop is closed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
