"""``hearth retrain``: what it takes, prints and answers with."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.release.learning import Learning, later
from tests.release.projects import status
from tests.tiny import Cells, cells

from api.store import Record, Store, Truth, new_id
from hearth import cli
from hearth.artifacts import write_text
from hearth.bundle import Predictor
from hearth.cli.drifting import drift
from hearth.cli.retraining import FOUND, LOOKS
from hearth.release.commands import git
from hearth.release.locking import lock

pytestmark = pytest.mark.journey

HEARTH = Path(sys.executable).with_name("hearth")


@pytest.fixture
def project(learning_project: Learning, monkeypatch: pytest.MonkeyPatch) -> Learning:
    """The current folder, with a store of a service beside it."""
    monkeypatch.chdir(learning_project.root)
    for name in [name for name in os.environ if name.startswith("HEARTH_")]:
        monkeypatch.delenv(name)
    told(learning_project, cells(rows=0), "nobody")
    return learning_project


def told(project: Learning, columns: Cells, teller: str) -> None:
    """Rows that were asked of the champion and answered by it, and what ``teller`` said they turned out to be."""
    asyncio.run(_told(project, columns, teller))


def some(columns: Cells, start: int, count: int) -> Cells:
    """Some of the rows."""
    return {name: values[start : start + count] for name, values in columns.items()}


async def _told(project: Learning, columns: Cells, teller: str) -> None:
    names = [name for name in columns if name not in ("w", "y")]
    rows = [dict(zip(names, row, strict=True)) for row in zip(*(columns[name] for name in names), strict=True)]
    store = Store.open(f"sqlite:///{project.root}/var/hearth.db", wait=5.0, keep_days=None, keep_rows=None)
    try:
        if rows:
            scores = Predictor.load(project.root / "models/production").predict_rows(rows).value.tolist()
            features = json.dumps({name: columns[name] for name in names})
            one = Record(new_id(), time.time(), teller, project.first, len(rows), features, json.dumps(scores))
            assert await store.keep(one)
            truths = [Truth(f"{one.id}.{i}", float(str(y))) for i, y in enumerate(columns["y"])]
            assert set(await store.feedback(teller, truths)) == {"stored"}
    finally:
        await store.close()


def called(capfd: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """The exit code of ``hearth retrain`` in this process, and what it wrote."""
    before = signal.getsignal(signal.SIGPIPE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["hearth", "retrain", *words])
        with pytest.raises(SystemExit) as end:
            cli.main()
    signal.signal(signal.SIGPIPE, before)  # a filter dies of a broken pipe, these tests should not
    assert isinstance(end.value.code, int)
    return end.value.code, *capfd.readouterr()


def test_nothing_new_is_said_and_nothing_is_done(project: Learning, capfd: pytest.CaptureFixture[str]) -> None:
    """Exit code 4."""
    code, out, _ = called(capfd)

    assert (code, out) == (4, "Nothing is new at the source, and no truth is.\n")
    assert (project.served, status(project.root)) == (project.first, "")


def test_truths_that_are_not_learned_from_are_told_of(project: Learning, capfd: pytest.CaptureFixture[str]) -> None:
    """Whoever sent them should not think that none came back."""
    params = (project.root / "params.yaml").read_text(encoding="utf-8")
    write_text(project.root / "params.yaml", params.replace("feedback: append", "feedback: none"))
    git(project.root, "commit", "--quiet", "--all", "--message", "No truths")
    told(project, later(60, 12.0), "clinic")
    code, out, _ = called(capfd)

    assert code == 4
    assert (
        out == "Nothing is new at the source; truths are not learned from: data.feedback is none, and append would take them.\n"
    )


def test_truths_are_learned_from_and_lies_are_not(project: Learning, capfd: pytest.CaptureFixture[str]) -> None:
    """Exit code 0; the key that told other things than the others is named, and its rows are not in the file.

    An MLflow that knows nothing of the build is told of, and changes nothing.
    """
    params = (project.root / "params.yaml").read_text(encoding="utf-8")
    write_text(project.root / "params.yaml", params.replace("enabled: false", "enabled: true"))
    git(project.root, "commit", "--quiet", "--all", "--message", "Tracking")
    truths, lies = later(300, 12.0), later(60, 0.0)
    lies["y"] = [float(str(y)) + 90 for y in lies["y"]]
    for turn in range(5):  # at the same time, as those of other keys are what truths are compared with
        told(project, some(truths, 60 * turn, 60), "app")
        told(project, some(lies, 12 * turn, 12), "liar")

    code, out, err = called(capfd)

    assert code == 0, err
    assert "MLflow's alias was not moved" in err
    assert "60 truths left out: told by liar: " in out
    assert "New: 300 new truths." in out
    assert f"Promoted: {project.better} is the champion on main." in out
    assert (project.served, status(project.root)) == (project.better, "")
    assert len((project.root / "data/feedback.csv").read_text(encoding="utf-8").splitlines()) == 301


def test_a_champion_that_stays_is_said(project: Learning, capfd: pytest.CaptureFixture[str]) -> None:
    """Exit code 3, with the gate's reasons and the file of the verdict."""
    told(project, later(40, 0.0), "app")

    code, out, _ = called(capfd, "--verdict", "var/why.json")

    assert code == 3
    assert "the candidate is not shown to be better" in out
    assert out.endswith("Kept: the champion stays. The verdict is in var/why.json.\n")
    assert (project.root / "var/why.json").is_file()


def test_it_looks_first_where_it_is_asked_to(project: Learning, capfd: pytest.CaptureFixture[str]) -> None:
    """Without a finding nothing is done, whatever there is to learn: exit code 4."""
    told(project, later(40, 0.0), "app")

    code, out, _ = called(capfd, "--only-if", "drift, degradation")

    assert code == 4
    assert out.endswith("Nothing is found to go on for: no drift, no degradation.\n")


def test_a_key_that_lies_starts_no_retraining(project: Learning, capfd: pytest.CaptureFixture[str]) -> None:
    """Of all truths the error is above the bundle's; of those that nothing speaks against it is not."""
    truths, lies = later(100, 0.0), later(50, 0.0)
    lies["y"] = [float(str(y)) + 90 for y in lies["y"]]
    for turn in range(5):
        told(project, some(truths, 20 * turn, 20), "app")
        told(project, some(lies, 10 * turn, 10), "liar")

    code, out, _ = called(capfd, "--only-if", "degradation")

    assert code == 4
    assert "\nverdict: degraded, " in out
    assert "\nsuspect: the 50 truths of key liar: " in out
    assert out.endswith("Nothing is found to go on for: no degradation.\n")


def test_drift_that_was_judged_before_counts_until_a_window_without(project: Learning) -> None:
    """A window is judged once: what `hearth drift` has found a moment ago must not be lost on who looks next."""
    bundle, prepared = project.root / "models/production", project.root / "data/prepared"
    moved = later(60, 0.0)
    told(project, moved | {"a": [9.5] * 60}, "app")
    assert drift(bundle=bundle, prepared=prepared) == FOUND

    assert LOOKS["drift"](bundle, prepared, None)
    told(project, cells(rows=60, seed=3), "app")
    assert not LOOKS["drift"](bundle, prepared, None)
    assert not LOOKS["drift"](bundle, prepared, None)


@pytest.mark.parametrize("named", [None, ""])
def test_where_no_service_has_run_there_are_no_truths(
    project: Learning, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, named: str | None
) -> None:
    """That no store was looked at is said; the source is looked at all the same."""
    (project.root / "var/hearth.db").unlink()
    if named is not None:
        monkeypatch.setenv("HEARTH_DATABASE_URL", named)

    code, out, _ = called(capfd)

    assert code == 4
    assert out.startswith("No store is named by --database-url or HEARTH_DATABASE_URL, and no service has kept one here")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--only-if", "weather"), "--only-if takes "),
        (("--branch", "release"), "is on main: `git switch release`"),
        (("--push",), "has no remote origin to push to: `git remote add origin URL`"),
        (("--verdict", "builds"), "builds cannot be written: it is a folder"),
        (("--database-url", "sqlite:///nowhere.db"), "there is no store at "),
    ],
)
def test_a_call_at_fault_is_refused(
    project: Learning, capfd: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    """Exit code 1, and what to do, before anything is built."""
    told(project, later(40, 0.0), "app")

    code, out, err = called(capfd, *words)

    assert (code, out, project.served) == (1, "", project.first)
    assert message in err


def test_a_second_one_at_the_same_time_is_refused(project: Learning) -> None:
    """Exit code 1; it says who is at work."""
    with lock(project.root):
        done = subprocess.run([HEARTH, "retrain"], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert f"is being worked on by process {os.getpid()}" in done.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_it_and_all_that_it_runs(project: Learning, number: signal.Signals, code: int) -> None:
    """The stage that was running ends too, the worktree is gone, the lock is free, nothing has changed."""
    mark = project.root.with_name("running")
    sleeping = f"import os, time\nopen({str(mark)!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)\n"
    write_text(project.root / "pipeline.py", sleeping)
    git(project.root, "commit", "--quiet", "--all", "--message", "Sleep")
    told(project, later(40, 0.0), "app")

    process = subprocess.Popen([HEARTH, "retrain"], stderr=subprocess.DEVNULL, start_new_session=True)
    while not (mark.exists() and mark.read_text(encoding="utf-8")):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)

    assert process.wait(30) == code
    stage = int(mark.read_text(encoding="utf-8"))
    end = time.monotonic() + 10
    while Path(f"/proc/{stage}").exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert not Path(f"/proc/{stage}").exists()
    with lock(project.root):
        assert len(git(project.root, "worktree", "list").splitlines()) == 1
    assert (project.served, status(project.root)) == (project.first, "")
