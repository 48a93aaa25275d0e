"""Git and DVC as commands: what they print, or an error with their last lines."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from hearth.errors import CommandError

LAST = 12  # lines of a failed command that its error repeats
# What another git, such as one that runs a hook, would have us work on instead of the folder that is asked for.
FOREIGN = frozenset({
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR", "GIT_DIR", "GIT_INDEX_FILE", "GIT_NAMESPACE", "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX", "GIT_QUARANTINE_PATH", "GIT_WORK_TREE",
})  # fmt: skip
# No hooks (DVC's own would check out beside us), nothing left running in the background, no lock only to refresh an index.
QUIET = ("--no-optional-locks", "-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0", "-c", "maintenance.auto=false",
         "-c", "core.fsmonitor=false", "-c", "core.quotePath=false")  # fmt: skip


def output(command: Sequence[str], cwd: Path, environment: Mapping[str, str] | None = None, given: bytes = b"") -> bytes:
    """What a command prints; ``given`` is its standard input.

    Programs beside this Python come first, so that ``dvc`` and ``python`` are those of the same environment. The command
    inherits the locks that this process holds: while it runs they are held, also when this process is killed.

    Raises:
        CommandError: it could not be started, or ended with another exit code than 0; with its last lines.
    """
    name = " ".join([word for word in command if word not in QUIET][:6])
    try:
        done = subprocess.run(  # noqa: S603
            command,
            cwd=cwd,
            env={**_inherited(), **(environment or {})},
            input=given,
            capture_output=True,
            check=False,
            close_fds=False,  # what Python opens is closed anyway; only locks are made to be inherited
        )
    except OSError as error:
        raise CommandError(f"{name}: {error.strerror or error} (in {cwd})") from error
    if done.returncode != 0:
        lines = (done.stderr.strip() or done.stdout.strip()).decode("utf-8", "replace").splitlines()
        raise CommandError("\n".join([f"{name} failed in {cwd} with exit code {done.returncode}:", *lines[-LAST:]]))
    return done.stdout


def run(command: Sequence[str], cwd: Path, environment: Mapping[str, str] | None = None, given: str = "") -> str:
    """The same as text, without the end of the last line. Bytes that are no UTF-8 stand as surrogates.

    Raises:
        CommandError: as ``output``.
    """
    printed = output(command, cwd, environment, given.encode("utf-8", "surrogateescape"))
    return printed.decode("utf-8", "surrogateescape").removesuffix("\n")


def git(cwd: Path, *words: str, environment: Mapping[str, str] | None = None, given: str = "") -> str:
    """Run git without hooks, locks and daemons that are not asked for.

    Raises:
        CommandError: as ``output``.
    """
    return run(["git", *QUIET, *words], cwd, environment, given)


def _inherited() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)])
    return {**kept, "PATH": path, "GIT_TERMINAL_PROMPT": "0", "DVC_NO_ANALYTICS": "1"}


def shown(command: Sequence[str], cwd: Path, environment: Mapping[str, str] | None = None) -> None:
    """Run a long command, whose output goes to standard error as it comes.

    It stands in a process group of its own: what ends this process in good order ends all that the command has started.

    Raises:
        CommandError: it could not be started, or ended with another exit code than 0.
    """
    name = " ".join(command[:6])
    try:
        process = subprocess.Popen(  # noqa: S603
            command,
            cwd=cwd,
            env={**_inherited(), **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            close_fds=False,  # as above
            process_group=0,
        )
    except OSError as error:
        raise CommandError(f"{name}: {error.strerror or error} (in {cwd})") from error
    try:
        code = process.wait()
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    if code != 0:
        raise CommandError(f"{name} failed in {cwd} with exit code {code}; its last lines above say why")
