"""The lines of ``docs/operations.md`` that copy a store and put it back: what was predicted before takes its truth after."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.api.asking import KEY, ROW, configured, started
from tests.api.databases import sql

pytestmark = pytest.mark.journey

PAGE = (Path(__file__).parents[3] / "docs" / "operations.md").read_text(encoding="utf-8")
HEAD = {"X-API-Key": KEY}


def run(start: str, folder: Path, **environment: str) -> None:
    """Run the line of the page that begins so, with this Python."""
    (line,) = re.findall(rf"^\$ ({start}.*)$", PAGE, re.MULTILINE)
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    subprocess.run(["bash", "-euc", line], cwd=folder, env={"PATH": path, **environment}, check=True)


def told_after(url: str, folder: Path, happens: Callable[[], None]) -> int:
    """The status of a truth whose row was predicted before something happened to the store at ``url``."""
    settings = configured(folder, database_url=url)
    with started(settings) as service:
        told = service.client.post("/predict", json=ROW, headers=HEAD).json()
    happens()
    with started(settings) as service:
        return service.client.post("/feedback", json={"id": told["id"], "actual": 1.0}, headers=HEAD).status_code


@pytest.mark.usefixtures("bundle")
def test_a_sqlite_store_comes_back(tmp_path: Path) -> None:
    """Without its backup the prediction is unknown."""
    folder = tmp_path / "var"

    def lost() -> None:
        shutil.rmtree(folder)
        folder.mkdir()

    def restored() -> None:
        run("python -c", tmp_path)
        lost()
        shutil.move(tmp_path / "hearth-backup.db", folder / "hearth.db")

    url = f"sqlite:///{folder}/hearth.db"
    assert told_after(url, tmp_path, restored) == 200
    assert told_after(url, tmp_path, lost) == 404


@pytest.mark.postgres
@pytest.mark.usefixtures("bundle")
@pytest.mark.skipif(shutil.which("pg_dump") is None, reason="PostgreSQL's client is not installed")
def test_a_postgresql_store_comes_back(tmp_path: Path, postgres: str) -> None:
    """With its own programs, into a database that is empty or holds something else by now."""

    def lost() -> None:
        sql(postgres, "DROP SCHEMA public CASCADE")
        sql(postgres, "CREATE SCHEMA public")

    def restored() -> None:
        run("pg_dump", tmp_path, HEARTH_DATABASE_URL=postgres)
        lost()
        for _ in range(2):
            run("pg_restore", tmp_path, HEARTH_DATABASE_URL=postgres)

    assert told_after(postgres, tmp_path, restored) == 200
    assert told_after(postgres, tmp_path, lost) == 404
