"""Who is champion: changed by a commit that takes the log along."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.release.projects import Project, agrees, built, configured, judgement, status

from hearth.errors import CommandError, ReleaseError
from hearth.release import champion, outs
from hearth.release.champion import VERDICT
from hearth.release.commands import git, run
from hearth.release.locking import lock
from hearth.release.outs import Cache
from hearth.release.promotions import LOG, Entry, judged


def promoted(project: Project, build: str | None, verdict: Path | None = None, why: str = "because") -> Entry:
    """Promote under the lock."""
    with lock(project.root) as main:
        return champion.promote(main, build, verdict, why)


def rolled_back(project: Project, to: str | None = None) -> Entry:
    """Roll back under the lock."""
    with lock(project.root) as main:
        return champion.rollback(main, to, "it was wrong")


def bundle(project: Project) -> dict[str, bytes]:
    """Every file of the bundle that lies there."""
    return {path.name: path.read_bytes() for path in (project.root / "models/production").iterdir()}


def test_a_build_that_follows_becomes_champion_with_its_code(project: Project, tmp_path: Path) -> None:
    """The branch goes on from the build's own commit; the verdict comes in, and its sum stands in the log."""
    first, second, _ = project.digests
    verdict = judgement(tmp_path / "verdict.json", second, first)
    entry = promoted(project, "second", verdict, why="")
    assert agrees(project)
    assert (entry.digest, entry.previous, entry.why) == (second, first, "It is better.; By much.")
    assert entry.verdict == judged(verdict.read_bytes(), "promote")
    assert (project.root / VERDICT).read_bytes() == verdict.read_bytes()
    assert git(project.root, "merge-base", "second", "main") == project.commits[1]
    assert champion.named(project.checkout, entry.commit) == second
    assert project.checkout.file(VERDICT, entry.commit) == verdict.read_bytes()


def test_the_champion_before_the_log_gets_the_first_line(project: Project) -> None:
    """So that the log tells of every champion, and the first can be gone back to."""
    promoted(project, "second")
    first, second = champion.log(project.checkout)
    assert (first.digest, first.previous, first.commit) == (project.digests[0], None, project.commits[0])
    assert (second.sequence, second.previous) == (2, project.digests[0])


@pytest.mark.journey
def test_a_champion_that_was_committed_by_hand_gets_its_line_with_the_next(project: Project) -> None:
    """The chain is whole again."""
    promoted(project, "second")
    built(project.root, 3)
    promoted(project, project.commits[0], why="back")
    lines = [(one.action, one.digest, one.why) for one in champion.log(project.checkout)][1:]
    assert lines == [
        ("promote", project.digests[1], "because"),
        ("promote", project.digests[2], "committed without a promotion"),
        ("promote", project.digests[0], "back"),
    ]
    assert agrees(project)


def test_what_is_champion_stays_it_without_another_line(project: Project) -> None:
    """A promotion that is run again changes nothing."""
    entry = promoted(project, "second")
    before = project.checkout.commit
    assert promoted(project, "second", why="again") == entry
    assert project.checkout.commit == before


def test_a_build_on_another_line_is_made_again_on_the_branch(project: Project) -> None:
    """Its settings, lock and reports are taken over; the branch keeps what it has."""
    promoted(project, "second")
    (project.root / "README").write_text("changed meanwhile", encoding="utf-8")
    git(project.root, "commit", "--quiet", "--all", "--message", "README")
    promoted(project, "other")
    assert agrees(project)
    assert project.served == project.digests[2]
    assert (project.root / "data/raw/table.csv").read_text(encoding="utf-8") == "43\n"
    assert (project.root / "README").read_text(encoding="utf-8") == "changed meanwhile"
    assert git(project.root, "diff", "--name-only", "main", "other").split() == ["README", LOG]


def test_a_build_on_another_line_with_other_code_is_refused(project: Project) -> None:
    """Its bundle would not be that of the code on the branch."""
    promoted(project, "second")
    git(project.root, "switch", "--quiet", "third")
    (project.root / "code.py").touch()
    git(project.root, "add", "code.py")
    git(project.root, "commit", "--quiet", "--message", "code")
    git(project.root, "switch", "--quiet", "main")
    with pytest.raises(ReleaseError, match=r"also changes code.py; merge or rebase it first"):
        promoted(project, "third")
    assert agrees(project)


@pytest.mark.journey
def test_a_build_that_lies_there_is_committed_with_its_promotion(project: Project) -> None:
    """As after ``dvc repro`` in the checkout itself; files that no stage wrote are left alone."""
    configured(project.root, 2)
    run(["dvc", "repro", "--quiet"], project.root)
    (project.root / "data/private.csv").touch()
    entry = promoted(project, None)
    assert status(project.root) == "?? data/private.csv\n"
    (project.root / "data/private.csv").unlink()
    assert agrees(project)
    assert project.served == project.digests[1]
    assert champion.named(project.checkout, entry.commit) == project.digests[1]


@pytest.mark.parametrize("path", ["README", LOG])
def test_a_build_that_lies_there_with_other_changes_is_refused(project: Project, path: str) -> None:
    """Its commit would not build it, or the log would not be what it was."""
    (project.root / "params.yaml").write_text("changed: 1\n", encoding="utf-8")
    (project.root / path).write_text("changed\n", encoding="utf-8")
    before = status(project.root)
    with pytest.raises(ReleaseError, match=f"uncommitted changes in {path}"):
        promoted(project, None)
    assert status(project.root) == before


def of_another(path: Path, project: Project) -> Path:
    """On the wrong candidate."""
    return judgement(path, project.digests[2], project.digests[0])


def that_keeps(path: Path, project: Project) -> Path:
    """Against the candidate."""
    return judgement(path, project.digests[1], project.digests[0], "keep")


def over_another(path: Path, project: Project) -> Path:
    """On a champion that is none."""
    return judgement(path, project.digests[1], project.digests[2])


def over_none(path: Path, project: Project) -> Path:
    """As if it were the first."""
    return judgement(path, project.digests[1], None)


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        (of_another, "judges 8f02f682fe96, not 0e9a0c658e51; run `hearth gate`"),
        (that_keeps, r"decides to keep the champion: It is better.; By much."),
        (over_another, "compares with 8f02f682fe96, but the champion is ae8697395f10"),
        (over_none, "compares with none, but the champion is ae8697395f10; run `hearth gate` again"),
    ],
)
def test_a_verdict_that_does_not_promote_this_over_that_is_refused(
    project: Project, tmp_path: Path, verdict: Callable[[Path, Project], Path], said: str
) -> None:
    """The message says why, and nothing changes."""
    names = dict(zip(("ae8697395f10", "0e9a0c658e51", "8f02f682fe96"), project.digests, strict=True))
    for name, digest in names.items():
        said = said.replace(name, digest[:12])
    # The champion has a line in the log only from the first promotion on; the log of an empty one knows none.
    promoted(project, "third")
    rolled_back(project)
    with pytest.raises(ReleaseError, match=said):
        promoted(project, "second", verdict(tmp_path / "v.json", project))
    assert agrees(project)
    assert project.served == project.digests[0]


@pytest.mark.journey
def test_a_rollback_puts_the_first_bundle_back_bit_for_bit(project: Project) -> None:
    """With its settings, lock, reports and data; the code, the log and what else there is stay."""
    before = bundle(project)
    commit = project.commits[0]
    promoted(project, "other")
    (project.root / "README").write_text("changed meanwhile", encoding="utf-8")
    git(project.root, "commit", "--quiet", "--all", "--message", "README")
    assert bundle(project) != before
    entry = rolled_back(project)
    assert agrees(project)
    assert bundle(project) == before
    assert (project.root / "data/raw/table.csv").read_text(encoding="utf-8") == "42\n"
    assert git(project.root, "diff", "--name-only", commit, "main").split() == ["README", LOG]
    assert (entry.action, entry.digest, entry.commit, entry.why) == ("rollback", project.digests[0], commit, "it was wrong")


@pytest.mark.journey
def test_rollbacks_go_further_back_and_end_with_the_first(project: Project) -> None:
    """Each to the champion before; what was rolled back can be named to come again."""
    first, second, third = project.digests
    promoted(project, "second")
    promoted(project, "third")
    assert rolled_back(project).digest == second
    assert rolled_back(project).digest == first
    with pytest.raises(ReleaseError, match="no champion before this one"):
        rolled_back(project)
    assert rolled_back(project, third).digest == third
    assert rolled_back(project, third).sequence == 6
    assert agrees(project)


def test_a_rollback_that_died_is_not_done_twice(project: Project) -> None:
    """Run again without a name it finds that the next command has already brought it to its end."""
    promoted(project, "second")
    promoted(project, "third")
    entry = rolled_back(project)
    with lock(project.root) as main:
        assert champion.rollback(replace(main, mended=True)) == entry


def test_a_commit_that_was_squashed_away_is_found_by_what_its_lock_names(project: Project) -> None:
    """As when a pull request is merged as one commit: the log names a commit that is here no more."""
    promoted(project, "second")
    entries = champion.log(project.checkout)
    lost = [*entries[:1], replace(entries[1], commit="0" * 40)]
    assert champion.commit_of(project.checkout, project.digests[1], lost) == project.commits[1]
    with pytest.raises(ReleaseError, match="no commit here names the bundle 123; `git fetch --all`"):
        champion.commit_of(project.checkout, "123", entries)


def test_a_log_that_lies_stops_a_rollback(project: Project) -> None:
    """A line whose commit names another bundle."""
    promoted(project, "second")
    path = project.root / LOG
    text = path.read_text(encoding="utf-8").replace(project.commits[0], project.commits[2])
    path.write_text(text, encoding="utf-8")
    git(project.root, "commit", "--quiet", "--all", "--message", "a lie")
    with pytest.raises(ReleaseError, match="the log says"):
        rolled_back(project)
    assert project.served == project.digests[1]


def test_a_champion_that_is_not_here_is_fetched_or_asked_for(project: Project) -> None:
    """A log that does not tell of it would be no history."""
    cache = Cache.of(project.checkout)
    sums = outs.read(project.checkout, "main")
    cache.path(sums.sums[sums.bundle]).unlink()
    with pytest.raises(ReleaseError, match="no remote has them"):
        promoted(project, "second")
    assert project.checkout.commit == project.commits[0]


@pytest.mark.parametrize("part", ["model.ubj", ""])
def test_a_bundle_that_is_damaged_in_the_cache_takes_nobodys_place(project: Project, part: str) -> None:
    """Whether a file of it or the list of its files: nothing changes, and what to remove is named."""
    cache, listed = Cache.of(project.checkout), outs.read(project.checkout, "second")
    folder = listed.sums[listed.bundle]
    path = cache.path(cache.files(folder)[part] if part else folder)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(ReleaseError, match=f"{path.name} in DVC's cache is damaged: remove it"):
        promoted(project, "second")
    assert agrees(project)


def test_a_commit_that_somebody_broke_hides_no_other(project: Project) -> None:
    """A lock with the marks of a merge, or without stages, or of a bundle that is none."""
    for broken in ("<<<<<<< HEAD\na: 1\n=======\nb: 2\n", "schema: '2.0'\n", "stages: {export: {outs: [1]}}\n"):
        git(project.root, "switch", "--quiet", "--detach", "second")
        (project.root / outs.LOCK).write_text(broken, encoding="utf-8")
        git(project.root, "commit", "--quiet", "--all", "--message", "broken")
        git(project.root, "branch", f"broken-{git(project.root, 'rev-parse', 'HEAD')}")
        with pytest.raises(ReleaseError, match=r"dvc\.lock of commit \w+ cannot be read; restore it with git"):
            champion.named(project.checkout)
    assert set(champion.builds(project.checkout)) == set(project.digests)


def test_commits_without_a_bundle_are_passed_over(project: Project) -> None:
    """As those from before the pipeline had one."""
    git(project.root, "switch", "--quiet", "--create", "early")
    (project.root / "dvc.lock").write_text("stages: {}\n", encoding="utf-8")
    git(project.root, "commit", "--quiet", "--all", "--message", "early")
    git(project.root, "switch", "--quiet", "main")
    assert champion.named(project.checkout, "early") is None
    assert set(champion.builds(project.checkout)) == set(project.digests)


def test_without_a_name_to_commit_under_nothing_happens(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git says how to give it one."""
    git(project.root, "config", "--unset", "user.name")
    git(project.root, "config", "user.useConfigOnly", "true")
    monkeypatch.setenv("HOME", str(project.root))
    with pytest.raises(CommandError, match=r"git config --global user\.name"):
        promoted(project, "second")
    assert agrees(project)
