"""Retraining: a better build takes the champion's place whole, and nothing else changes anything."""

import shutil
from pathlib import Path

import pytest
from tests.release.learning import Learning, later, returned
from tests.release.projects import status

from hearth import params
from hearth.artifacts import write_text
from hearth.errors import CommandError, ReleaseError
from hearth.release import champion, gate, verdict
from hearth.release.build import Build
from hearth.release.checkout import Checkout
from hearth.release.commands import git, run
from hearth.release.layout import Layout
from hearth.release.locking import lock
from hearth.release.news import News, news
from hearth.release.retrain import Outcome, Wishes, retrain
from hearth.release.truths import Returned
from hearth.release.verdict import Rule, Verdict

pytestmark = pytest.mark.journey

MANY, FEW = returned(later(300, 12.0)), returned(later(40, 0.0))  # the pipeline makes a better build of many


@pytest.fixture
def project(learning_project: Learning) -> Learning:
    """One that can learn."""
    return learning_project


def new_of(project: Learning, truths: Returned) -> News:
    """What is new to the project."""
    layout = Layout.read(project.root)
    return news(project.checkout, layout, params.load(project.root / layout.params), truths)


def retrained(project: Learning, truths: Returned, merge: bool = True, push: bool = False) -> Outcome:
    """Retrain on these truths, as the command does."""
    layout, wishes = Layout.read(project.root), Wishes(merge=merge, push=push, verdict=project.root / "var/verdict.json")
    with lock(project.root) as main:
        return retrain(main, layout, new_of(project, truths), wishes)


def remotes(project: Learning) -> Path:
    """Give the project a remote of git, with its branch, and one of DVC; the folder of the first."""
    origin = project.root.with_name("origin.git")
    git(project.root.parent, "init", "--quiet", "--bare", "--initial-branch", "main", str(origin))
    git(project.root, "remote", "add", "origin", str(origin))
    run(["dvc", "remote", "add", "--quiet", "--default", "shared", str(project.root.with_name("shared"))], project.root)
    git(project.root, "commit", "--quiet", "--all", "--message", "Remotes")
    git(project.root, "push", "--quiet", "origin", "main")
    return origin


def worktrees(project: Learning) -> int:
    """How many git knows of, the checkout itself among them."""
    return len(git(project.root, "worktree", "list").splitlines())


def test_a_better_build_is_promoted_whole(project: Learning) -> None:
    """Branch, files, bundle, log and verdict are those of the new champion, and nothing is left to commit or to learn."""
    outcome = retrained(project, MANY)

    assert outcome.verdict.promoted
    assert outcome.branch == "main"
    assert project.served == project.better == champion.named(project.checkout)
    assert (status(project.root), worktrees(project)) == ("", 1)
    assert [entry.digest for entry in champion.log(project.checkout)] == [project.first, project.better]
    assert project.checkout.file("reports/verdict.json") == (project.root / "var/verdict.json").read_bytes()
    assert len((project.root / "data/feedback.csv").read_text(encoding="utf-8").splitlines()) == 301
    assert not new_of(project, MANY)


def test_a_build_that_is_no_better_changes_nothing(project: Learning) -> None:
    """The verdict says so in the file that was asked for; no branch, no file, no worktree is left."""
    before, branches = project.checkout.commit, git(project.root, "branch", "--all")

    outcome = retrained(project, FEW)

    assert outcome.entry is None
    assert not outcome.withdrawn
    assert verdict.read(project.root / "var/verdict.json").decision == "keep"
    assert (project.checkout.commit, git(project.root, "branch", "--all")) == (before, branches)
    assert (project.served, status(project.root), worktrees(project)) == (project.first, "", 1)
    assert new_of(project, FEW)


def test_without_a_merge_what_is_better_waits_on_a_branch_of_its_own(project: Learning) -> None:
    """It is pushed, its bundle too; the champion stays, and once the branch is merged another clone gets the same bundle."""
    origin = remotes(project)
    before = project.checkout.commit

    outcome = retrained(project, MANY, merge=False, push=True)

    assert outcome.branch == f"retrain/{project.better[:12]}"
    assert (project.checkout.commit, project.served, status(project.root)) == (before, project.first, "")
    git(origin, "branch", "--force", "main", outcome.branch)
    clone = project.root.with_name("clone")
    git(project.root.parent, "clone", "--quiet", str(origin), str(clone))
    run(["dvc", "pull", "--quiet"], clone)
    assert Learning(clone, "", "").served == project.better
    assert champion.log(Checkout.at(clone))[-1].digest == project.better


def test_where_the_remote_has_moved_on_nothing_is_promoted(project: Learning) -> None:
    """The push is refused, and the branch stays where it was."""
    origin = remotes(project)
    other = project.root.with_name("other")
    git(project.root.parent, "clone", "--quiet", str(origin), str(other))
    for words in (["config", "user.name", "Eve"], ["config", "user.email", "e@example.org"]):
        git(other, *words)
    git(other, "commit", "--quiet", "--allow-empty", "--message", "Meanwhile")
    git(other, "push", "--quiet", "origin", "main")
    before = project.checkout.commit

    with pytest.raises(CommandError, match="git push"):
        retrained(project, MANY, push=True)

    assert (project.checkout.commit, project.served, status(project.root)) == (before, project.first, "")
    assert worktrees(project) == 1


def test_another_branch_that_is_checked_out_meanwhile_gets_no_champion(
    project: Learning, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A build takes minutes, in which a person may go on with something else in the same checkout."""
    judge = gate.judge

    def meanwhile(candidate: Build, present: Build | None, rule: Rule, by: str) -> Verdict:
        git(project.root, "switch", "--quiet", "--create", "feature")
        return judge(candidate, present, rule, by)

    monkeypatch.setattr(gate, "judge", meanwhile)
    before = project.checkout.commit
    with pytest.raises(ReleaseError, match="was switched from main to feature while the build ran: nothing was changed"):
        retrained(project, MANY)

    assert git(project.root, "rev-parse", "main", "feature").split() == [before, before]
    assert (project.served, status(project.root), worktrees(project)) == (project.first, "", 1)


def test_what_a_rollback_withdrew_is_not_promoted_again_unasked(project: Learning) -> None:
    """The same build comes out of the same truths, and a person has decided against it."""
    retrained(project, MANY)
    with lock(project.root) as main:
        champion.rollback(main)
    assert project.served == project.first

    outcome = retrained(project, MANY)

    assert (outcome.verdict.promoted, outcome.entry, outcome.withdrawn) == (True, None, True)
    assert (project.served, status(project.root)) == (project.first, "")


def test_a_pipeline_that_fails_leaves_everything_as_it_was(project: Learning, capfd: pytest.CaptureFixture[str]) -> None:
    """Its output is seen as it comes, the error says which command failed, and the worktree is gone."""
    write_text(project.root / "pipeline.py", "raise SystemExit('the disk is full')\n")
    git(project.root, "commit", "--quiet", "--all", "--message", "Break it")
    before = project.checkout.commit

    with pytest.raises(CommandError, match="dvc repro failed"):
        retrained(project, MANY)

    assert "the disk is full" in capfd.readouterr().err
    assert (project.checkout.commit, project.served, status(project.root)) == (before, project.first, "")
    assert worktrees(project) == 1


def test_a_table_outside_git_is_brought_and_read_again(project: Learning) -> None:
    """DVC need not know of it: what is new at the source is read in any case."""
    git(project.root, "rm", "--quiet", "--cached", "table.csv")
    graph = (project.root / "dvc.yaml").read_text(encoding="utf-8")
    write_text(project.root / "dvc.yaml", graph.replace("table.csv, ", ""))
    with (project.root / ".gitignore").open("a", encoding="utf-8") as file:
        file.write("/table.csv\n")
    pipeline = (project.root / "pipeline.py").read_text(encoding="utf-8")
    counted = pipeline.replace('Path(options["--feedback"])', 'Path("table.csv")').replace("if learned < 2", "if learned < 92")
    write_text(project.root / "pipeline.py", counted)
    run(["dvc", "repro", "--quiet"], project.root)
    git(project.root, "commit", "--quiet", "--all", "--message", "A table of our own")
    with (project.root / "table.csv").open("a", encoding="utf-8") as file:
        file.writelines(["0,0,p,true,0,0,1\n"] * 20)

    assert new_of(project, Returned()).source == "table.csv has another table than was read last"
    outcome = retrained(project, Returned())

    assert outcome.entry is not None
    assert project.served == project.better


def test_the_first_build_needs_no_champion(project: Learning) -> None:
    """Where nothing was built yet, what comes out is promoted unasked."""
    git(project.root, "rm", "--quiet", "dvc.lock", "reports/data.json", "models/.gitignore", "data/.gitignore")
    git(project.root, "commit", "--quiet", "--message", "Start over")
    for folder in ("models", "data/raw", "data/prepared"):
        shutil.rmtree(project.root / folder)

    outcome = retrained(project, Returned())

    assert (outcome.verdict.method, project.served) == ("first", project.first)
    assert status(project.root) == ""


def test_a_checkout_that_is_not_ready_is_refused_before_anything_is_done(
    project: Learning, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another branch, a change that is not committed, and no name to commit under."""
    project.checkout.require_ready("main")
    with pytest.raises(ReleaseError, match=r"is on main: `git switch release`"):
        project.checkout.require_ready("release")
    git(project.root, "config", "--unset", "user.email")
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, "/dev/null")
    git(project.root, "config", "user.useConfigOnly", "true")
    with pytest.raises(CommandError, match=r"user\.email"):
        project.checkout.require_ready("main")
    write_text(project.root / "params.yaml", "changed: true\n")
    with pytest.raises(ReleaseError, match=r"uncommitted changes in params\.yaml"):
        project.checkout.require_ready("main")
