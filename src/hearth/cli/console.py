"""How the command speaks: what it prints, and how it ends when nobody listens any more."""

import signal
import sys
from collections.abc import Sequence


def end_with_the_pipe() -> None:
    """End quietly when the reader of standard output does, as filters do: ``hearth predict IN - | head``."""
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def say(text: str) -> None:
    """Print a result, at once."""
    end_with_the_pipe()
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def columns(lines: Sequence[Sequence[object]]) -> str:
    """Lines of cells set in columns, two spaces apart; the last is as long as it likes."""
    cells = [[str(cell) for cell in line] for line in lines]
    widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
    padded = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]
    return "\n".join(line.rstrip() for line in padded)
