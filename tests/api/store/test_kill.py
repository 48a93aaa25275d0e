"""Killed at any moment, the store has what it said that it has."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

import pytest
from sqlalchemy import text
from tests.api.store import hammer
from tests.api.store.made import ROOT

from api.store.engine import database

pytestmark = pytest.mark.journey

ROUNDS = int(os.environ.get("HEARTH_TEST_KILLS", "4"))
PROCESSES = {"sqlite": 1, "postgresql": 2}


def test_what_was_kept_survives_kill_9(url: str) -> None:
    """Every id that was told before the process was killed under load is stored, and none twice.

    HEARTH_TEST_KILLS says how many times; two processes at once where the database is for several.
    """
    told: list[str] = []
    for number in range(ROUNDS):
        told += round_of(url, 0.15 + 0.05 * (number % 5))
    stored = ids(url)
    assert len(told) > 100 * ROUNDS
    assert len(told) == len(set(told))
    assert len(stored) == len(set(stored))
    assert set(told) <= set(stored)


def round_of(url: str, seconds: float) -> list[str]:
    """Hammer, kill a moment after the first answers, and return what was told until then."""
    command = [sys.executable, "-m", hammer.__name__, url]
    processes = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES[url.partition(":")[0]])
    ]
    told: list[list[str]] = [[] for _ in processes]
    readers = [threading.Thread(target=read, args=pair) for pair in zip(processes, told, strict=True)]
    for reader in readers:
        reader.start()
    end = time.monotonic() + 30
    while not all(told) and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(seconds)
    for process in processes:
        process.kill()
    for reader in readers:
        reader.join()
    assert [process.wait() for process in processes] == [-9] * len(processes)
    return [one for lines in told for one in lines]


def read(process: subprocess.Popen[str], lines: list[str]) -> None:
    """Add each whole line that the process writes to ``lines``, while it writes."""
    assert process.stdout is not None
    with process.stdout:
        lines += (line.removesuffix("\n") for line in process.stdout if line.endswith("\n"))


def ids(url: str) -> Sequence[str]:
    """What is stored, as read by another process would."""
    place = database(url, 5.0)
    with place.engine.connect() as connection:
        found = connection.execute(text("SELECT id FROM predictions")).scalars().all()
    place.engine.dispose()
    return found
