"""How the command speaks: what it prints, and how it ends when nobody listens any more."""

import signal
import sys


def end_with_the_pipe() -> None:
    """End quietly when the reader of standard output does, as filters do: ``hearth predict IN - | head``."""
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def say(text: str) -> None:
    """Print a result, at once."""
    end_with_the_pipe()
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
