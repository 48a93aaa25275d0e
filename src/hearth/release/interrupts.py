"""What signals do to work that must either be cleaned up after or not be interrupted."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def orderly() -> Iterator[None]:
    """Inside, SIGTERM and SIGHUP end what runs as Ctrl-C does: by an exception, so that what was begun is cleaned up."""
    before = {number: signal.signal(number, _end) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def deferred() -> Iterator[None]:
    """Inside, signals that would end this process wait, also for the commands that it starts; after it the first comes.

    Blocking them is what those commands inherit. It does not do for this process: another thread of it, as libraries start
    them, takes what the main one has blocked, and Python runs the handler all the same.
    """
    came: list[int] = []
    numbers = {*ENDING, signal.SIGINT}
    handlers = {number: signal.signal(number, lambda number, _frame: came.append(number)) for number in numbers}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


def _end(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)
