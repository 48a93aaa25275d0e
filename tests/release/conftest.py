"""A tiny project, built once and copied for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.release import learning
from tests.release.dying import Reaper
from tests.release.dying import reaper as start
from tests.release.learning import Learning
from tests.release.projects import Project, made


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with three bundles; not to be changed."""
    return made(tmp_path_factory.mktemp("project") / "original")


@pytest.fixture
def project(original: Project, tmp_path: Path) -> Project:
    """A copy of its own."""
    return original.copy(tmp_path / "project")


@pytest.fixture(scope="session")
def learner(tmp_path_factory: pytest.TempPathFactory) -> Learning:
    """A project that can learn, with its first build; not to be changed."""
    place = tmp_path_factory.mktemp("learning")
    return learning.made(place / "original", place / "scratch")


@pytest.fixture
def learning_project(learner: Learning, tmp_path: Path) -> Learning:
    """A copy of its own."""
    return learner.copy(tmp_path / "learning")


@pytest.fixture(scope="session")
def reaper() -> Iterator[Reaper]:
    """What lets changes of the champion die."""
    with start() as process:
        yield Reaper(process)
        assert process.stdin is not None
        process.stdin.close()
        process.wait()
