"""The command ``hearth``. What a subcommand needs is imported when it runs: ``--help`` answers at once."""
# ruff: noqa: PLC0415 - see above

import importlib
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hearth import __version__
from hearth.errors import HearthError
from hearth.imports import boosting, needed

if TYPE_CHECKING:
    from hearth.bundle import Predictor

PRODUCTION = Path("models/production")
INTERNAL, INTERRUPTED = 70, 130  # exit codes; 70 is EX_SOFTWARE of sysexits.h

app = typer.Typer(
    name="hearth",
    help="From a table to a tended prediction service.",
    epilog="Exit codes: 0 fine, 1 the input or the call is at fault, 70 hearth is.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def main() -> None:
    """Run ``hearth`` and exit: 0 fine, 1 where a person can mend it, 70 where only its makers can, 130 on Ctrl-C."""
    try:
        code = _run()
    except HearthError as error:
        code = _say(f"hearth: {error}", error.exit_code)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the top handler
        if os.environ.get("HEARTH_DEBUG") == "1":
            traceback.print_exc()
        code = _say(f"hearth: internal error ({type(error).__name__}: {error}); please report it", INTERNAL)
    sys.exit(code)


def _run() -> int:
    try:
        return app(standalone_mode=False) or 0
    except typer.TyperException as error:  # wrong usage: exit code 2 has another meaning here
        return _say(f"hearth: {error.format_message()}\nTry: hearth --help", 1)


def _say(text: str, code: int) -> int:
    sys.stderr.write(f"{text}\n")
    return code


def _version(wanted: bool) -> None:
    if wanted:
        _print(__version__)
        raise typer.Exit


@app.callback()
def hearth(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """From a table to a tended prediction service."""


@app.command(epilog="Example: hearth predict rows.parquet predictions.parquet --on-error skip")
def predict(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="Table of features, or - for standard input.")],
    target: Annotated[Path, typer.Argument(metavar="OUTPUT", help="File to write, or - for standard output.")],
    bundle: Annotated[Path, typer.Option(help="Folder of the bundle.")] = PRODUCTION,
    on_error: Annotated[
        Literal["stop", "skip"], typer.Option(help="What a row at fault does: stop everything, or be left out.")
    ] = "stop",
    form: Annotated[
        Literal["csv", "parquet", "jsonl"] | None,
        typer.Option("--format", help="Of - (CSV if not given) and of files without a known suffix."),
    ] = None,
    chunk: Annotated[int, typer.Option(min=1, help="Rows held in memory at once, for each core.")] = 100_000,
) -> None:
    """Score a CSV, Parquet or JSON lines table of any size.

    The columns are kept and the prediction is set beside them: prediction, lower and upper, or for a classification
    prediction and probability_CLASS. The target may be among the columns; it is passed on.

    Rows that do not keep the contract are told on standard error by line (by row for Parquet). With --on-error stop OUTPUT
    is then not written; on standard output, the chunks before the first of them may be.
    """
    _end_with_the_pipe()
    needed("pyarrow")
    needed("tqdm")
    predictor = _load(bundle, threads=1)
    from hearth.scoring import score_file

    told = score_file(predictor, source, target, given=form, count=chunk, skip=on_error == "skip")
    sys.stderr.writelines(f"{line}\n" for line in told)


@app.command(epilog="Example: hearth verify models/production")
def verify(bundle: Annotated[Path, typer.Argument(help="Folder of the bundle.")] = PRODUCTION) -> None:
    """Check the sums of a bundle, load it, ask its probe; print its digest."""
    _print(_load(bundle).digest)


@app.command(epilog="Example: hearth explain models/production row.json")
def explain(
    bundle: Annotated[Path, typer.Argument(help="Folder of the bundle.")],
    row: Annotated[Path, typer.Argument(help="JSON object with the features of one row, or - for standard input.")],
) -> None:
    """Print the prediction for one row, and how much each feature adds to it (SHAP), largest first, as JSON.

    base and the contributions add up to the prediction, or for a classification to the log-odds of the class named.
    """
    predictor = _load(bundle)
    from hearth.bundle.explained import explained

    _print(json.dumps(explained(predictor, _object(row)), indent=1, ensure_ascii=False))


@app.command(epilog="Example: hearth serve --port 8000")
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; else HEARTH_HOST, else 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on, 0 for any; else HEARTH_PORT, else 8000.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes; more than one need Redis and PostgreSQL.")] = None,
    bundle: Annotated[Path | None, typer.Option(help="Folder of the bundle; else HEARTH_BUNDLE.")] = None,
    watch: Annotated[bool | None, typer.Option("--watch", help="Load a new bundle by itself when it appears there.")] = None,
    make_key: Annotated[
        bool,
        typer.Option("--make-key", help="Without configured keys, make one for this run, also where there is no terminal."),
    ] = False,
) -> None:
    """Serve predictions over HTTP. Settings come from the environment, HEARTH_...; .env.example names them all.

    On a terminal and with no key configured, a key is made for this run and a curl line that works is printed. Elsewhere the
    service does not start without keys.
    """
    from api.signals import end_well

    end_well()  # a signal may come while the rest is still being imported
    _serving()
    boosting()
    from api.server import serve as run

    options = {"host": host, "port": port, "workers": workers, "bundle": bundle, "watch": watch}
    run({name: value for name, value in options.items() if value is not None}, make_key=make_key or sys.stdout.isatty())


keys = typer.Typer(help="Make, list and check the keys of the service.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(keys, name="keys")
KeyFile = Annotated[
    Path | None, typer.Option("--file", help="Key file; else HEARTH_API_KEYS or the file in HEARTH_API_KEYS_FILE.")
]


@keys.command("new", epilog="Example: hearth keys new dashboard --scope predict --scope feedback --expires 90d")
def new_key(
    name: Annotated[str, typer.Argument(help="What the key is known by in logs and metrics.")],
    scope: Annotated[
        list[str], typer.Option(metavar="predict|feedback|monitor|admin", help="What the key may do; may be repeated.")
    ],
    expires: Annotated[str, typer.Option(help="Last day it is good (UTC): 2027-01-01, 90d from today, or never.")] = "never",
    limit: Annotated[str | None, typer.Option(help="Its own rate limit, such as 1000/minute.")] = None,
    file: Annotated[Path | None, typer.Option(help="Key file to add it to; made, for its owner alone, if missing.")] = None,
) -> None:
    """Print a new key, this once, and on the next line what to configure.

    The second line holds only the key's hash. It goes into HEARTH_API_KEYS, or into the file in HEARTH_API_KEYS_FILE, which a
    running service reads again by itself.
    """
    _serving()
    from api import keys_command

    _print("\n".join(keys_command.new(name, scope, expires, limit, file)))


@keys.command("list", epilog="Example: hearth keys list --file keys.txt")
def list_keys(file: KeyFile = None) -> None:
    """Print the configured keys: name, scopes, last day, limit, and whether they are good."""
    _serving()
    from api import keys_command

    _print(keys_command.listing(file))


@keys.command("check", epilog="Example: hearth keys check < key.txt")
def check_key(file: KeyFile = None) -> None:
    """Read a key from standard input and say whose it is and what it may do. Exit code 1: it is nobody's, or has expired."""
    _serving()
    from api import keys_command

    _print(keys_command.owner(_secret("Key: "), file))


def _serving() -> None:
    try:
        importlib.import_module("starlette")
    except ModuleNotFoundError as error:
        raise HearthError(f"{error.name} is not installed, and this command needs it: pip install 'hearth[serve]'") from error


def _secret(prompt: str) -> str:
    """A line of standard input, not shown while it is typed: on the command line it would be in the shell's history."""
    try:
        if sys.stdin.isatty():
            from getpass import getpass

            return getpass(prompt)
        return sys.stdin.readline()
    except (UnicodeDecodeError, EOFError) as error:
        raise HearthError("standard input holds no key") from error


def _load(bundle: Path, threads: int | None = None) -> "Predictor":
    boosting()
    from hearth.bundle import Predictor

    return Predictor.load(bundle, threads)


def _object(path: Path) -> dict[str, object]:
    try:
        text = sys.stdin.read() if path == Path("-") else path.read_text(encoding="utf-8")
        row = json.loads(text)
    except OSError as error:
        raise HearthError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise HearthError(f"{path} is not JSON in UTF-8: {error}") from error
    if not isinstance(row, dict):
        raise HearthError(f"{path} must hold one JSON object: the features of one row by name")
    return row


def _end_with_the_pipe() -> None:
    """End quietly when the reader of standard output does, as filters do: ``hearth predict IN - | head``."""
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def _print(text: str) -> None:
    _end_with_the_pipe()
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
