"""What takes long to make and is not to be changed is made once a run, whichever of its workers asks first."""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

MEASURED = "COVERAGE_PROCESS_CONFIG"  # by which processes that tests start learn that they are to be measured


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder of all workers; ``make`` fills it, which is not there before."""
    base = factory.getbasetemp()
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with place.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.with_suffix(".made").exists():
            shutil.rmtree(place, ignore_errors=True)  # a worker may have died over it
            with pytest.MonkeyPatch.context() as patch:
                patch.delenv(MEASURED, raising=False)
                make(place)
            place.with_suffix(".made").touch()
    return place
