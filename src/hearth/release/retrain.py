"""A new build beside the checkout, judged, and promoted where it is better; else nothing is left of it."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from hearth import params
from hearth.errors import ReleaseError
from hearth.params import DataParams
from hearth.release import champion, gate, outs, promotions
from hearth.release.build import Build
from hearth.release.champion import RELEASED, VERDICT
from hearth.release.checkout import REMOTE, SOURCE, Checkout
from hearth.release.commands import git, shown
from hearth.release.interrupts import deferred
from hearth.release.layout import Layout
from hearth.release.moving import advance, fetched
from hearth.release.news import News
from hearth.release.places import shared
from hearth.release.promotions import Entry
from hearth.release.verdict import Rule, Verdict
from hearth.sources.files import remote

BY = "hearth retrain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What becomes of a build that is better.

    With ``merge`` the branch moves to it, else it waits on one of its own; ``push`` sends that branch to the remote. In any
    case the verdict is written to ``verdict``.
    """

    merge: bool = True
    push: bool = False
    verdict: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The verdict, and the line of the log on the branch that has the new champion; none where the old one stays.

    It stays because of the verdict, or because a rollback has ``withdrawn`` the new one before.
    """

    verdict: Verdict
    entry: Entry | None = None
    branch: str = ""
    withdrawn: bool = False


def retrain(main: Checkout, layout: Layout, news: News, wishes: Wishes) -> Outcome:
    """Build with the news in a worktree of the commit that is checked out, judge, and release or leave all as it was.

    The caller holds the lock. Whatever ends this process on the way, branch, files and champion stay or change whole.

    Raises:
        HearthError: the pipeline, git or DVC failed; the message says what to do.
    """
    settings, branch = params.load(main.root / layout.params), main.branch
    with main.worktree(main.commit) as tree:
        present = _champion(main, tree, layout)
        _bring(main, tree, layout, settings.data, news)
        if settings.tracking.enabled:
            shared(settings.tracking, main.root, tree.root)
        _rebuild(tree, news)
        verdict = gate.judge(_build(tree, layout), present, Rule.of(settings), BY)
        verdict.write(wishes.verdict)
        withdrawn = verdict.candidate.digest in promotions.withdrawn(champion.log(main))
        if withdrawn or not verdict.promoted:
            return Outcome(verdict=verdict, withdrawn=withdrawn)
        verdict.write(tree.root / VERDICT)
        build = tree.record([*RELEASED, *_ignoring(tree)], f"Retrain: {news.words}")
        if _has_remote(tree):
            shown(["dvc", "push"], tree.root)
        if main.branch != branch:
            raise ReleaseError(
                f"{main.root} was switched from {branch} to {main.branch} while the build ran: nothing was changed. "
                f"`git switch {branch}` and run this again; DVC has kept what was built"
            )
        return _released(main, build, verdict, tree.root / VERDICT, wishes)


def _champion(main: Checkout, tree: Checkout, layout: Layout) -> Build | None:
    """The build that the commit names, brought into the worktree with all it was made from; none where nothing was built."""
    if main.file(outs.LOCK) is None:
        return None
    fetched(main, main.commit)
    tree.run("dvc", "checkout", "--quiet")
    return _build(tree, layout)


def _build(tree: Checkout, layout: Layout) -> Build:
    return Build.read(*(tree.root / path for path in (layout.bundle, layout.prepared, layout.raw)))


def _bring(main: Checkout, tree: Checkout, layout: Layout, data: DataParams, news: News) -> None:
    """Bring what the worktree lacks of what is to be learned: new truths, and a table that git does not track."""
    if news.feedback:
        (tree.root / layout.feedback).write_bytes(news.feedback)
    path = str(getattr(getattr(data, data.source), "path", ""))  # what is downloaded has none
    if not path or remote(path) or Path(path).is_absolute() or path in main.tracked():
        return
    place = tree.root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)  # DVC may have linked it to its cache
    shutil.copyfile(main.root / path, place)


def _rebuild(tree: Checkout, news: News) -> None:
    """Run the pipeline, from the source on where that has something new: DVC sees files of the checkout alone."""
    environment = {"PYTHONPATH": str(tree.root / SOURCE)}
    if news.source:
        shown(["dvc", "repro", "--force", "--single-item", "ingest"], tree.root, environment)
    shown(["dvc", "repro"], tree.root, environment)


def _ignoring(tree: Checkout) -> list[str]:
    """What DVC tells git to ignore, where that is new: beside outs that were not there before."""
    listed = git(tree.root, "ls-files", "-z", "--others", "--modified", "--exclude-standard", "--", "*.gitignore")
    return [path for path in listed.split("\0") if path]


def _has_remote(tree: Checkout) -> bool:
    """Whether DVC has a remote to push to unasked."""
    return any(line.startswith("core.remote=") for line in tree.run("dvc", "config", "--list").splitlines())


def _released(main: Checkout, build: str, verdict: Verdict, judgement: Path, wishes: Wishes) -> Outcome:
    """Move the branch to the build and its line in the log, or put them on one of their own.

    What may fail, the push, comes first.
    """
    entry, released = champion.prepared(main, build, judgement)
    branch = main.branch if wishes.merge else f"retrain/{entry.digest[:12]}"
    if wishes.push:
        force = [] if wishes.merge else ["--force"]  # an earlier one of the same bundle
        git(main.root, "push", "--quiet", *force, REMOTE, f"{released or build}:refs/heads/{branch}")
    with deferred():
        if wishes.merge:
            advance(main, released or build)
        else:
            git(main.root, "branch", "--force", branch, released or build)
    return Outcome(verdict=verdict, entry=entry, branch=branch)
