"""Whether commands that stand in a text are there: subcommands of ``hearth`` and their options, targets of the Makefile."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from hearth.cli import app

ROOT = Path(__file__).parents[1]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
# Words of a command end where the shell's next one begins.
_CALL = re.compile(r"(?<![\w./=-])(?:\.venv/bin/|\$\(BIN\)/)?hearth +(?!=)((?:--)?[a-z][^\n|&;<>#`)]*)")
_APP = get_command(app)
_COMMANDS = getattr(_APP, "commands", {})
COMING = {"evaluate", "drift", "gate", "registry", "retrain", "reproduce"} - set(_COMMANDS)  # of the same change


def unknown(text: str) -> set[str]:
    """Each command, subcommand and option of ``hearth``, and each target of ``make``, that a text names and nobody knows."""
    targets = {f"make {name}" for name in re.findall(r"\bmake ([a-z][a-z-]*)", text) if name not in TARGETS}
    return targets.union(*(set(_unknown(call.split())) for call in _CALL.findall(text)))


def _unknown(words: list[str]) -> Iterator[str]:
    name, *rest = words
    if name in COMING:
        return
    command: Any = _COMMANDS.get(name)
    if name.startswith("--"):
        name, command, rest = "", _APP, words
    if command is None:
        yield f"hearth {name}"
        return
    inner: dict[str, Any] | None = getattr(command, "commands", None)
    if name and inner is not None and rest:
        name, command, rest = f"{name} {rest[0]}", inner.get(rest[0]), rest[1:]
        if command is None:
            yield f"hearth {name}"
            return
    known = {"--help", *(option for param in command.params for option in (*param.opts, *param.secondary_opts))}
    given = {re.split(r"[=}]", word.strip("[]()'\""))[0] for word in rest if re.match(r"[\[(]*--\w", word)}
    yield from (f"hearth {name} {option}".replace("  ", " ") for option in sorted(given - known))
