import os

import pytest

from hearth.processors import processors


@pytest.mark.parametrize("missing", [True, False])
def test_processors_are_those_of_this_process(missing: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system tells which processors are allowed they are counted, elsewhere all are."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2, 5}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    if missing:
        monkeypatch.delattr(os, "sched_getaffinity")
    assert processors() == (7 if missing else 3)
