"""``docs/your-own-table.md``: every command of it, from top to bottom, as a reader types them."""

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from benchmarks.anytable.way import TINY

PAGE = Path(__file__).parents[1] / "docs" / "your-own-table.md"
PORT = "8000"


def script(page: str) -> str:
    """The commands of a page."""
    return "\n".join(re.findall(r"```bash\n(.*?)```", page, re.DOTALL))


def free_port() -> str:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.fixture
def small(tmp_path: Path) -> str:
    """A command that makes a project's settings small: what they are is no matter of the page."""
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(dict(TINY)), encoding="utf-8")
    given = f"yaml.safe_load(open('{tmp_path}/small.yaml'))"
    code = f"import yaml; from benchmarks.anytable.way import *; configure(Path(), {given})"
    return f'python -c "{code}"\n'


@pytest.mark.journey
@pytest.mark.skipif(shutil.which("curl") is None or shutil.which("make") is None, reason="needs curl and make")
def test_the_tutorial_works_from_top_to_bottom(tmp_path: Path, small: str) -> None:
    """The project is built, served, explains, refuses, sees what drifted and nothing else, and knows how good it was."""
    port, commands = free_port(), script(PAGE.read_text(encoding="utf-8"))
    assert commands.count("\nmake repro\n") == 1
    commands = commands.replace(f":{PORT}/", f":{port}/").replace("\nmake repro\n", f"\n{small}make repro\n")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HEARTH_", "GIT_"))}
    path = os.pathsep.join([str(Path(sys.executable).parent), kept["PATH"]])
    place = tmp_path / "here"
    place.mkdir()
    done = subprocess.run(
        ["bash", "-e", "-c", f"trap 'kill $(jobs -p) 2> /dev/null || true' EXIT\n{commands}"],
        cwd=place,
        env={**kept, "PATH": path, "HEARTH_PORT": port, "HEARTH_LOG_LEVEL": "error"},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert '"prediction":' in said
    assert '"contributions":' in said
    assert '"field":"age"' in said
    assert re.findall(r"^bmi .*DRIFT$", said, re.MULTILINE)
    assert said.count("exit code 2") == 1
    assert '"status":"ok"' in said
    assert "verdict: fine" in said
