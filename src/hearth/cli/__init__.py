"""The command ``hearth``: a thin face over this package and ``api``, a module for each kind of subcommand.

What a subcommand needs is imported when it runs: ``--help`` answers at once.
"""

import errno
import os
import sys
import traceback
from typing import Annotated

import typer

from hearth import __version__
from hearth.cli.console import say
from hearth.cli.drifting import drift
from hearth.cli.evaluating import evaluate
from hearth.cli.gate import gate
from hearth.cli.project import init
from hearth.cli.registry import registry
from hearth.cli.release import reproduce
from hearth.cli.retraining import retrain
from hearth.cli.scoring import explain, predict, verify
from hearth.cli.serving import keys, serve
from hearth.errors import HearthError

INTERNAL, INTERRUPTED = 70, 130  # exit codes; 70 is EX_SOFTWARE of sysexits.h
DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})

app = typer.Typer(
    name="hearth",
    help="From a table to a tended prediction service.",
    epilog="Exit codes: 0 fine, 1 the input or the call is at fault, 2 a finding, 3 too little to tell or not better, "
    "4 nothing new, 70 hearth is at fault.",
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
        code = _complain(f"hearth: {error}", error.exit_code)
    except UnicodeEncodeError as error:  # bytes of an argument, or of git's settings
        told = str(error.object)[max(error.start - 20, 0) : error.end + 20]
        code = _complain(f"hearth: {told!r} is no text in UTF-8: write it in UTF-8", 1)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the top handler
        if os.environ.get("HEARTH_DEBUG") == "1":
            traceback.print_exc()
        code = _unexpected(error)
    sys.exit(code)


def _unexpected(error: Exception) -> int:
    """A disk that is full or broken is the machine's fault, anything else ours."""
    if isinstance(error, OSError) and error.errno in DISK:
        where = f" ({error.filename})" if error.filename else ""
        return _complain(f"hearth: {error.strerror}{where}: mend that, and run this again", 1)
    return _complain(f"hearth: internal error ({type(error).__name__}: {error}); please report it", INTERNAL)


def _run() -> int:
    try:
        return app(standalone_mode=False) or 0
    except typer.TyperException as error:  # wrong usage: exit code 2 has another meaning here
        context = getattr(error, "ctx", None)  # of the subcommand, where one was reached
        command = context.command_path if context else "hearth"
        return _complain(f"hearth: {error.format_message()}\nTry: {command} --help", 1)


def _complain(text: str, code: int) -> int:
    sys.stderr.write(f"{text}\n")
    return code


def _version(wanted: bool) -> None:
    if wanted:
        say(__version__)
        raise typer.Exit


@app.callback()
def hearth(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """From a table to a tended prediction service."""


for command, example in (
    (init, "hearth init sales.csv --target revenue"),
    (predict, "hearth predict rows.parquet predictions.parquet --on-error skip"),
    (verify, "hearth verify models/production"),
    (explain, "hearth explain models/production row.json"),
    (serve, "hearth serve --port 8000"),
    (evaluate, "hearth evaluate --since 7d --json evaluation.json --png evaluation.png"),
    (retrain, "hearth retrain --only-if drift,degradation"),
    (gate, "hearth gate ../candidate . --by ci"),
    (reproduce, "hearth reproduce champion"),
    (drift, "hearth drift --json drift.json --png drift.png"),
):
    app.command(epilog=f"Example: {example}")(command)
app.add_typer(keys, name="keys")
app.add_typer(registry, name="registry")


if __name__ == "__main__":
    main()
