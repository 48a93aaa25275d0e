import fcntl
import io
import json
import os
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.bundles import Tiny

from hearth import __version__, cli
from hearth.bundle import write
from hearth.cli import scoring
from hearth.errors import HearthError

COMMANDS = ("init", "predict", "verify", "explain", "gate")
ROOT = Path(__file__).parents[1]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> "Run":
    """Calls `hearth` in this process."""
    return Run(monkeypatch, capsys)


class Run:
    """The exit code of a call, and what it wrote."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *arguments: str | Path, stdin: str = "") -> tuple[int, str, str]:
        """Call it."""
        self._monkeypatch.setattr(sys, "argv", ["hearth", *map(str, arguments)])
        self._monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        before = signal.getsignal(signal.SIGPIPE)
        with pytest.raises(SystemExit) as end:
            cli.main()
        signal.signal(signal.SIGPIPE, before)  # a filter dies of a broken pipe, these tests should not
        assert isinstance(end.value.code, int)
        return end.value.code, *self._capsys.readouterr()


def hearth(*arguments: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """`hearth` as a process of its own."""
    return subprocess.run(command(*arguments), input=stdin, capture_output=True, check=False)


def command(*arguments: str | Path) -> Sequence[str | Path]:
    """The installed command, by the interpreter of these tests."""
    return [Path(sys.executable).with_name("hearth"), *arguments]


def test_the_version_is_printed_alone(run: Run) -> None:
    """For scripts."""
    assert run("--version") == (0, f"{__version__}\n", "")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(run: Run, name: str) -> None:
    """And every argument of it is described."""
    code, out, err = run(name, "--help")
    assert (code, err) == (0, "")
    assert f"Example: hearth {name} " in out
    arguments = [line.split("  ")[1].strip() for line in out.splitlines() if line.startswith("  ") and ">  " in line]
    assert all(arguments)


def test_help_lists_every_command_and_the_exit_codes(run: Run) -> None:
    """Asked for, it is no error; given for want of a command, it is one."""
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    assert all(f"\n  {name} " in out for name in COMMANDS)
    assert "Exit codes: 0 fine" in out
    assert run()[0] == 1


def test_help_answers_at_once() -> None:
    """Of the heavy libraries none is imported for it: the best of five takes at most 0.3 seconds of processor time."""
    code = "import sys, hearth.cli; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "pandas", "pyarrow", "xgboost", "sklearn", "scipy", "rich", "pydantic", "tqdm"} & set(loaded)
    spent = []
    for _ in range(5):
        before = os.times()
        assert hearth("--help").returncode == 0
        after = os.times()
        spent.append(after.children_user + after.children_system - before.children_user - before.children_system)
    assert min(spent) <= 0.3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["predic"], "No such command 'predic'"),
        (["predict", "a.csv"], "Missing argument 'OUTPUT'"),
        (["predict", "a.csv", "b.csv", "--colour"], "No such option: --colour"),
        (["predict", "a.csv", "b.csv", "--on-error", "cry"], "'cry' is not one of"),
        (["predict", "a.csv", "b.csv", "--chunk", "0"], "--chunk"),
        (["verify", "a", "b"], "unexpected extra argument"),
        (["registry", "promote"], "Missing argument 'VERSION'"),
    ],
)
def test_wrong_usage_exits_1(run: Run, arguments: list[str], said: str) -> None:
    """2 means that something was found, and is never wrong usage; the help to read is that of the command at fault."""
    code, out, err = run(*arguments)
    assert (code, out) == (1, "")
    assert err.startswith("hearth: ")
    assert said in err
    command = {"predic": "hearth", "registry": "hearth registry promote"}.get(arguments[0], f"hearth {arguments[0]}")
    assert err.endswith(f"\nTry: {command} --help\n")


def test_verify_prints_the_digest_alone(run: Run, folder: Path, regression: Tiny) -> None:
    """The same as the one that writing gave."""
    assert run("verify", folder) == (0, f"{write(regression.bundle, folder)}\n", "")


def test_verify_refuses_what_is_no_bundle(run: Run, folder: Path, tmp_path: Path) -> None:
    """In one line on standard error."""
    (folder / "model.ubj").write_bytes(b"x")
    for path, name in ((folder, "model.ubj"), (tmp_path / "none", "manifest.json")):
        code, out, err = run("verify", path)
        assert (code, out) == (1, "")
        assert err.startswith(f"hearth: {path / name} ")
        assert err.count("\n") == 1


def test_explain_prints_reasons_that_add_up(run: Run, folder: Path, tmp_path: Path) -> None:
    """From a file or from standard input."""
    (tmp_path / "row.json").write_text('{"size": 5, "colour": "red"}')
    code, out, err = run("explain", folder, tmp_path / "row.json")
    assert (code, err) == (0, "")
    said = json.loads(out)
    assert said["base"] + sum(said["contributions"].values()) == pytest.approx(said["prediction"], rel=1e-5)
    assert run("explain", folder, "-", stdin='{"colour": "red", "size": 5}') == (0, out, "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not JSON in UTF-8"),
        ("[" * 100_000, "is not JSON in UTF-8"),
        ("[]", "must hold one JSON object"),
        ("{}", "row 0, size: required, but missing"),
        ('{"size": NaN}', "row 0, size: must be finite"),
        ('{"size": 1, "smell": 1}', "row 0, smell: unknown field"),
    ],
)
def test_explain_refuses_what_is_no_row(run: Run, folder: Path, text: str, said: str) -> None:
    """With what is wrong about it."""
    code, out, err = run("explain", folder, "-", stdin=text)
    assert (code, out) == (1, "")
    assert said in err


def test_explain_refuses_a_file_that_is_not_there(run: Run, folder: Path, tmp_path: Path) -> None:
    """By name."""
    code, _, err = run("explain", folder, tmp_path / "none.json")
    assert code == 1
    assert "none.json cannot be read: No such file" in err


def test_predict_writes_a_file(run: Run, folder: Path, tmp_path: Path) -> None:
    """Without a word."""
    (tmp_path / "in.csv").write_text("size\n1\n2\n")
    assert run("predict", tmp_path / "in.csv", tmp_path / "out.csv", "--bundle", folder) == (0, "", "")
    assert (tmp_path / "out.csv").read_text().startswith("size,prediction,lower,upper\n1,")


def test_predict_stops_at_faults_or_leaves_them_out(run: Run, folder: Path, tmp_path: Path) -> None:
    """Exit code 1 and nothing, or 0 and the rest; both say what is wrong."""
    (tmp_path / "in.csv").write_text("size\n1\n99\n")
    arguments = ("predict", tmp_path / "in.csv", tmp_path / "out.csv", "--bundle", folder)
    code, out, err = run(*arguments)
    assert (code, out) == (1, "")
    assert "line 3, size: must be at most 10" in err
    assert not (tmp_path / "out.csv").exists()
    code, out, err = run(*arguments, "--on-error", "skip")
    assert (code, out) == (0, "")
    assert "left out 1 of 2 rows\nline 3, size: must be at most 10\n" in err
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 2


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_predict_is_a_filter(run: Run, folder: Path, tmp_path: Path, kind: str) -> None:
    """From standard input to standard output, CSV unless another format is named."""
    (tmp_path / "in.csv").write_text("size\n1\n2\n")
    assert run("predict", tmp_path / "in.csv", tmp_path / f"in.{kind}", "--bundle", folder) == (0, "", "")
    first = (tmp_path / f"in.{kind}").read_bytes()
    assert first
    lines = {"csv": b"size\n1\n2\n", "jsonl": b'{"size": 1.0}\n{"size": 2.0}\n', "parquet": sizes(tmp_path)}[kind]
    options = () if kind == "csv" else ("--format", kind)
    said = hearth("predict", "-", "-", "--bundle", folder, *options, stdin=lines)
    assert (said.returncode, said.stderr) == (0, b"")
    assert said.stdout == first or kind == "parquet"
    assert said.stdout[:4] == first[:4]


def sizes(folder: Path) -> bytes:
    """Two rows as Parquet."""
    pq.write_table(pa.table({"size": [1.0, 2.0]}), folder / "s")
    return (folder / "s").read_bytes()


def test_predict_ends_quietly_when_its_reader_does(folder: Path, tmp_path: Path) -> None:
    """`| head` is no error."""
    (tmp_path / "in.csv").write_text("size\n" + "1\n" * 200_000)
    first = command("predict", tmp_path / "in.csv", "-", "--bundle", folder, "--chunk", "1000")
    with subprocess.Popen(first, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == -signal.SIGPIPE


def test_ctrl_c_exits_130_and_leaves_nothing_half_written(folder: Path, tmp_path: Path) -> None:
    """Neither the output nor its temporary neighbour."""
    os.mkfifo(tmp_path / "in.csv")
    arguments = command("predict", tmp_path / "in.csv", tmp_path / "out.csv", "--bundle", folder)
    with subprocess.Popen(arguments, stderr=subprocess.PIPE) as process, (tmp_path / "in.csv").open("w") as source:
        source.write("size\n" + "1\n" * 100)
        source.flush()
        wait_for(tmp_path, ".out.csv.*")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert process.stderr
        assert process.stderr.read() == b""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "in.csv"]


def interrupted(process: subprocess.Popen[bytes]) -> int:
    """The exit code after Ctrl-C, pressed again where it came in the instant before a read, which then waits on."""
    for _ in range(6):
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            return process.wait(5)
    raise AssertionError("it goes on")


def wait_for(folder: Path, pattern: str) -> None:
    """Until there is such a file, half a minute at most."""
    for _ in range(300):
        if list(folder.glob(pattern)):
            return
        time.sleep(0.1)
    raise AssertionError(f"no {pattern}")


@pytest.mark.parametrize("place", [None, "var/x.json"])
def test_a_full_disk_is_no_fault_of_ours(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, place: str | None) -> None:
    """Exit code 1, with the file where it is known."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", place)

    monkeypatch.setattr(scoring, "_load", full)
    where = f" ({place})" if place else ""
    assert run("verify", folder) == (1, "", f"hearth: No space left on device{where}: mend that, and run this again\n")


@pytest.mark.parametrize("debug", ["", "1"])
def test_a_fault_of_ours_exits_70_in_one_line(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, debug: str) -> None:
    """With the traceback only where it is asked for."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(scoring, "_load", broken)
    monkeypatch.setenv("HEARTH_DEBUG", debug)
    code, out, err = run("verify", folder)
    assert (code, out) == (cli.INTERNAL, "")
    assert err.endswith("hearth: internal error (ZeroDivisionError: by zero); please report it\n")
    assert ("Traceback" in err) == bool(debug)
    assert debug or err.count("\n") == 1


def test_an_interrupt_outside_a_command_exits_130(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where Typer does not see it."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_run", interrupted)
    assert run("verify", folder) == (130, "", "")


def test_a_library_that_is_not_installed_is_named(
    run: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to install; serving environments have no pyarrow."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    code, _, err = run("predict", tmp_path / "a.csv", tmp_path / "b.csv", "--bundle", folder)
    assert code == HearthError.exit_code
    assert err == "hearth: pyarrow is not installed, and this command needs it: pip install 'hearth[train]'\n"


def test_a_bar_shows_on_a_terminal_only(folder: Path, tmp_path: Path) -> None:
    """A terminal sees how far it is; a log file does not fill up."""
    (tmp_path / "in.csv").write_text("size\n" + "1\n" * 2000)
    arguments = command("predict", tmp_path / "in.csv", tmp_path / "out.csv", "--bundle", folder, "--chunk", "100")
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    assert subprocess.run(arguments, stderr=theirs, check=True).returncode == 0
    os.set_blocking(ours, False)  # a terminal without a bar fails the test instead of hanging it
    assert b"%" in os.read(ours, 4096)
    os.close(ours)
    os.close(theirs)
    assert hearth(*arguments[1:]).stderr == b""
