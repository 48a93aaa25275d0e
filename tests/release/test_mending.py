"""A ``dvc.lock`` that a build was killed in."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from dvc.exceptions import DvcException
from dvc.repo import Repo
from tests.release.projects import Project, status

from hearth.errors import ReleaseError
from hearth.release import mending
from hearth.release.commands import git, run
from hearth.release.mending import broken, mend

ROOT = Path(__file__).parents[2]
CONFLICT = "<<<<<<< HEAD\nschema: '2.0'\n=======\nschema: '2.0'\n>>>>>>> other\n"


def refused(root: Path) -> bool:
    """Whether DVC refuses to build here, or falls over a checksum that reads as a number."""
    try:
        with Repo(str(root)) as repo:
            return not repo.index.stages
    except (DvcException, AttributeError):
        return True


def aside(project: Project) -> Path:
    """Where a broken lock is kept."""
    return project.root / ".dvc/tmp/dvc.lock.broken"


def cut(project: Project, content: bytes = b"") -> Path:
    """Its lock, of which so much is left."""
    (project.root / "dvc.lock").write_bytes(content)
    return project.root / "dvc.lock"


def said(folder: Path, **environment: str) -> tuple[int, str]:
    """The exit code of the command and what it says, on standard error alone."""
    command = [sys.executable, "-m", "hearth.release.mending"]
    done = subprocess.run(command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    assert done.stdout == ""
    return done.returncode, done.stderr


@pytest.mark.parametrize("step", [pytest.param(13, marks=pytest.mark.journey), 49])
def test_what_dvc_refuses_is_mended_and_what_it_takes_is_left(project: Project, step: int) -> None:
    """Wherever the lock was cut: DVC builds afterwards, the broken one is kept, and a shorter one that is whole stays."""
    lock = project.root / "dvc.lock"
    whole = lock.read_bytes()
    found = {True: 0, False: 0}
    for length in range(0, len(whole), step):
        cut(project, whole[:length])
        bad = refused(project.root)
        found[bad] += 1
        assert (mend(project.root) is not None) is bad, length
        assert lock.read_bytes() == (whole if bad else whole[:length]), length
        assert not bad or aside(project).read_bytes() == whole[:length]
    assert min(found.values()) > 1


@pytest.mark.parametrize(("checksum", "bad"), [("12345", True), ("1", True), ("1a2b", False), ("'123'", False), ("", False)])
def test_a_checksum_that_was_cut_behind_its_digits_is_mended(project: Project, checksum: str, bad: bool) -> None:
    """It reads as a number, which DVC's schema takes, and DVC does not."""
    lock = project.root / "dvc.lock"
    head, _, _ = lock.read_text(encoding="utf-8").partition(" md5: ")
    cut(project, f"{head} md5: {checksum}".encode())
    assert refused(project.root) is bad
    assert broken(lock) is bad


@pytest.mark.journey
def test_a_lock_of_many_stages_is_judged_as_dvc_does(tmp_path: Path) -> None:
    """That of this repository, cut anywhere."""
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    run(["dvc", "init", "--quiet", "--no-scm"], tmp_path)
    whole = (ROOT / "dvc.lock").read_bytes()
    lengths = [0, 1, *range(1000, len(whole), 4001), len(whole) - 1, len(whole)]
    for length in lengths:
        (tmp_path / "dvc.lock").write_bytes(whole[:length])
        assert broken(tmp_path / "dvc.lock") is refused(tmp_path), length


@pytest.mark.parametrize(
    "content", [b"\n", b"\0" * 4096, b"schema: '2.0'\nstages:\n  \xc3", b"schema: '3.0'\n", b"schema: 2026-13-45\n", b"- a\n"]
)
def test_other_damage_is_mended_too(project: Project, content: bytes) -> None:
    """As where the disk was full, or the power went."""
    whole = cut(project).with_name("dvc.lock")
    cut(project, content)
    assert mend(project.root) is not None
    assert git(project.root, "diff", "--name-only") == ""
    assert whole.stat().st_mode & 0o777 == 0o644


def test_a_build_goes_on_after_its_lock_was_mended(project: Project) -> None:
    """It says what it did in one line, does nothing the second time, and leaves no trace in git."""
    cut(project)
    with pytest.raises(Exception, match="validation failed"):
        run(["dvc", "repro"], project.root)
    code, told = said(project.root)
    assert (code, told.count("\n")) == (0, 1)
    assert told.startswith("hearth: dvc.lock was broken, as by a build that was killed: git's is back in its place")
    assert str(aside(project)) in told
    assert said(project.root) == (0, "")
    run(["dvc", "repro"], project.root)
    assert status(project.root) == ""


def test_the_lock_that_was_staged_last_comes_back(project: Project) -> None:
    """It is newer than that of the last commit."""
    whole = git(project.root, "show", "second:dvc.lock").encode() + b"\n"
    lock = cut(project, whole)
    git(project.root, "add", "dvc.lock")
    cut(project, whole[:4])
    mend(project.root)
    assert lock.read_bytes() == whole


def test_without_one_in_git_everything_is_built_anew(project: Project) -> None:
    """The broken one is out of the way."""
    git(project.root, "rm", "--quiet", "--cached", "dvc.lock")
    lock = cut(project, b"sch")
    assert "everything is built anew" in str(mend(project.root))
    assert (lock.exists(), aside(project).read_bytes()) == (False, b"sch")
    assert not refused(project.root)
    assert said(project.root) == (0, "")


def test_a_project_in_a_folder_of_a_repository_gets_its_own_lock(project: Project) -> None:
    """Not that of the folder above."""
    inner = project.root / "inner"
    inner.mkdir()
    (inner / "dvc.lock").write_text("schema: '2.0'\nstages: {}\n", encoding="utf-8")
    git(project.root, "add", "inner")
    (inner / "dvc.lock").write_text("sch", encoding="utf-8")
    mend(inner)
    assert (inner / "dvc.lock").read_text(encoding="utf-8") == "schema: '2.0'\nstages: {}\n"
    assert git(project.root, "diff", "--name-only") == ""


def test_a_conflict_is_for_a_person_to_decide(project: Project) -> None:
    """Marks of a merge stay, and so does a cut lock of which git has two."""
    lock = cut(project, CONFLICT.encode())
    code, told = said(project.root)
    assert (code, told.count("\n")) == (1, 1)
    assert "is in conflict after a merge" in told
    assert lock.read_text(encoding="utf-8") == CONFLICT
    git(project.root, "checkout", "--quiet", "dvc.lock")
    for branch in ("second", "other"):
        subprocess.run(["git", "merge", "--quiet", branch], cwd=project.root, capture_output=True, check=False)
    assert git(project.root, "ls-files", "--unmerged", "dvc.lock")
    cut(project, b"sch")
    with pytest.raises(ReleaseError, match="is in conflict after a merge"):
        mend(project.root)
    assert lock.read_bytes() == b"sch"


def test_a_conflict_that_was_decided_in_the_file_is_left_to_dvc(project: Project) -> None:
    """A whole lock is nobody's business."""
    for branch in ("second", "other"):
        subprocess.run(["git", "merge", "--quiet", branch], cwd=project.root, capture_output=True, check=False)
    git(project.root, "checkout", "--theirs", "dvc.lock")
    assert mend(project.root) is None


def test_a_lock_that_is_broken_in_git_too_is_left(project: Project) -> None:
    """To forget what was built is not for us."""
    lock = cut(project, b"sch")
    git(project.root, "add", "dvc.lock")
    with pytest.raises(ReleaseError, match=r"so is the one in git: put back the one of an earlier commit"):
        mend(project.root)
    assert lock.read_bytes() == b"sch"
    assert [path.name for path in project.root.glob(".dvc.lock.*")] == []


def test_a_lock_that_another_dvc_is_writing_is_left(project: Project) -> None:
    """It looks broken until that one is done."""
    lock = cut(project, b"sch")
    with Repo(str(project.root)) as repo, repo.lock:
        code, told = said(project.root)
    assert (code, lock.read_bytes()) == (1, b"sch")
    assert "was left as it is: Unable to acquire lock" in told
    assert "Traceback" not in told


def test_a_lock_that_was_whole_by_the_time_is_left(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another DVC had it half written at the first look."""
    answers = iter([True, False])
    monkeypatch.setattr(mending, "broken", lambda _: next(answers))
    assert mend(project.root) is None
    assert not aside(project).exists()


def test_what_git_cannot_tell_is_left(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No git on this machine, or a project of DVC without it."""
    lock = cut(project, b"sch")
    with monkeypatch.context() as bare:
        bare.setenv("PATH", str(tmp_path / "none"))
        bare.setattr(sys, "executable", str(tmp_path / "none/python"))
        with pytest.raises(ReleaseError, match=r"git cannot put it back: .* or remove it.*No such file"):
            mend(project.root)
    shutil.rmtree(project.root / ".git")
    (project.root / ".dvc/config").write_text("[core]\n    no_scm = true\n", encoding="utf-8")
    code, told = said(project.root)
    assert (code, "or remove it" in told, "Traceback" in told) == (1, True, False)
    assert lock.read_bytes() == b"sch"


@pytest.mark.parametrize("dvc", [True, False])
def test_a_folder_that_is_no_project_is_told(tmp_path: Path, dvc: bool) -> None:
    """Neither git nor DVC is there, or git alone."""
    (tmp_path / "dvc.lock").touch()
    if dvc:
        git(tmp_path, "init", "--quiet")
    code, told = said(tmp_path)
    assert code == 1
    assert "was left as it is: you are not inside of a DVC repository" in told
    assert "Traceback" not in told


def test_what_cannot_be_read_or_written_is_said(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder in its place, a file of somebody else's, a disk that takes nothing."""
    lock = project.root / "dvc.lock"
    content = lock.read_bytes()
    lock.unlink()
    lock.mkdir()
    assert said(project.root) == (1, f"hearth: {lock} cannot be read: Is a directory. It is to be a file of yours, or none\n")
    lock.rmdir()
    cut(project, content[:4])

    def full(_: Path) -> None:
        raise PermissionError(13, "Permission denied", "dvc.lock.broken")

    monkeypatch.setattr(mending, "replacing_file", full)
    with pytest.raises(ReleaseError, match=r"cannot be mended: dvc\.lock\.broken: Permission denied"):
        mend(project.root)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_lock_of_somebody_elses_is_told(project: Project) -> None:
    """It may be whole."""
    (project.root / "dvc.lock").chmod(0)
    assert said(project.root)[1].endswith("cannot be read: Permission denied. It is to be a file of yours, or none\n")
