"""A new build beside the checkout, judged, and promoted where it is better; else nothing is left of it."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hearth import params
from hearth.bundle.format import verify
from hearth.errors import CommandError, ReleaseError
from hearth.params import Params
from hearth.release import champion, gate, outs
from hearth.release.build import Build
from hearth.release.champion import RELEASED, VERDICT
from hearth.release.checkout import SOURCE, Checkout
from hearth.release.commands import git, run, shown
from hearth.release.layout import Layout
from hearth.release.moving import fetched
from hearth.release.news import News
from hearth.release.verdict import Rule, Verdict

BY = "hearth retrain"
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What becomes of a build that is better: with ``merge`` the branch moves to it, else it waits on one of its own; ``push``
    sends that to the remote of git. ``verdict`` is where the verdict goes in any case."""

    merge: bool = True
    push: bool = False
    verdict: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The verdict, and the branch that holds the new champion; none where the old one stays."""

    verdict: Verdict
    branch: str | None = None


def require_ready(main: Checkout, branch: str) -> None:
    """Refuse what would fail after the training.

    Raises:
        ReleaseError: another branch is checked out, or files have changes that are not committed.
        CommandError: git knows no name to commit under; it says how to give it one.
    """
    if main.branch != branch:
        raise ReleaseError(f"{main.root} is on {main.branch}: `git switch {branch}`, or name the champion's branch with --branch")
    main.require_clean()
    git(main.root, "var", "GIT_COMMITTER_IDENT")


def retrain(main: Checkout, layout: Layout, news: News, wishes: Wishes) -> Outcome:
    """Build with the news in a worktree of the commit that is checked out, judge, and promote or leave all as it was.

    The caller holds the lock. What ends this process on the way leaves the branch and the files of ``main`` as they were.

    Raises:
        HearthError: the pipeline, git or DVC failed: its message says what to do.
    """
    settings = params.load(main.root / layout.params)
    with main.worktree(main.commit) as tree:
        present = _champion(main, tree, layout)
        _bring(main, tree, layout, settings, news)
        _rebuild(tree, news)
        candidate = _build(tree, layout)
        verdict = gate.judge(candidate, present, Rule.of(settings), BY)
        verdict.write(wishes.verdict)
        if not verdict.promoted:
            return Outcome(verdict=verdict)
        verdict.write(tree.root / VERDICT)
        build = tree.record(RELEASED, f"Retrain: {news.words}")
        if _has_remote(tree):
            shown(["dvc", "push"], tree.root)
        return Outcome(verdict=verdict, branch=_released(main, build, wishes, news))


def _champion(main: Checkout, tree: Checkout, layout: Layout) -> Build | None:
    """The build that the commit names, with all that it was made from in the worktree; none where nothing was built yet."""
    if main.file(outs.LOCK) is None:
        return None
    fetched(main, main.commit)
    tree.run("dvc", "checkout", "--quiet")
    return _build(tree, layout)


def _build(tree: Checkout, layout: Layout) -> Build:
    return Build.read(*(tree.root / path for path in (layout.bundle, layout.prepared, layout.raw)))


def _bring(main: Checkout, tree: Checkout, layout: Layout, settings: Params, news: News) -> None:
    """Bring what the worktree lacks of what the build is to learn from: truths, and a table that is not in git."""
    if news.feedback:
        (tree.root / layout.feedback).write_bytes(news.feedback)
    source = getattr(settings.data, settings.data.source)
    table = Path(getattr(source, "path", ""))
    if table.suffix and not table.is_absolute() and not (tree.root / table).exists():
        (tree.root / table).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(main.root / table, tree.root / table)


def _rebuild(tree: Checkout, news: News) -> None:
    """Run the pipeline; DVC does not see what is new at a source that is no file of the checkout."""
    environment = {"PYTHONPATH": str(tree.root / SOURCE)}
    if news.source:
        shown(["dvc", "repro", "--force", "--single-item", "ingest"], tree.root, environment)
    shown(["dvc", "repro"], tree.root, environment)


def _has_remote(tree: Checkout) -> bool:
    return any(line.startswith("core.remote=") for line in tree.run("dvc", "config", "--list").splitlines())
