"""``hearth serve`` and ``hearth keys``: the service."""
# ruff: noqa: PLC0415 - what a subcommand needs is imported when it runs

import sys
from pathlib import Path
from typing import Annotated

import typer

from hearth.cli.console import say
from hearth.errors import HearthError
from hearth.imports import installed, needed


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
    needed("starlette", "serve")
    installed("xgboost", "serve")
    from api.server import serve as run

    options = {"host": host, "port": port, "workers": workers, "bundle": bundle, "watch": watch}
    run({name: value for name, value in options.items() if value is not None}, make_key=make_key or sys.stdout.isatty())


keys = typer.Typer(help="Make, list and check the keys of the service.", no_args_is_help=True, rich_markup_mode=None)
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
    needed("starlette", "serve")
    from api import keys_command

    say("\n".join(keys_command.new(name, scope, expires, limit, file)))


@keys.command("list", epilog="Example: hearth keys list --file keys.txt")
def list_keys(file: KeyFile = None) -> None:
    """Print the configured keys: name, scopes, last day, limit, and whether they are good."""
    needed("starlette", "serve")
    from api import keys_command

    say(keys_command.listing(file))


@keys.command("check", epilog="Example: hearth keys check < key.txt")
def check_key(file: KeyFile = None) -> None:
    """Read a key from standard input and say whose it is and what it may do. Exit code 1: it is nobody's, or has expired."""
    needed("starlette", "serve")
    from api import keys_command

    say(keys_command.owner(_secret("Key: "), file))


def _secret(prompt: str) -> str:
    """A line of standard input, not shown while it is typed: on the command line it would be in the shell's history."""
    try:
        if sys.stdin.isatty():
            from getpass import getpass

            return getpass(prompt)
        return sys.stdin.readline()
    except (UnicodeDecodeError, EOFError) as error:
        raise HearthError("standard input holds no key") from error
