"""The loop closed: a champion is served, the world changes, a better one is trained, judged and served, and taken back.

All of it happens in a temporary folder: a repository made of this checkout's files, with a bare git remote and a folder as
DVC's, a service on a free port of this machine with a store of its own. Every step is checked; exit code 1 where one does not
come out as it should, and says which. `--quick` leaves the quiet week's training out.
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

# The same graph with little to do, and a window that holds a week.
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
QUIET, SHIFTED = 300, 1000  # rows of a week


@dataclass(slots=True)
class Story:
    """What is told, a line a step, with the seconds since it began."""

    began: float = field(default_factory=time.monotonic)

    def tell(self, text: str) -> None:
        """Print a line."""
        print(f"{time.monotonic() - self.began:6.1f} s  {text}", flush=True)


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
    story.tell(f"built the first champion {clone.digest[:12]}; pushed it to git and to DVC's remote")
    return clone


def quiet_week(clone: Clone, service: Service, world: World, story: Story, *, quick: bool) -> None:
    """As many rows as before turn out to be what was said: nothing is found, nothing promoted."""
    first, week = clone.digest, world.quiet(QUIET, seed=1)
    error = errors(service.live(week), week.actual)
    clone.hearth("drift")
    clone.hearth("evaluate")
    clone.hearth("retrain", "--only-if", "drift,degradation", code=4)
    if not quick:
        story.tell("a quiet week is trained on all the same ...")
        clone.hearth("retrain", code=3)
    check(clone.digest == first, "the quiet week changed the champion")
    check(not clone.run("git", "status", "--porcelain").text, "the quiet week left changes in the checkout")
    story.tell(f"a quiet week of {QUIET} rows: error {error:.2f}, no drift, no degradation, nothing promoted")


def shifted_week(clone: Clone, service: Service, week: Week, story: Story) -> float:
    """Rows have moved and turn out otherwise: both are found. Returns the error."""
    error = errors(service.live(week), week.actual)
    clone.hearth("drift", code=2)
    clone.hearth("evaluate", code=2)
    story.tell(f"the world has changed: {len(week.rows)} rows later the error is {error:.2f}; drift and degradation are found")
    return error


def learned(clone: Clone, service: Service, week: Week, story: Story) -> str:
    """Retraining promotes a bundle that has learned, and the service loads it. Returns its digest."""
    first = clone.digest
    story.tell("retraining ...")
    told = clone.hearth("retrain", "--only-if", "drift,degradation", "--push")
    new = clone.digest
    check(new != first, "hearth retrain promoted nothing")
    check(not clone.run("git", "status", "--porcelain").text, "hearth retrain left changes in the checkout")
    reason = next(line for line in told.splitlines() if " RMSE " in line or " difference " in line)
    service.until(new, week.rows[0])
    story.tell(f"retrained on the truths; the gate promoted {new[:12]}: {reason}")
    return new


def same_elsewhere(home: Path, digest: str, story: Story) -> None:
    """A second clone pulls the same bundle."""
    other = cloned(home, "second")
    other.run("dvc", "pull", str(BUNDLE))
    told = other.hearth("verify")
    check(digest in told, f"the second clone has {told.strip()}, not {digest}")
    story.tell(f"a second clone pulled and verified the same {digest[:12]}")


def rolled_back(clone: Clone, service: Service, before: dict[str, bytes], row: dict[str, object], story: Story) -> None:
    """The first champion comes back, bit for bit."""
    clone.hearth("registry", "rollback")
    check(clone.files == before, "the bundle that came back is not the first one")
    service.until(clone.digest, row)
    story.tell(f"rolled back: {clone.digest[:12]} again, bit for bit, and served")


def check_answers(steady: Steady, expected: dict[str, float | str], order: Sequence[str], story: Story) -> None:
    """Every request was answered, each by the bundle that it names, and bundles followed each other as they were promoted."""
    check(not steady.faults, f"{len(steady.faults)} requests failed, the first with: {steady.faults[:1]}")
    models = [answer.model for answer in steady.answers]
    met = [one for one, before in zip(models, [None, *models], strict=False) if one != before]
    check(met == list(order), f"the service answered with {met}, in turn, not with {list(order)}")
    wrong = [answer for answer in steady.answers if answer.prediction != expected[answer.model]]
    check(not wrong, f"{len(wrong)} answers are not those of the bundle that they name: {wrong[:1]}")
    story.tell(f"a client asked {len(models)} times meanwhile: every answer was a 200, from the bundle that it names")


def said(clone: Clone, row: dict[str, object]) -> float | str:
    """What the bundle that lies there says of a row."""
    return answers(Predictor.load(clone.root / BUNDLE), [row])[0]


def loop(home: Path, story: Story, *, quick: bool) -> None:
    """The whole story.

    Raises:
        StepError: a step did not come out as it should.
    """
    clone = first_champion(home, story)
    first, files, world = clone.digest, clone.files, World(read(clone.root / BUNDLE))
    one, two = world.shifted(SHIFTED, seed=2), world.shifted(SHIFTED, seed=3)
    row = dict(one.rows[0])
    with served(clone) as service, service.asked(row) as steady:
        expected = {first: said(clone, row)}
        quiet_week(clone, service, world, story, quick=quick)
        before = shifted_week(clone, service, one, story)
        new = learned(clone, service, one, story)
        expected[new] = said(clone, row)
        after = errors(service.live(two), two.actual)
        clone.hearth("evaluate")
        check(after < before, f"the error went from {before:.3g} to {after:.3g}")
        story.tell(f"another such week: error {after:.2f} instead of {before:.2f}")
        same_elsewhere(home, new, story)
        rolled_back(clone, service, files, row, story)
    check_answers(steady, expected, [first, new, first], story)


def main(argv: Sequence[str] | None = None) -> int:
    """Tell the story; 1 where it does not end well."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="without the training of the quiet week")
    args = parser.parse_args(argv)
    story = Story()
    with tempfile.TemporaryDirectory() as folder:
        try:
            loop(Path(folder), story, quick=args.quick)
        except StepError as error:
            story.tell(f"FAILED: {error}")
            return 1
    story.tell("the loop is closed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
