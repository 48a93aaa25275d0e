"""`hearth keys`: what it prints, what it writes, what it refuses."""

import io
import os
import pty
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api.keys import SCOPES, hashed, parse
from hearth import cli

HEARTH = Path(sys.executable).with_name("hearth")
TODAY = datetime.now(UTC).date()


class Run:
    """The exit code of a call of `hearth keys` in this process, and what it wrote."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *arguments: str | Path, stdin: str = "") -> tuple[int, str, str]:
        """Call it."""
        self._monkeypatch.setattr(sys, "argv", ["hearth", "keys", *map(str, arguments)])
        self._monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        before = signal.getsignal(signal.SIGPIPE)
        with pytest.raises(SystemExit) as end:
            cli.main()
        signal.signal(signal.SIGPIPE, before)  # a filter dies of a broken pipe, these tests should not
        assert isinstance(end.value.code, int)
        return end.value.code, *self._capsys.readouterr()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Calls it with no key configured."""
    monkeypatch.delenv("HEARTH_API_KEYS", raising=False)
    monkeypatch.delenv("HEARTH_API_KEYS_FILE", raising=False)
    return Run(monkeypatch, capsys)


def made(run: Run, *arguments: str | Path) -> tuple[str, str]:
    """A new key, and the line to configure."""
    code, out, err = run("new", *arguments)
    assert (code, err) == (0, "")
    key, line = out.splitlines()
    return key, line


def test_a_new_key_is_printed_once_and_then_what_to_configure(run: Run) -> None:
    """The second line holds the hash alone."""
    key, line = made(run, "dashboard", "--scope", "predict", "--scope", "feedback", "--limit", "1000/minute")
    assert re.fullmatch(r"hearth_[A-Za-z0-9_-]{43}", key)
    assert line == f"dashboard:predict+feedback:never:{hashed(key)}:1000/minute"


@pytest.mark.parametrize(
    ("expires", "last"),
    [("never", "never"), ("2999-12-31", "2999-12-31"), ("90d", str(TODAY + timedelta(days=90))), (str(TODAY), str(TODAY))],
)
def test_a_key_expires_on_a_day_or_after_days_or_never(run: Run, expires: str, last: str) -> None:
    """Days count from today, in UTC."""
    _, line = made(run, "one", "--scope", "predict", "--expires", expires)
    assert line.split(":")[2] == last


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["one"], "Missing option '--scope'"),
        (["--scope", "predict"], "Missing argument 'name'"),
        (["one", "--scope", "everything"], "predict, feedback, monitor, admin"),
        (["a name", "--scope", "predict"], "the name must be 1 to 64"),
        (["a:b", "--scope", "predict"], "the name must be 1 to 64"),
        (["one", "--scope", "predict", "--expires", "soon"], "2027-01-01, or never, or a number of days such as 90d"),
        (["one", "--scope", "predict", "--expires", "0d"], "a number of days such as 90d"),
        (["one", "--scope", "predict", "--expires", str(TODAY - timedelta(days=1))], "would have expired already"),
        (["one", "--scope", "predict", "--limit", "lots"], "written like 100/minute"),
        (["one", "--scope", "predict", "--file", "nowhere/keys"], "nowhere/keys cannot be written: No such file"),
        (["one", "--scope", "predict", "--file", "."], "cannot be written: Is a directory"),
    ],
)
def test_a_key_that_cannot_be_is_refused_and_none_is_printed(run: Run, arguments: list[str], said: str) -> None:
    """Exit code 1, and what is allowed."""
    code, out, err = run("new", *arguments)
    assert (code, out) == (1, "")
    assert said in err


def test_a_key_file_is_made_for_its_owner_alone(run: Run, tmp_path: Path) -> None:
    """Whatever the umask says."""
    file = tmp_path / "keys"
    before = os.umask(0)
    try:
        _, line = made(run, "one", "--scope", "predict", "--file", file)
    finally:
        os.umask(before)
    assert file.read_text(encoding="utf-8") == line + "\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_key_is_added_to_a_file_that_stays_as_it_is(run: Run, tmp_path: Path) -> None:
    """Its mode, its identity, its comments; a last line without an end gets one."""
    file = tmp_path / "keys"
    _, first = made(run, "one", "--scope", "predict")
    file.write_text(f"# ours\n{first}", encoding="utf-8")
    file.chmod(0o640)
    before = file.stat()
    _, second = made(run, "two", "--scope", "monitor", "--file", file)
    assert file.read_text(encoding="utf-8") == f"# ours\n{first}\n{second}\n"
    assert (file.stat().st_ino, file.stat().st_mode) == (before.st_ino, before.st_mode)
    assert [key.name for key in parse(file.read_text(encoding="utf-8"), "keys")] == ["one", "two"]


@pytest.mark.parametrize("content", ["one:predict:never:" + "0" * 64 + "\n", "nonsense\n", "\udcff"])
def test_a_file_that_would_be_at_fault_is_left_alone(run: Run, tmp_path: Path, content: str) -> None:
    """The name is taken, or it is at fault already; no key is printed that nothing knows."""
    file = tmp_path / "keys"
    file.write_text(content, encoding="utf-8", errors="surrogateescape")
    before = file.read_bytes()
    code, out, err = run("new", "one", "--scope", "predict", "--file", file)
    assert (code, out) == (1, "")
    assert str(file) in err
    assert file.read_bytes() == before


def test_half_a_line_is_taken_back(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full: the file's other keys go on."""
    file = tmp_path / "keys"
    made(run, "one", "--scope", "predict", "--file", file)
    before, write = file.read_bytes(), os.write
    monkeypatch.setattr(os, "write", lambda target, data: write(target, data[:10]))
    code, out, err = run("new", "two", "--scope", "predict", "--file", file)
    assert (code, out) == (1, "")
    assert "No space left on device" in err
    assert file.read_bytes() == before


def test_the_list_shows_everything_but_keys(run: Run, tmp_path: Path) -> None:
    """Name, scopes, last day, limit, state."""
    file = tmp_path / "keys"
    made(run, "dashboard", "--scope", "predict", "--scope", "feedback", "--limit", "5/second", "--file", file)
    with file.open("a", encoding="utf-8") as more:
        more.write(f"old:monitor:2020-01-01:{'a' * 64}\n")
    code, out, err = run("list", "--file", file)
    assert (code, err) == (0, "")
    assert [line.split() for line in out.splitlines()] == [
        ["NAME", "SCOPES", "EXPIRES", "LIMIT", "STATE"],
        ["dashboard", "predict+feedback", "never", "5/second", "good"],
        ["old", "monitor", "2020-01-01", "default", "expired"],
    ]
    assert len({line.index(word) for line, word in zip(out.splitlines()[1:], ("never", "2020"), strict=True)}) == 1


def test_keys_come_from_the_environment_unless_a_file_is_named(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the service takes them."""
    file, other = tmp_path / "keys", tmp_path / "other"
    made(run, "filed", "--scope", "predict", "--file", file)
    made(run, "other", "--scope", "predict", "--file", other)
    monkeypatch.setenv("HEARTH_API_KEYS_FILE", str(file))
    assert "filed" in run("list")[1]
    assert "other" in run("list", "--file", other)[1]
    monkeypatch.setenv("HEARTH_API_KEYS", made(run, "variable", "--scope", "predict")[1])
    assert "not both" in run("list")[2]
    monkeypatch.setenv("HEARTH_API_KEYS_FILE", "")
    assert "variable" in run("list")[1]


@pytest.mark.parametrize("command", ["list", "check"])
def test_without_keys_there_is_nothing_to_show(run: Run, command: str) -> None:
    """The way out is said."""
    code, out, err = run(command)
    assert (code, out) == (1, "")
    assert "HEARTH_API_KEYS holds no key. Make one: hearth keys new" in err


def test_check_says_whose_a_key_is(run: Run, tmp_path: Path) -> None:
    """And what it may do, not the key."""
    file = tmp_path / "keys"
    key, _ = made(run, "one", "--scope", "admin", "--scope", "predict", "--file", file)
    assert run("check", "--file", file, stdin=f" {key}\n") == (
        0,
        "one: predict+admin; expires never; limit default\n",
        "",
    )


def test_check_refuses_what_is_nobodys_or_over(run: Run, tmp_path: Path) -> None:
    """Exit code 1, for scripts; the key is not repeated."""
    file = tmp_path / "keys"
    file.write_text(f"old:predict:2020-01-01:{hashed('hearth_old')}\n", encoding="utf-8")
    for given, said in [("hearth_new", "nobody's"), ("", "nobody's"), ("hearth_old", "has expired")]:
        code, out, err = run("check", "--file", file, stdin=given)
        assert (code, out) == (1, "")
        assert said in err
        assert "hearth_" not in err


def test_check_takes_no_key_from_the_command_line(run: Run) -> None:
    """It would be in the shell's history."""
    code, out, err = run("check", "hearth_key")
    assert (code, out) == (1, "")
    assert "hearth_key" not in err.replace("(hearth_key)", "")


def test_check_reads_bytes_that_are_no_text(tmp_path: Path) -> None:
    """They are nobody's key, and no fault of hearth's."""
    file = tmp_path / "keys"
    file.write_text(f"one:predict:never:{'a' * 64}\n", encoding="utf-8")
    done = subprocess.run([HEARTH, "keys", "check", "--file", file], input=b"\xff\xfe", capture_output=True, check=False)
    assert done.returncode == 1
    assert done.stdout == b""


def test_a_key_that_is_typed_is_not_shown(tmp_path: Path) -> None:
    """On a terminal."""
    file = tmp_path / "keys"
    file.write_text(f"one:predict:never:{hashed('hearth_typed')}\n", encoding="utf-8")
    ours, terminal = pty.openpty()
    command: Sequence[str | Path] = [HEARTH, "keys", "check", "--file", file]
    child = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True)
    os.close(terminal)
    shown = read_until(ours, b"Key: ")
    os.write(ours, b"hearth_typed\n")
    shown += read_until(ours, b"one: predict")
    assert child.wait() == 0
    os.close(ours)
    assert b"hearth_typed" not in shown


def read_until(terminal: int, wanted: bytes) -> bytes:
    """What a terminal shows up to something."""
    shown = b""
    while wanted not in shown:
        shown += os.read(terminal, 1024)  # an error where its program has ended
    return shown


def test_without_the_services_requirements_what_to_install_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are the service's."""
    monkeypatch.setitem(sys.modules, "starlette", None)
    code, out, err = run("list")
    assert (code, out) == (1, "")
    assert "pip install 'hearth[serve]'" in err


@pytest.mark.parametrize("command", ["new", "list", "check"])
def test_every_command_has_help_with_an_example(run: Run, command: str) -> None:
    """And the scopes are all named."""
    code, out, err = run(command, "--help")
    assert (code, err) == (0, "")
    assert f"Example: hearth keys {command}" in out
    assert command != "new" or "|".join(SCOPES) in out


LOOK = """
import sys
sys.argv = ["hearth", "--help"]
from hearth.cli import main
try:
    main()
finally:
    print(sorted(sys.modules))
"""


def test_help_stays_fast() -> None:
    """It imports nothing of the service."""
    done = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=False)
    assert "'hearth.cli'" in done.stdout
    assert not re.search(r"'(api|limits|pydantic|numpy|asyncio)'", done.stdout)
