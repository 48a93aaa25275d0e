"""``hearth registry`` and ``hearth reproduce`` as they are called."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.release.projects import Project, agrees, built, configured, judgement

from hearth import cli
from hearth.artifacts import write_text
from hearth.cli import console
from hearth.cli.registry import opened
from hearth.release import champion
from hearth.release.commands import git, run
from hearth.release.locking import lock
from hearth.release.promotions import LOG
from hearth.release.registry import Registry

pytestmark = [
    pytest.mark.journey,
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"),
]  # of MLflow's own


class Run:
    """Calls ``hearth`` in this process: the exit code, and what it wrote."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capfd = monkeypatch, capfd

    def __call__(self, *arguments: str | Path) -> tuple[int, str, str]:
        """Call it."""
        self._monkeypatch.setattr(sys, "argv", ["hearth", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        assert isinstance(end.value.code, int)
        return end.value.code, *self._capfd.readouterr()

    def registry(self, *arguments: str | Path) -> str:
        """What ``hearth registry`` prints where all is well."""
        code, out, err = self("registry", *arguments)
        assert code == 0, err
        return out


@pytest.fixture
def hearth(project: Project, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """The command, called in a folder of the project."""
    monkeypatch.chdir(project.root / "kept")
    monkeypatch.setattr(console, "end_with_the_pipe", lambda: None)  # these tests should not die of a broken pipe
    return Run(monkeypatch, capfd)


@pytest.mark.usefixtures("registered")
def test_the_looking_commands_print_tables_and_json(hearth: Run, project: Project) -> None:
    """Models, versions, two side by side, the best on the champion's data or another's."""
    first, second, third = (digest[:12] for digest in project.digests)
    assert hearth.registry("list").split("\n")[1].split() == ["hearth", "challenger", "3,", "champion", "1"]
    assert json.loads(hearth.registry("list", "--json")) == {"hearth": {"challenger": 3, "champion": 1}}
    table = [line.split() for line in hearth.registry("versions").splitlines()]
    assert [(line[0], line[1], *line[5:]) for line in table[1:]] == [
        ("1", first, "champion"),
        ("2", second),
        ("3", third, "challenger"),
    ]
    assert [one["digest"] for one in json.loads(hearth.registry("versions", "--json"))] == list(project.digests)

    shown = hearth.registry("compare", "champion", project.digests[1][:6])
    assert [" ".join(line.split()) for line in shown.splitlines()] == [
        f"version 1 ({first}) version 2 ({second})",
        "cv rmse 3 +- 0.5 2 +- 0.5",
        "test rmse 3 [2, 4] 2 [1, 3]",
        "test r2 - -",
        "rounds 10 20",
    ]
    told = json.loads(hearth.registry("compare", "2", "challenger", "--json"))
    assert told["metrics"]["cv rmse"] == [{"mean": 2, "sd": 0.5}, {"mean": 1, "sd": 0.5}]
    assert (told["settings"], told["data"]) == ({"rounds": [20, 30]}, {"sha256": ["dd", "ee"]})
    assert (told["a"]["number"], told["b"]["digest"]) == (2, project.digests[2])

    assert [line.split()[0] for line in hearth.registry("best").splitlines()] == ["version", "2", "1"]
    best = json.loads(hearth.registry("best", "3", "--json"))
    assert best == {
        "score": "rmse",
        "data": "ee",
        "versions": [{"number": 3, "digest": project.digests[2], "mean": 1, "sd": 0.5}],
    }


@pytest.mark.usefixtures("registered")
def test_aliases_are_set_and_removed(hearth: Run) -> None:
    """One of the two is to be asked for."""
    assert hearth.registry("alias", "shadow", "2") == "shadow is version 2\n"
    assert hearth.registry("alias", "shadow", "--remove") == "shadow is removed\n"
    for arguments in (["shadow"], ["shadow", "2", "--remove"]):
        code, _, err = hearth("registry", "alias", *arguments)
        assert (code, err) == (1, "hearth: give the VERSION that the alias is to point to, or --remove\n")
    assert hearth("registry", "alias", "champion", "2")[0] == 1
    code, out, err = hearth("registry", "alias", "shadow", "--remove")
    assert (code, out) == (1, "")
    assert err == "hearth: hearth has no alias shadow; `hearth registry list` shows those that there are\n"


def test_a_number_is_a_version_before_it_is_a_digest(hearth: Run, registered: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one of as many digits as begin a digest; where MLflow cannot be asked, or has no such version, a digest is meant."""
    _, second, third = registered.digests
    alike = f"12345{'0' * 59}"
    monkeypatch.setattr(champion, "builds", lambda _: {alike: "second", third: "third"})
    with monkeypatch.context() as many:
        known = [replace(one, number=1234) for one in opened(registered.checkout).versions() if one.number == 3]
        many.setattr(Registry, "versions", lambda _: known)
        assert hearth.registry("promote", "1234", "--force", "--why", "x").startswith(f"champion is {third} ")
    for name in ("12345", "1234"):
        assert hearth.registry("promote", name, "--force", "--why", "x").startswith(f"champion is {second} ")
        (registered.root / "mlflow.db").unlink(missing_ok=True)


@pytest.mark.usefixtures("registered")
def test_a_champion_is_made_told_of_and_undone(hearth: Run, project: Project, tmp_path: Path) -> None:
    """By a verdict; the alias goes along there and back, and the history says why."""
    first, second, _ = project.digests
    verdict = judgement(tmp_path / "v.json", second, first)
    out = hearth.registry("promote", "2", "--verdict", verdict)
    assert out.splitlines() == [
        f"champion is {second} (main is at {project.checkout.commit[:12]})",
        "champion is now version 2",
    ]
    assert json.loads(hearth.registry("list", "--json"))["hearth"] == {"challenger": 3, "champion": 2}
    (version,) = [one for one in json.loads(hearth.registry("versions", "--json")) if one["number"] == 2]
    assert version["commit"] == champion.log(project.checkout)[-1].commit
    assert "champion is version 2" in hearth.registry("promote", second[:8], "--verdict", verdict)

    assert f"champion is {first}" in hearth.registry("rollback", "--why", "it was wrong")
    assert agrees(project)
    told = [line.split() for line in hearth.registry("history").splitlines()]
    assert [(line[0], line[2], line[3]) for line in told[1:]] == [
        ("1", "promote", first[:12]),
        ("2", "promote", second[:12]),
        ("3", "rollback", first[:12]),
    ]
    raw = json.loads(hearth.registry("history", "--json"))
    assert [one["why"] for one in raw] == ["champion when this log began", "It is better.; By much.", "it was wrong"]
    assert f"champion is {second}" in hearth.registry("rollback", second)
    assert json.loads(hearth.registry("list", "--json"))["hearth"]["champion"] == 2


def test_without_mlflow_git_is_enough(hearth: Run, project: Project) -> None:
    """A digest in any branch can be promoted; that the alias stayed is said, with what moves it; sync says why it cannot."""
    third = project.digests[2]
    code, out, err = hearth("registry", "promote", third[:10], "--force", "--why", "by hand")
    assert (code, out.splitlines()[0].split()[2]) == (0, third)
    assert "MLflow's alias was not moved, `hearth registry sync` does it" in err
    assert agrees(project)
    assert project.served == third
    code, _, err = hearth("registry", "sync")
    assert (code, "does not exist: no build has been registered" in err) == (1, True)
    code, _, err = hearth("registry", "rollback", "champion")
    assert code == 1
    assert "no commit here names a bundle champion, and MLflow cannot be asked" in err


def test_without_an_mlflow_installed_a_promotion_stands(hearth: Run, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has been made by then: exit code 0, and what is still to be done."""
    monkeypatch.setitem(sys.modules, "mlflow", None)
    code, _, err = hearth("registry", "promote", project.digests[1][:10], "--force", "--why", "by hand")
    assert (code, "MLflow's alias was not moved" in err, "mlflow is not installed" in err) == (0, True, True)
    assert agrees(project)


def test_sync_makes_the_alias_follow(hearth: Run, registered: Project) -> None:
    """As after a promotion while MLflow was away, or one that came by git."""
    with lock(registered.root) as main:
        champion.promote(main, "third", None, "by git")
    assert hearth.registry("sync") == "champion is now version 3\n"
    assert json.loads(hearth.registry("list", "--json")) == {"hearth": {"champion": 3}}
    code, _, err = hearth("registry", "promote", registered.digests[2], "--force", "--why", "again")
    assert (code, err) == (0, "")


def test_a_build_that_lies_there_is_promoted(hearth: Run, project: Project, tmp_path: Path) -> None:
    """It is known by the verdict."""
    configured(project.root, 2)
    run(["dvc", "repro", "--quiet"], project.root)
    first, second, _ = project.digests
    code, out, _ = hearth("registry", "promote", second, "--verdict", judgement(tmp_path / "v.json", second, first))
    assert (code, second in out) == (0, True)
    assert agrees(project)


@pytest.mark.parametrize("arguments", [[], ["--force"], ["--force", "--why", "x", "--verdict", "v"], ["--why", "x"]])
def test_a_promotion_wants_a_verdict_or_a_reason(hearth: Run, project: Project, arguments: list[str]) -> None:
    """One of the two, and not both."""
    code, _, err = hearth("registry", "promote", project.digests[1], *arguments)
    assert (code, err) == (1, "hearth: give --verdict FILE, or --force with --why and the reason\n")


def test_a_beginning_of_several_digests_is_refused(hearth: Run, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is promoted."""
    twin = f"{project.digests[1][:8]}{'0' * 56}"
    monkeypatch.setattr(champion, "builds", lambda _: {project.digests[1]: "second", twin: "third"})
    code, _, err = hearth("registry", "promote", twin[:8], "--force", "--why", "x")
    assert (code, "is the beginning of" in err) == (1, True)
    assert agrees(project)


def test_history_tells_of_a_champion_without_a_promotion(hearth: Run, project: Project) -> None:
    """Before the first promotion that is as it should be, afterwards exit code 1; a broken log is an error."""
    code, out, err = hearth("registry", "history")
    assert (code, len(out.splitlines())) == (0, 1)
    assert "committed without a promotion" in err
    with lock(project.root) as main:
        champion.promote(main, "second", None, "x")
    built(project.root, 3)
    code, _, err = hearth("registry", "history")
    assert (code, project.digests[2][:12] in err) == (1, True)
    (project.root / LOG).write_text("{}\n", encoding="utf-8")
    git(project.root, "commit", "--quiet", "--all", "--message", "broken")
    code, _, err = hearth("registry", "history")
    assert (code, "line 1 cannot be read" in err) == (1, True)


def test_a_lock_that_cannot_be_read_is_the_callers_to_mend(hearth: Run, project: Project) -> None:
    """As after a merge that stopped half-way; without a branch the history can be looked at all the same."""
    git(project.root, "switch", "--quiet", "--detach")
    assert hearth("registry", "history")[0] == 0
    (project.root / "dvc.lock").write_text("<<<<<<< HEAD\na: 1\n=======\n", encoding="utf-8")
    git(project.root, "commit", "--quiet", "--all", "--message", "broken")
    for words in (["history"], ["sync"], ["promote", project.digests[1][:8], "--force", "--why", "x"]):
        code, _, err = hearth("registry", *words)
        assert (code, "dvc.lock of " in err, "cannot be read; restore it with git" in err) == (1, True, True)


def test_a_released_bundle_comes_out_again(hearth: Run, project: Project) -> None:
    """Every stage is run, in a worktree; the main checkout stays as it is."""
    with lock(project.root) as main:
        champion.promote(main, "second", None, "x")
    shutil.rmtree(project.root / "data/raw")
    code, out, err = hearth("reproduce", project.digests[1][:12])
    assert (code, out) == (0, f"{project.digests[1]} comes out again of {project.commits[1][:12]}, from its source\n")
    assert "Running stage 'ingest'" in err
    assert "Running stage 'export'" in err
    assert not (project.root / "data/raw").exists()
    assert agrees(project)


def test_a_build_that_was_logged_reads_its_settings_in_their_order(hearth: Run, project: Project) -> None:
    """To turn the log off changes nothing else: a bundle holds its features as the settings list them."""
    listed = "import yaml; print(*yaml.safe_load(open('params.yaml'))['features'])"
    write_text(
        project.root / "dvc.yaml",
        (project.root / "dvc.yaml")
        .read_text(encoding="utf-8")
        .replace("- echo ${tuning.seed} >", f'- {sys.executable} -c "{listed}" >'),
    )
    built(project.root, 2, tracking={"enabled": True})
    names = (project.root / "reports/metrics.json").read_text(encoding="utf-8").split()
    assert names != sorted(names)
    code, out, _ = hearth("reproduce", project.digests[1])
    assert (code, len(out.splitlines())) == (0, 1), out


def test_a_bundle_that_comes_out_otherwise_is_told_with_what_differs(hearth: Run, project: Project) -> None:
    """Exit code 2: an out of DVC's, a file in git, and the files of the bundle that are other than they were."""
    lock_file = project.root / "dvc.lock"
    configured(project.root, 2)
    lock_file.write_text(f"{lock_file.read_text(encoding='utf-8')}# by hand\n", encoding="utf-8")
    git(project.root, "commit", "--quiet", "--all", "--message", "settings of another bundle, and the lock of this one")
    code, out, _ = hearth("reproduce", project.digests[0])
    assert code == 2
    lines = out.splitlines()
    assert lines[0].startswith(f"{project.digests[0]} does not come out of ")
    assert lines[0].endswith(f", from its source: {project.digests[1]} does")
    assert {"  another out: models/production", "  another out: reports/metrics.json"} <= set(lines)
    assert "  another file of the bundle: transform.json" in lines
    assert not any("probe" in line and "out:" in line for line in lines)


def test_a_source_outside_git_is_not_read_again_unless_asked(hearth: Run, project: Project) -> None:
    """The recorded table is the beginning; with --source the stage that reads it runs too, and may fail."""
    pipeline = (
        (project.root / "dvc.yaml")
        .read_text(encoding="utf-8")
        .replace("mkdir -p data/raw", "test -e ../source && mkdir -p data/raw")
    )
    (project.root / "dvc.yaml").write_text(pipeline, encoding="utf-8")
    source = project.root.parent / "source"
    source.touch()
    built(project.root, 3, data={"source": "csv"})
    source.unlink()
    code, out, err = hearth("reproduce", project.digests[2])
    assert (code, out.splitlines()[0].endswith(", from the table that DVC recorded")) == (0, True)
    assert "Running stage 'ingest'" not in err
    code, _, err = hearth("reproduce", project.digests[2], "--source")
    assert code == 1
    assert "dvc repro --force --no-run-cache failed" in err


def test_what_no_commit_builds_cannot_be_reproduced(hearth: Run, registered: Project) -> None:
    """MLflow knows the version, git no more."""
    for branch in ("third", "other"):
        git(registered.root, "branch", "--quiet", "--delete", "--force", branch)
    code, _, err = hearth("reproduce", "3")
    assert code == 1
    assert f"no commit here names the bundle {registered.digests[2][:12]}" in err
