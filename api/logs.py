"""Logs as JSON lines on standard error: one a request, one an event. No key, no feature value, no raw path is ever in them."""

import logging
import os
import traceback
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import msgspec

Field = str | int | float | None
_LEVELS = {"info": 20, "warning": 30, "error": 40}
_encode = msgspec.json.Encoder().encode


class Log:
    """Writes what is at or above ``level``; a line is one ``write``, so that those of several workers do not mix."""

    def __init__(self, level: str = "info", write: Callable[[bytes], object] | None = None) -> None:
        self._least = _LEVELS[level]
        self._write = write or _to_stderr
        self.requests = self._least <= _LEVELS["info"]

    def __call__(self, level: str, event: str, **fields: Field) -> None:
        """Write one event with its fields, if ``level`` is high enough."""
        if _LEVELS[level] >= self._least:
            line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "level": level, "event": event, **fields}
            self._write(_encode(line) + b"\n")

    def failure(self, event: str, error: BaseException, **fields: Field) -> None:
        """Write where an unexpected error came from. Its message is left out: it may quote a request."""
        frames = traceback.extract_tb(error.__traceback__)
        where = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames))
        self("error", event, error=type(error).__name__, where=where, **fields)


class Relay(logging.Handler):
    """Passes the records of libraries (uvicorn, alembic) on to a ``Log``."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record as an event."""
        level = "error" if record.levelno >= logging.ERROR else "warning" if record.levelno >= logging.WARNING else "info"
        kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
        self._log(level, record.getMessage(), logger=record.name, **({"error": kind} if kind else {}))


def _to_stderr(line: bytes) -> None:
    with suppress(OSError):  # a full disk, or nobody who reads: there is nowhere left to tell it
        os.write(2, line)
