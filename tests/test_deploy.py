"""The scripts that targets and workflows call, with stand-ins for the programs that reach out: docker, gh, DVC."""

import json
import os
import runpy
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from hearth.release.verdict import Outcome, Rule, Side, Verdict

ROOT = Path(__file__).parents[1]
DIGEST = "ab" * 32
PULL_REQUEST = runpy.run_path(str(ROOT / "deploy" / "pull_request.py"))
# Writes its name and words to a file, a line each call, and answers with the line of `answers` that begins as the call does.
STAND_IN = """#!{python} -IS
import os, pathlib, sys
call = " ".join([pathlib.Path(sys.argv[0]).name, *sys.argv[1:]])
given = sys.stdin.read() if "--password-stdin" in sys.argv else ""
with open(os.environ["CALLS"], "a") as calls:
    calls.write(call.replace("\\n", "|") + given.replace("\\n", "|") + "\\n")
for line in os.environ.get("ANSWERS", "").splitlines():
    start, _, answer = line.partition(" => ")
    if call.startswith(start):
        words, _, code = answer.partition(" exit ")
        print(words)
        sys.exit(int(code or 0))
"""


class Bench:
    """A folder to run scripts in, with stand-ins before any real program."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.output, self.summary, self._calls = (folder / name for name in ("output", "summary", "calls"))
        (folder / "bin").mkdir()
        self.calls_of("git")  # makes the file

    def stand_in(self, *names: str) -> None:
        """Put something else in the place of these programs."""
        for name in names:
            program = self.folder / "bin" / name
            program.write_text(STAND_IN.format(python=sys.executable), encoding="utf-8")
            program.chmod(0o755)

    def run(
        self, script: str, *words: str, environment: Mapping[str, str] | None = None, answers: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a script of ``deploy/`` as the Makefile does."""
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        named = {"PATH": path, "CALLS": str(self._calls), "ANSWERS": answers, "HOME": str(self.folder)}
        command = ["bash", str(ROOT / "deploy" / script), *words]
        variables = {**named, **(environment or {})}
        return subprocess.run(command, cwd=self.folder, env=variables, capture_output=True, text=True, check=False)

    def calls_of(self, name: str) -> list[str]:
        """What a stand-in was asked."""
        self._calls.touch()
        lines = self._calls.read_text(encoding="utf-8").splitlines()
        return [line.removeprefix(f"{name} ") for line in lines if line.startswith(f"{name} ")]

    @property
    def as_step(self) -> dict[str, str]:
        """The variables of a step of a workflow."""
        return {"GITHUB_OUTPUT": str(self.output), "GITHUB_STEP_SUMMARY": str(self.summary)}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """An empty one."""
    return Bench(tmp_path)


@pytest.mark.parametrize(("code", "ends"), [(0, 0), (2, 0), (3, 0), (1, 1), (70, 70), (127, 127)])
def test_an_answer_is_no_failure_of_a_step(bench: Bench, code: int, ends: int) -> None:
    """The code is told either way; by hand it is the command's own."""
    done = bench.run("coded.sh", "0 2 3", "bash", "-c", f"echo said; exit {code}", environment=bench.as_step)
    assert (done.returncode, done.stdout, bench.output.read_text()) == (ends, "said\n", f"code={code}\n")
    assert bench.run("coded.sh", "0 2 3", "bash", "-c", f"exit {code}").returncode == code


def test_a_step_that_cannot_tell_its_code_fails(bench: Bench) -> None:
    """Else the next one would take silence for an answer."""
    bench.output.mkdir()
    assert bench.run("coded.sh", "0 2 3", "true", environment=bench.as_step).returncode == 1


def test_a_secret_that_nobody_set_is_no_address(bench: Bench) -> None:
    """It arrives as an empty variable; the command sees none."""
    for given, seen in (("", "none"), ("sqlite:///x.db", "sqlite:///x.db")):
        command = ["bash", "-c", "echo ${HEARTH_DATABASE_URL-none}"]
        assert bench.run("coded.sh", "0", *command, environment={"HEARTH_DATABASE_URL": given}).stdout == f"{seen}\n"


def test_without_a_store_the_run_says_so(bench: Bench) -> None:
    """A notice, and an output on which the steps after it are left out."""
    named = {"HEARTH_DATABASE_URL": "postgresql://user:secret@host/db"}
    done = bench.run("store_named.sh", environment=bench.as_step | named)
    assert (done.returncode, done.stdout, done.stderr, bench.output.read_text()) == (0, "", "", "named=true\n")
    done = bench.run("store_named.sh", environment=bench.as_step | {"HEARTH_DATABASE_URL": ""})
    assert done.returncode == 0
    assert done.stdout.startswith("::notice title=")
    assert bench.output.read_text() == "named=true\nnamed=false\n"


ISSUE = {"GITHUB_SERVER_URL": "https://host", "GITHUB_REPOSITORY": "me/it", "GITHUB_RUN_ID": "7", "GH_TOKEN": "given"}


def test_what_a_run_found_is_told_once(bench: Bench) -> None:
    """The first opens an issue, the next is a comment on it; each says which run."""
    bench.stand_in("gh")
    assert bench.run("issue.sh", "it failed", environment=ISSUE).returncode == 0
    assert bench.run("issue.sh", "it failed", environment=ISSUE, answers="gh issue list => 12\n").returncode == 0
    found = bench.calls_of("gh")
    assert [call.split()[1] for call in found] == ["list", "create", "list", "comment"]
    assert found[1].startswith("issue create --title it failed --body See https://host/me/it/actions/runs/7|")
    assert found[3].startswith("issue comment 12 --body See https://")


def test_what_cannot_be_told_is_a_failure(bench: Bench) -> None:
    """A token without the permission is seen."""
    bench.stand_in("gh")
    assert bench.run("issue.sh", "it failed", environment=ISSUE, answers="gh issue create =>  exit 4").returncode == 4
    assert bench.run("issue.sh", "it failed", environment=ISSUE, answers="gh issue list =>  exit 4").returncode == 4


def test_an_image_is_pushed_under_the_digest_of_its_bundle(bench: Bench) -> None:
    """In lower case, under further tags too; the reference that stays is told."""
    bench.stand_in("docker")
    answers = f"docker run => {DIGEST}\ndocker inspect => ghcr.io/me/it@sha256:cd\n"
    token = {"GITHUB_TOKEN": "secret", "GITHUB_ACTOR": "me"}
    done = bench.run("image_push.sh", "hearth", "Me/It", "v1.0.0", environment=bench.as_step | token, answers=answers)
    assert done.returncode == 0, done.stderr
    calls = bench.calls_of("docker")
    assert calls[0] == "login ghcr.io --username me --password-stdinsecret|"
    assert f"tag hearth ghcr.io/me/it:{DIGEST}" in calls
    assert [call for call in calls if call.startswith("push")] == [f"push ghcr.io/me/it:{DIGEST}", "push ghcr.io/me/it:v1.0.0"]
    assert "ghcr.io/me/it@sha256:cd" in bench.summary.read_text()
    assert "secret" not in done.stdout + done.stderr


def test_an_image_whose_bundle_does_not_verify_is_not_pushed(bench: Bench) -> None:
    """Nor is one that the registry refuses called pushed."""
    bench.stand_in("docker")
    assert bench.run("image_push.sh", "hearth", "me/it", answers="docker run =>  exit 1").returncode == 1
    assert not [call for call in bench.calls_of("docker") if call.startswith("push")]
    refused = f"docker run => {DIGEST}\ndocker push =>  exit 1\n"
    assert bench.run("image_push.sh", "hearth", "me/it", environment=bench.as_step, answers=refused).returncode == 1
    assert not bench.summary.exists()


@pytest.mark.parametrize(("state", "code"), [("running healthy", 0), ("exited starting", 1)])
def test_an_image_is_started_as_it_would_be_deployed(bench: Bench, state: str, code: int) -> None:
    """Without privileges, nothing of it writable, with a key; it is removed whatever comes of it, and its log is shown."""
    bench.stand_in("docker")
    key = f"hearth_secret\ncheck:monitor:never:{DIGEST}".splitlines()[-1]
    run, log = f"docker run --rm hearth keys => {key}\ndocker run --detach => c1\n", "docker logs => its log\n"
    done = bench.run("image_check.sh", "hearth", answers=f"{run}docker inspect => {state}\n{log}")
    assert done.returncode == code
    calls = bench.calls_of("docker")
    started = next(call for call in calls if call.startswith("run --detach"))
    assert {"--read-only", "--cap-drop"} <= set(started.split())
    assert f"--env HEARTH_API_KEYS={key}" in started
    assert calls[-1] == "rm --force c1"
    assert ("exec c1 hearth verify models/production" in calls) is (code == 0)
    assert ("logs c1" in calls) is (code == 1)


@pytest.fixture
def git(tmp_path: Path) -> Callable[..., str]:
    """Git in a repository with one commit and a remote, whose answer it returns."""
    who = [item for name in ("name", "email") for item in ("-c", f"user.{name}=me")]

    def call(*words: str) -> str:
        done = subprocess.run(["git", *who, *words], cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    call("init", "--quiet", "--initial-branch", "main")
    call("init", "--quiet", "--bare", "remote.git")
    call("remote", "add", "origin", "remote.git")
    (tmp_path / "dvc.lock").write_text("one\n", encoding="utf-8")
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "metrics.json").write_text(json.dumps(METRICS), encoding="utf-8")
    call("add", "dvc.lock", "reports")
    call("commit", "--quiet", "--message", "one")
    call("push", "--quiet", "origin", "main")
    return call


def test_a_bundle_comes_from_the_remote_or_is_built(bench: Bench, git: Callable[..., str], tmp_path: Path) -> None:
    """Whichever it was, it is verified, and it is what the lock names."""
    bench.stand_in("dvc", "hearth", "python")
    (tmp_path / "deploy").mkdir()
    script = tmp_path / "deploy" / "bundle.sh"  # it works where it lies
    script.write_bytes((ROOT / "deploy" / "bundle.sh").read_bytes())
    for remote, asked in (("", "repro"), ("dvc remote list => s3", "pull")):
        assert bench.run(str(script), answers=remote).returncode == 0
        assert bench.calls_of("python")[-1] == "-m hearth.release.mending"
        assert bench.calls_of("dvc")[-2:] == ["remote list", asked]
        assert bench.calls_of("hearth")[-1] == "verify models/production"
    (tmp_path / "dvc.lock").write_text("another\n", encoding="utf-8")
    done = bench.run(str(script))
    assert done.returncode == 1
    assert "not what dvc.lock names" in done.stderr
    assert len(bench.calls_of("hearth")) == 2
    assert git("status", "--porcelain", "--untracked-files=no") == "M dvc.lock"


SCORES = {"rmse": {"mean": 3.0, "sd": 0.5}, "r2": {"mean": -0.25, "sd": 0.1}}
METRICS = {"winner": "a", "cv": SCORES, "test": {}, "a": {"cv": SCORES, "test": {}}, "b": {"cv": SCORES, "test": {}}}
FIGURES = {"candidate": 2.8, "champion": 3.0, "difference": -0.2, "low": -0.3, "high": -0.1, "confidence": 0.9, "p_value": 0.01}
JUDGED = Verdict(
    decision="promote",
    method="recipes",
    reasons=("the candidate's error is lower",),
    candidate=Side(digest=DIGEST, sha256={}, rows={}),
    champion=Side(digest="cd" * 32, sha256={}, rows={}),
    outcome=Outcome(metric="rmse", rows=506, **FIGURES),
    rule=Rule(alpha=0.05, min_rows=200, folds=5, repeats=5, seed=0),
    rule_in_words="Promote where it is better.",
    by="test",
    versions={},
)
VERDICT = json.loads(JUDGED.text())


def test_the_text_of_a_pull_request_has_verdict_plots_and_figures() -> None:
    """What was found, by which rule, before and now side by side, every change in a table."""
    better = {**METRICS, "a": {"cv": {"rmse": {"mean": 2.5, "sd": 0.5}}, "test": {}}}
    text = PULL_REQUEST["text"](VERDICT, METRICS, better, "| Path |\n", Path("missing"))
    assert "- the candidate's error is lower" in text
    assert f"| candidate | `{DIGEST}` |" in text
    assert "| difference | -0.2 |" in text
    assert "Promote where it is better." in text
    assert text.endswith("| Path |")
    (plot,) = text.split("```mermaid\n")[1:]
    assert 'x-axis ["a, before", "a, now", "b, before", "b, now"]\n  y-axis 0 --> 3\n  bar [3, 2.5, 3, 3]\n```' in plot


def test_the_first_champion_has_nothing_to_be_compared_with(tmp_path: Path) -> None:
    """Its own figures stand alone; features come in the order of their importance, their quotes harmless."""
    (tmp_path / "importance.csv").write_text('importance,feature\n1,small\n3,"a ""large"" one"\n', encoding="utf-8")
    verdict = {**VERDICT, "champion": None, "outcome": None}
    text = PULL_REQUEST["text"](verdict, None, METRICS, "", tmp_path / "importance.csv")
    assert "| champion | `none` |" in text
    assert 'x-axis ["a, now", "b, now"]' in text
    assert 'x-axis ["a \'large\' one", "small"]\n  y-axis 0 --> 3\n  bar [3, 1]' in text


def test_a_score_below_zero_stays_in_the_picture() -> None:
    """The axis begins at the lowest."""
    assert "y-axis -0.25 --> 0\n" in PULL_REQUEST["compared"]("r2", None, METRICS)


def test_a_candidate_is_proposed_once(bench: Bench, git: Callable[..., str], tmp_path: Path) -> None:
    """Its branch is named after the bundle and holds what is here; where it was proposed before, nothing is pushed."""
    bench.stand_in("gh", "hearth", "dvc")
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "pull_request.py").write_bytes((ROOT / "deploy" / "pull_request.py").read_bytes())
    (tmp_path / "dvc.lock").write_text("two\n", encoding="utf-8")
    git("commit", "--quiet", "--all", "--message", "two")
    (tmp_path / "reports" / "verdict.json").write_text(json.dumps(VERDICT), encoding="utf-8")
    python = {"PATH": f"{tmp_path / 'bin'}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    digest = f"hearth verify => {DIGEST}\n"
    done = bench.run("pull_request.sh", "main", environment=python, answers=digest)
    assert done.returncode == 0, done.stderr
    branch = f"retrain/{DIGEST[:12]}"
    assert git("ls-remote", "origin", branch).split() == [git("rev-parse", "HEAD"), f"refs/heads/{branch}"]
    assert f"pr create --base main --head {branch} --title A better bundle: {DIGEST[:12]}" in bench.calls_of("gh")[-1]
    assert bench.calls_of("dvc") == ["metrics diff --md origin/main HEAD"]
    done = bench.run("pull_request.sh", "main", environment=python, answers=f"{digest}gh pr list => https://host/1\n")
    assert (done.returncode, done.stdout) == (0, "proposed before: https://host/1\n")
    assert len([call for call in bench.calls_of("gh") if call.startswith("pr create")]) == 1


def test_a_release_holds_the_package_and_the_bundle(bench: Bench, git: Callable[..., str], tmp_path: Path) -> None:
    """The same commit gives the same bytes, whoever's the files are and however old."""
    bench.stand_in("uv", "hearth")
    (tmp_path / "deploy").mkdir()
    script = tmp_path / "deploy" / "dist.sh"
    script.write_bytes((ROOT / "deploy" / "dist.sh").read_bytes())
    (tmp_path / "models" / "production").mkdir(parents=True)
    (tmp_path / "models" / "production" / "manifest.json").write_text("{}", encoding="utf-8")
    (tmp_path / "reports" / "model_card.md").write_text("# Card\n", encoding="utf-8")
    found = []
    for mode, age in ((0o644, 1), (0o600, 2)):
        (tmp_path / "models" / "production" / "manifest.json").chmod(mode)
        os.utime(tmp_path / "models" / "production" / "manifest.json", (age, age))
        (tmp_path / "dist").mkdir()
        (tmp_path / "bin" / "uv").write_text("#!/bin/sh\nmkdir dist\n", encoding="utf-8")
        assert bench.run(str(script), answers=f"hearth verify => {DIGEST}\n").returncode == 0
        assert {path.name for path in (tmp_path / "dist").iterdir()} == {f"bundle-{DIGEST[:12]}.tar", "model_card.md"}
        found.append((tmp_path / "dist" / f"bundle-{DIGEST[:12]}.tar").read_bytes())
        subprocess.run(["rm", "-r", "dist"], cwd=tmp_path, check=True)
    assert found[0] == found[1]
    assert git("status", "--porcelain", "--untracked-files=no") == ""
