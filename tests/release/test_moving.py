"""A branch moves forward with its files and outs, or not at all."""

import time
from pathlib import Path
from tests.release.projects import Project, status
from hearth.release.moving import advance
from hearth.release.locking import lock


def test_x(project: Project) -> None:
    t = time.time()
    with lock(project.root) as main:
        print(time.time() - t)
        assert main.clean()
        advance(main, "second")
    print(time.time() - t)
    assert project.served == project.digests[1]
    assert status(project.root) == ""
    assert project.checkout.commit == project.commits[1]
