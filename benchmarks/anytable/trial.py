"""A file that somebody has: it gets all the way, or is refused in words that a person can act on."""

import json
import tempfile
import warnings
from pathlib import Path
from typing import Literal

from benchmarks.anytable.hostile import Hostile
from benchmarks.anytable.way import TINY, WayError, asked, built, configure, laid

from hearth import params
from hearth.errors import HearthError
from hearth.project.layout import guessed_project
from hearth.project.table import Guessed, guess

Outcome = Literal["refused", "guessed", "served"]


def tried(file: Hostile, *, whole: bool, without: tuple[str, ...] = ("profile",)) -> tuple[Outcome, str]:
    """What becomes of a file: as far as ``hearth init``, or as a ``whole`` way; and the message where it is refused.

    Raises:
        WayError: a message that is none, settings that do not say what was guessed, an answer of the service that is none.
    """
    with tempfile.TemporaryDirectory() as name:
        source, folder = Path(name) / "table.csv", Path(name) / "project"
        source.write_bytes(file.content)
        try:
            found = guess(source, file.target)
        except HearthError as error:
            return "refused", _sound(str(error))
        _settings(found, Path(name) / "params.yaml")
        if not whole:
            return "guessed", ""
        laid(found, source, folder)
        configure(folder, TINY)
        return _walked(folder, without)


def _walked(folder: Path, without: tuple[str, ...]) -> tuple[Outcome, str]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", DeprecationWarning)  # of libraries, which no user sees
        done = built(folder, without=without)
    if done.code:
        raise WayError(f"hearth init takes what a stage refuses: {done.err}")
    asked(folder, singly=3)
    return "served", ""


def _settings(found: Guessed, path: Path) -> None:
    path.write_text(guessed_project("a table", found).params, encoding="utf-8")
    if params.load(path).contract != found.contract:
        raise WayError("params.yaml says another contract than the one that was guessed")


def _sound(message: str) -> str:
    for line in message.splitlines():
        if not line.isprintable():
            raise WayError(f"a message that a terminal would act on: {json.dumps(line)[:200]}")
    if not message.strip() or "Traceback" in message:
        raise WayError(f"no message for a person: {message!r}")
    return message
