"""Checkouts, worktrees and the lock of a repository."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from tests.release.projects import Project, configured, status

from hearth.errors import CommandError, ReleaseError
from hearth.release import champion
from hearth.release.checkout import Checkout
from hearth.release.commands import git, run
from hearth.release.locking import lock


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where worktrees are made: a temporary folder of the test's own."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def traces(project: Project) -> list[str]:
    """What worktrees have left in git's folder."""
    admin = project.root / ".git/worktrees"
    notes = [path.name for path in (project.root / ".git/hearth").glob("*.tree")]
    return notes + ([path.name for path in admin.iterdir()] if admin.exists() else [])


def test_a_command_that_fails_is_told_with_its_last_lines(tmp_path: Path) -> None:
    """What failed, where, with which code, and the end of what it said."""
    program = "import sys; print('no'); sys.stderr.write(''.join(f'line {i}\\n' for i in range(50))); sys.exit(7)"
    with pytest.raises(CommandError) as caught:
        run([sys.executable, "-c", program], tmp_path)
    lines = str(caught.value).splitlines()
    assert f"failed in {tmp_path} with exit code 7:" in lines[0]
    assert lines[1:] == [f"line {i}" for i in range(38, 50)]
    with pytest.raises(CommandError, match="exit code 3:\nhere"):
        run([sys.executable, "-c", "import sys; print('here'); sys.exit(3)"], tmp_path)


def test_a_command_that_is_not_there_is_told(tmp_path: Path) -> None:
    """By its name."""
    with pytest.raises(CommandError, match=r"no-such-command --x: No such file"):
        run(["no-such-command", "--x"], tmp_path)


def test_git_is_told_of_nobody_elses_repository(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where this runs inside a hook of another."""
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_INDEX_FILE", "/nowhere/index")
    assert project.checkout.commit == project.commits[0]


def test_a_checkout_is_found_from_any_folder_of_it(project: Project, tmp_path: Path) -> None:
    """And says its branch, its commit, its changes; outside there is none."""
    found = Checkout.at(project.root / "kept/1")
    assert (found.root, found.branch, found.commit) == (project.root, "main", project.commits[0])
    assert found.clean()
    (project.root / "untracked").touch()
    assert found.clean()
    found.require_clean()
    (project.root / "README").write_text("changed", encoding="utf-8")
    assert found.changed() == ["README"]
    with pytest.raises(ReleaseError, match="uncommitted changes in README; commit or stash"):
        found.require_clean()
    assert found.file("README", "HEAD") == b"A tiny project.\n"
    assert found.file("nothing") is None
    git(project.root, "switch", "--quiet", "--detach", "second")
    with pytest.raises(ReleaseError, match="on no branch"):
        _ = found.branch
    with pytest.raises(ReleaseError, match="in no git repository"):
        Checkout.at(tmp_path)


def test_a_repository_without_a_commit_is_told(tmp_path: Path) -> None:
    """As one that `hearth init` has just made: there is nothing yet that could be champion."""
    git(tmp_path, "init", "--quiet")
    for begin in (lambda: champion.log(Checkout.at(tmp_path)), lambda: lock(tmp_path).__enter__()):
        with pytest.raises(ReleaseError, match="has no commit yet: `git add --all` and `git commit` first"):
            begin()


def test_who_may_not_write_to_the_repository_is_told(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is begun, whether the folder of our notes is there or not."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(ReleaseError, match=r"may not write to .*hearth; run this as the owner"), lock(project.root):
        pass

    def forbidden(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", forbidden)
    with pytest.raises(ReleaseError, match=r"may not write to .*hearth; run this as the owner"), lock(project.root):
        pass


def test_a_worktree_is_the_commit_and_vanishes(project: Project, places: Path) -> None:
    """It lies outside the repository; main does not see it, and nothing of it is left."""
    with project.checkout.worktree(project.commits[1]) as tree:
        assert places in tree.root.parents
        assert tree.commit == project.commits[1]
        assert "seed: 2" in (tree.root / "params.yaml").read_text(encoding="utf-8")
        assert status(project.root) == status(tree.root) == ""
    assert [*places.iterdir(), *traces(project)] == []
    assert git(project.root, "worktree", "list").count("\n") == 0


def test_a_worktree_vanishes_after_an_error(project: Project, places: Path) -> None:
    """Whatever it was, and whatever was in there."""

    def fail() -> None:
        with project.checkout.worktree("second") as tree:
            (tree.root / "mess").mkdir()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [*places.iterdir(), *traces(project)] == []


def test_no_worktree_of_a_commit_that_is_none(project: Project, places: Path) -> None:
    """Git says so."""
    with pytest.raises(CommandError, match="invalid reference: nothing"), project.checkout.worktree("nothing"):
        pass
    assert [*places.iterdir(), *traces(project)] == []


@pytest.mark.journey
def test_a_build_in_a_worktree_is_recorded_and_its_outs_are_in_the_shared_cache(project: Project) -> None:
    """Remotes that are named relative to the main checkout are the same there; nothing but the wanted files is committed."""
    main = project.checkout
    main.run("dvc", "remote", "add", "--local", "--default", "store", "../my remote, no. 1")
    with main.worktree("main") as tree:
        assert tree.run("dvc", "config", "remote.store.url", "--local") == str(project.root.parent / "my remote, no. 1")
        configured(tree.root, 3, prepare={"seed": 44})
        (tree.root / "README").write_text("not wanted", encoding="utf-8")
        tree.run("dvc", "repro")
        commit = tree.record(["dvc.lock", "params.yaml", "reports"], "A build")
        assert tree.record(["dvc.lock"], "Nothing new") == commit
        assert tree.changed() == ["README"]
    assert git(project.root, "diff", "--name-only", "main", commit).split() == [
        "dvc.lock",
        "params.yaml",
        "reports/data.json",
        "reports/metrics.json",
    ]
    git(project.root, "switch", "--quiet", "--detach", commit)
    main.run("dvc", "checkout")
    assert project.served == project.digests[2]
    assert status(project.root) == ""


WORKING = """
import sys, time
from pathlib import Path
from hearth.release import champion
from hearth.release.checkout import Checkout
with Checkout.at(Path(sys.argv[1])).worktree("second") as tree:
    print(tree.root, flush=True)
    time.sleep(60)
"""
LOCKING = """
import sys
from pathlib import Path
from hearth.release.commands import run
from hearth.release.locking import lock
with lock(Path(sys.argv[1])) as main:
    print("locked", flush=True)
    run(["sh", "-c", "touch begun; sleep 60"], main.root)
"""


def started(program: str, *arguments: object) -> tuple[subprocess.Popen[str], str]:
    """A program that has printed its first line, as the leader of a process group."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def ended(process: subprocess.Popen[str]) -> None:
    """Kill it with all that it started."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def test_the_worktree_of_a_killed_process_is_removed_by_the_next(
    project: Project, places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not that of one that still lives."""
    monkeypatch.setenv("TMPDIR", str(places))
    dead, folder = started(WORKING, project.root)
    ended(dead)
    assert Path(folder).is_dir()
    living, other = started(WORKING, project.root)
    assert not Path(folder).exists()
    with project.checkout.worktree("third"):
        assert Path(other).is_dir()
    assert len(traces(project)) == 2
    ended(living)
    with project.checkout.worktree("third"):
        assert not Path(other).exists()
    assert [*places.iterdir(), *traces(project)] == []


def test_a_lock_that_is_held_is_refused_and_names_its_holder(project: Project) -> None:
    """With its process and since when."""
    with lock(project.root) as main:
        assert main == project.checkout
        with pytest.raises(ReleaseError, match=rf"worked on by process {os.getpid()} \(.*since 20.*--wait"), lock(project.root):
            pass
    with lock(project.root):
        pass


def test_a_lock_can_be_waited_for(project: Project) -> None:
    """Until it is free."""
    process, _ = started(LOCKING, project.root)
    timer = threading.Timer(0.5, ended, [process])
    timer.start()
    began = time.monotonic()
    with lock(project.root, wait=True):
        assert time.monotonic() - began > 0.3
    timer.join()


def test_a_lock_is_held_until_the_commands_of_a_killed_process_have_ended(project: Project) -> None:
    """They may still be writing."""
    process, _ = started(LOCKING, project.root)
    while not (project.root / "begun").exists():
        time.sleep(0.02)
    process.kill()
    process.wait()
    with pytest.raises(ReleaseError, match=f"process {process.pid}"), lock(project.root):
        pass
    ended(process)
    with lock(project.root, wait=True):
        pass
