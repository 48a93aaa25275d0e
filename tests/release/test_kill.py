"""Promotions and rollbacks that are killed at random moments, and two at once."""

import random
import signal
import subprocess
import sys

import pytest
from tests.release.dying import Reaper
from tests.release.projects import Project, agrees

from hearth.release import champion
from hearth.release.locking import lock

pytestmark = pytest.mark.journey

PROMOTE = """
import sys
from pathlib import Path
from hearth.release import champion
from hearth.release.locking import lock
with lock(Path(sys.argv[1]), wait=True) as main:
    champion.promote(main, sys.argv[2], None, "better")
"""


@pytest.mark.parametrize(("build", "data", "kills"), [("third", "42", 20), ("other", "43", 4)])
def test_killed_at_any_moment_it_leaves_a_champion_that_verifies_and_a_log_that_agrees(
    project: Project, reaper: Reaper, build: str, data: str, kills: int
) -> None:
    """At once the bundle is whole; after the next command git, bundle, data and log are old or new, all of them."""
    took = {}
    for action in ("promote", "rollback"):
        code, took[action] = reaper.ask(project.root, action, build)
        assert code == 0
    rng, killed = random.Random(0), 0  # noqa: S311 - moments, no secrets
    first, _, new = project.digests
    for _ in range(kills):
        action = "promote" if project.served == first else "rollback"
        code, _ = reaper.ask(project.root, action, build, after=rng.uniform(0, took[action]))
        killed += code == -signal.SIGKILL
        assert project.served in (first, new)
        with lock(project.root, wait=True):
            assert agrees(project)
        table = (project.root / "data/raw/table.csv").read_text(encoding="utf-8").strip()
        assert table == (data if project.served == new else "42")
    assert killed >= kills / 2
    assert reaper.ask(project.root, "promote", build)[0] == 0
    assert reaper.ask(project.root, "rollback")[0] == 0
    assert agrees(project)
    assert project.served == first


def test_two_at_once_come_one_after_the_other(project: Project) -> None:
    """Neither is lost, and the log holds both in their order."""
    commands = [[sys.executable, "-c", PROMOTE, str(project.root), build] for build in ("second", "third")]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE) for command in commands]
    for process in processes:
        _, said = process.communicate()
        assert process.returncode == 0, said
    assert agrees(project)
    lines = champion.log(project.checkout)
    assert {one.digest for one in lines[1:]} == set(project.digests[1:])
    assert [one.sequence for one in lines] == [1, 2, 3]
