"""Environments of the servers, made when they are first needed and kept in the user's cache."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hearth-benchmarks"
LOCK = ROOT / "requirements" / "serve.txt"
UV = (sys.executable, "-m", "uv", "--quiet")
VERSIONS = "import json, sys; from importlib.metadata import version; print(json.dumps({n: version(n) for n in sys.argv[1:]}))"


class NotAvailableError(Exception):
    """A server that cannot take part, and why."""


def call(*command: str | Path) -> str:
    """Run a command and return what it prints.

    Raises:
        NotAvailableError: it failed; with the last line that it said.
    """
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()
        raise NotAvailableError(said[-1].strip())
    return done.stdout


def environment(name: str, requirements: Sequence[str]) -> Path:
    """An environment with these requirements, as `uv pip install` takes them; made once.

    Raises:
        NotAvailableError: it cannot be made.
    """
    parts = [sys.version, *requirements]
    parts += [Path(each).read_text(encoding="utf-8") for each in requirements if Path(each).is_file()]
    place = CACHE / f"{name}-{hashlib.sha256('|'.join(parts).encode()).hexdigest()[:12]}"
    if not (place / "whole").exists():
        print(f"making the environment of {name} in {place}", file=sys.stderr, flush=True)
        call(*UV, "venv", "--clear", "--python", sys.executable, place)
        call(*UV, "pip", "install", "--compile-bytecode", "--python", place / "bin" / "python", *requirements)
        (place / "whole").touch()
    return place


def service() -> Path:
    """The environment of the service: the `serve` extra alone at the lock's versions, and this checkout as it is now.

    Raises:
        NotAvailableError: it cannot be made.
    """
    place = environment("hearth", ("--constraint", str(LOCK), f"hearth[serve] @ {ROOT.as_uri()}"))
    ours = ("--no-deps", "--reinstall-package", "hearth", "--compile-bytecode", "--python", place / "bin" / "python")
    call(*UV, "pip", "install", *ours, ROOT)
    return place


def versions(place: Path, names: Sequence[str]) -> dict[str, str]:
    """Versions of some distributions of an environment."""
    found: dict[str, str] = json.loads(call(place / "bin" / "python", "-c", VERSIONS, *names))
    return found


def size(place: Path) -> tuple[float, float]:
    """MB (10^6 bytes) of site-packages, all of it and without bytecode."""
    files = [path for path in next(place.glob("lib/python*/site-packages")).rglob("*") if path.is_file()]
    whole = sum(path.lstat().st_size for path in files)
    return whole / 1e6, (whole - sum(path.lstat().st_size for path in files if path.suffix == ".pyc")) / 1e6
