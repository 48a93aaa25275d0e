"""Real servers to be hostile to, one a module."""

from collections.abc import Iterator

import pytest
from tests.api.hostile.rig import Served, served
from tests.bundles import Tiny

from hearth.bundle import write


@pytest.fixture(scope="module")
def server(regression: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A regression's, with the limits that a service has by default."""
    folder = tmp_path_factory.mktemp("served")
    write(regression.bundle, folder / "bundle")
    with served(folder / "bundle", folder) as made:
        yield made


@pytest.fixture(scope="module")
def hasty(regression: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A regression's, with two seconds for a request."""
    folder = tmp_path_factory.mktemp("hasty")
    write(regression.bundle, folder / "bundle")
    with served(folder / "bundle", folder, {"HEARTH_TIMEOUT": "2"}) as made:
        yield made
