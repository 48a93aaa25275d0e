"""Projects are laid with git and DVC."""

import pytest


@pytest.fixture(autouse=True)
def _commands_of_dvc(unmeasured: None) -> None:
    """They are not Hearth's code."""
