"""How the command speaks: what it prints, the reports that it writes, and how it ends when nobody listens any more."""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from hearth.errors import HearthError


def end_with_the_pipe() -> None:
    """End quietly when the reader of standard output does, as filters do: ``hearth predict IN - | head``."""
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def say(text: str) -> None:
    """Print a result, at once; a letter that the terminal's encoding lacks is escaped."""
    end_with_the_pipe()
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(f"{text}\n".encode(encoding, "backslashreplace").decode(encoding))
    sys.stdout.flush()


def require_place(path: Path | None) -> None:
    """Refuse the place of a report before the work whose result it is to hold; nothing is made yet.

    Raises:
        HearthError: no file can be there.
    """
    if path is None or _streams(path):
        return
    above = next(folder for folder in path.absolute().parents if folder.exists())
    if path.is_dir() or not above.is_dir():
        raise _unwritten(path, "it is a folder" if path.is_dir() else f"{above} is no folder")
    if not os.access(above, os.W_OK):
        raise _unwritten(path, f"{above} takes no file from this user")


def save(path: Path, content: bytes) -> None:
    """Write a report, whole or not at all; a device, a pipe or a link, as /dev/stdout, is written to and not replaced.

    Raises:
        HearthError: it cannot be written.
    """
    from hearth.artifacts import replacing_file  # noqa: PLC0415 - most commands write none

    try:
        if _streams(path):
            path.write_bytes(content)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing_file(path) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise _unwritten(path, error.strerror) from error


def _streams(path: Path) -> bool:
    """Whether a device, a pipe or a link to a file is there."""
    return path.exists() and not path.is_dir() and (path.is_symlink() or not path.is_file())


def _unwritten(path: Path, why: str | None) -> HearthError:
    return HearthError(f"{path} cannot be written: {why}")


def columns(lines: Sequence[Sequence[object]]) -> str:
    """Lines of cells set in columns, two spaces apart; the last is as long as it likes."""
    cells = [[str(cell) for cell in line] for line in lines]
    widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
    padded = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]
    return "\n".join(line.rstrip() for line in padded)
