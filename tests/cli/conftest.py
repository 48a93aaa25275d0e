"""The command ``hearth`` in this process."""

import io
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hearth import cli

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def hearth(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Calls it: the exit code and what it wrote."""

    def call(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["hearth", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.StringIO())
        before = signal.getsignal(signal.SIGPIPE)
        with pytest.raises(SystemExit) as end:
            cli.main()
        signal.signal(signal.SIGPIPE, before)  # a filter dies of a broken pipe, these tests should not
        assert isinstance(end.value.code, int)
        return end.value.code, *capsys.readouterr()

    return call
