"""A branch moves forward with its index, files and outs, or nothing moves at all."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.release.dying import Reaper
from tests.release.projects import Project, status

from hearth.errors import ReleaseError
from hearth.release import outs
from hearth.release.commands import git
from hearth.release.locking import lock
from hearth.release.moving import advance
from hearth.release.outs import Cache

pytestmark = pytest.mark.journey


def move(project: Project, commit: str = "second") -> None:
    """Move ``main`` there."""
    with lock(project.root) as main:
        advance(main, commit)


def is_at(project: Project, number: int) -> bool:
    """Whether ``main`` is at the commit of a bundle, and everything is as that commit says."""
    data = (project.root / "data/raw/table.csv").read_text(encoding="utf-8").strip()
    assert git(project.root, "rev-parse", "main") == project.commits[number]
    assert status(project.root) == ""
    return project.served == project.digests[min(number, 2)] and data == ("43" if number == 3 else "42")


def test_everything_moves_and_a_second_time_changes_nothing(project: Project) -> None:
    """The branch, the index, the tracked files, the bundle and the other outs are those of the new commit."""
    assert is_at(project, 0)
    move(project, "other")
    assert is_at(project, 3)
    move(project, "other")
    assert is_at(project, 3)


def test_files_come_and_go(project: Project) -> None:
    """A move adds files in new folders, also ones to be executed, and removes others."""
    root = project.root
    git(root, "switch", "--quiet", "second")
    (root / "new/folder").mkdir(parents=True)
    (root / "new/folder/run.sh").write_text("true\n", encoding="utf-8")
    (root / "new/folder/run.sh").chmod(0o755)
    git(root, "rm", "--quiet", "README")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "new")
    git(root, "switch", "--quiet", "main")
    move(project)
    assert status(root) == ""
    assert os.access(root / "new/folder/run.sh", os.X_OK)
    assert not (root / "README").exists()


def test_what_a_person_changed_elsewhere_stays(project: Project) -> None:
    """Files that the move does not touch keep their changes, staged or not."""
    (project.root / "dvc.yaml").write_text("stages: {}\n", encoding="utf-8")
    (project.root / "mine").write_text("new", encoding="utf-8")
    git(project.root, "add", "mine")
    move(project)
    assert status(project.root).splitlines() == [" M dvc.yaml", "A  mine"]
    assert project.served == project.digests[1]


def changed(root: Path) -> None:
    """A tracked file that the move would write."""
    (root / "params.yaml").write_text("mine: 1\n", encoding="utf-8")


def staged(root: Path) -> None:
    """The same, only staged."""
    before = (root / "params.yaml").read_bytes()
    changed(root)
    git(root, "add", "params.yaml")
    (root / "params.yaml").write_bytes(before)


def untracked(root: Path) -> None:
    """A new file where the move would put one."""
    git(root, "switch", "--quiet", "second")
    (root / "new").write_text("theirs", encoding="utf-8")
    git(root, "add", "new")
    git(root, "commit", "--quiet", "--message", "new")
    git(root, "switch", "--quiet", "main")
    (root / "new").write_text("mine", encoding="utf-8")


def folder(root: Path) -> None:
    """A folder where the move would put a file."""
    untracked(root)
    (root / "new").unlink()
    (root / "new").mkdir()


@pytest.mark.parametrize("change", [changed, staged, untracked, folder])
def test_a_change_in_the_way_is_refused_and_kept(project: Project, change: Callable[[Path], None]) -> None:
    """The message names the file, and nothing has moved."""
    change(project.root)
    before = status(project.root)
    with pytest.raises(ReleaseError, match=r"changes of its own in (params.yaml|new); commit"):
        move(project)
    assert status(project.root) == before
    assert git(project.root, "rev-parse", "main") == project.commits[0]
    assert project.served == project.digests[0]


def test_a_link_is_left_to_git(project: Project) -> None:
    """What is no plain file is not moved."""
    git(project.root, "switch", "--quiet", "second")
    (project.root / "link").symlink_to("dvc.yaml")
    git(project.root, "add", "link")
    git(project.root, "commit", "--quiet", "--message", "link")
    git(project.root, "switch", "--quiet", "main")
    with pytest.raises(ReleaseError, match="link: a link or a submodule"):
        move(project)


def test_only_a_descendant_is_moved_to(project: Project) -> None:
    """A branch never loses commits."""
    move(project, "second")
    with pytest.raises(ReleaseError, match="main has moved on"):
        move(project, "third")
    assert is_at(project, 1)


def test_an_index_that_another_git_works_on_is_waited_for_by_nobody(project: Project) -> None:
    """It is refused, and the lock of the other stays; once it has ended, the same works."""
    other = project.root / ".git/index.lock"
    other.touch()
    with pytest.raises(ReleaseError, match="another git is at work"):
        move(project)
    assert other.exists()
    other.unlink()
    move(project)
    assert is_at(project, 1)


def test_an_out_that_is_nowhere_is_refused_before_anything_moves(project: Project) -> None:
    """The cache lacks it, and there is no remote."""
    sums = outs.read(project.checkout, "other").sums
    cache = Cache.of(project.checkout)
    cache.path(cache.files(sums["data/raw"])["table.csv"]).unlink()
    with pytest.raises(ReleaseError, match=r"no remote has them; `hearth reproduce`"):
        move(project, "other")
    assert is_at(project, 0)


def test_an_out_that_a_remote_has_is_fetched(project: Project, tmp_path: Path) -> None:
    """The remote is named relative to the checkout."""
    main = project.checkout
    main.run("dvc", "remote", "add", "--local", "--default", "store", "../remote")
    git(project.root, "switch", "--quiet", "second")
    main.run("dvc", "push")
    git(project.root, "switch", "--quiet", "main")
    cache = Cache.of(main)
    cache.path(outs.read(main, "second").sums["models/production"]).unlink()
    assert (tmp_path / "remote").is_dir()
    move(project)
    assert is_at(project, 1)


PLACES = (
    "write_json before", "write_json after", "git:update-ref before", "git:update-ref after", "git:update-index before",
    "git:checkout-index after", "_write_files after", "_write_outs before", "_in_place before", "_write_outs after",
)  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_a_death_at_any_place_is_made_good_by_the_next_command(project: Project, reaper: Reaper, place: str) -> None:
    """At once the bundle is the old one or the new one; after the next lock all is old or all is new."""
    assert reaper.ask(project.root, "move", "second", place)[0] == -signal.SIGKILL
    assert project.served in project.digests[:2]
    moved = PLACES.index(place) > PLACES.index("git:update-ref before")
    with lock(project.root) as main:
        assert main.mended is moved
    assert is_at(project, 1 if moved else 0)
    with lock(project.root) as main:
        assert not main.mended


def test_a_lock_that_a_killed_git_left_on_the_branch_is_removed(project: Project, reaper: Reaper) -> None:
    """Where a move was under way, and the lock does not go away by itself."""
    reaper.ask(project.root, "move", "second", "git:update-ref before")
    stale = project.root / ".git/refs/heads/main.lock"
    stale.touch()
    with lock(project.root):
        assert not stale.exists()
    assert is_at(project, 0)
    move(project)
    assert is_at(project, 1)


def test_what_a_person_does_after_a_death_is_not_overwritten(project: Project, reaper: Reaper) -> None:
    """Neither a file that was changed since, nor another branch that was switched to; the message says what to do."""
    reaper.ask(project.root, "move", "second", "git:update-ref after")
    params = project.root / "params.yaml"
    before = params.read_bytes()
    params.write_text("mine: 1\n", encoding="utf-8")
    with pytest.raises(ReleaseError, match=r"changes of its own in params\.yaml"), lock(project.root):
        pass
    assert params.read_text(encoding="utf-8") == "mine: 1\n"
    params.write_bytes(before)
    git(project.root, "symbolic-ref", "HEAD", "refs/heads/third")
    with pytest.raises(ReleaseError, match="`git switch main` and run this again"), lock(project.root):
        pass
    git(project.root, "symbolic-ref", "HEAD", "refs/heads/main")
    with lock(project.root) as main:
        assert main.mended
    assert is_at(project, 1)
