"""Truths for the tests of what watches a model."""

import pytest
from tests.bundles import Tiny
from tests.monitoring.made import joined

from hearth.monitoring.truths import Truths, read


@pytest.fixture(scope="session")
def honest(regression: Tiny) -> Truths:
    """400 honest truths of a regression from three keys over five days."""
    return read(regression.bundle.contract, joined(regression, 400, keys=("app", "web", "batch")))
