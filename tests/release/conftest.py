"""A tiny project, built once and copied for each test."""

from pathlib import Path

import pytest
from tests.release.projects import Project, made


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with three bundles; not to be changed."""
    return made(tmp_path_factory.mktemp("project") / "original")


@pytest.fixture
def project(original: Project, tmp_path: Path) -> Project:
    """A copy of its own."""
    return original.copy(tmp_path / "project")
