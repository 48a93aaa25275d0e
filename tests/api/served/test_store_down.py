"""The store away under a server that runs: answers go on without an id, it is said and counted, and it comes back by itself."""

import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import make_url
from tests.api.databases import sql
from tests.api.served.gate import Gate
from tests.api.servers import Client, Server, metric, serving

pytestmark = pytest.mark.journey

WAIT, SLACK = 0.6, 1.0  # seconds: what a request may wait for the store, and what a busy machine may add
PROBLEM = "application/problem+json"


def settings(bundle: Path, url: str) -> dict[str, str]:
    """Those of these tests."""
    return {"HEARTH_BUNDLE": str(bundle), "HEARTH_DATABASE_URL": url, "HEARTH_STORE_WAIT": str(WAIT)}


class Tale:
    """A server whose store goes away and comes back; ``kept`` are the ids that were answered."""

    def __init__(self, server: Server, client: Client) -> None:
        self.server, self.client = server, client
        self.kept: list[str] = []
        self.before = self.predicted()
        assert self.before is not None
        assert server.ready()[1]["store"] == "ok"

    def predicted(self, most: float = WAIT + SLACK) -> str | None:
        """The id of one prediction, which is answered within ``most`` seconds whatever the store does."""
        began = time.monotonic()
        answer = self.client.predict()
        assert time.monotonic() - began < most
        assert answer.status == 200
        said = answer.json()
        assert said["prediction"] == pytest.approx(4.782846927642822, rel=1e-6)
        if said["id"] is not None:
            self.kept.append(said["id"])
        return said["id"]  # type: ignore[no-any-return]

    def gone(self) -> None:
        """The store is away: what clients and operators see of it."""
        missed = 0
        while self.predicted() is not None:
            assert len(self.kept) < 3000
        missed += 1
        for _ in range(20):
            assert self.predicted(SLACK) is None
            missed += 1
        batch = self.client.post("/predict/batch", {"instances": [{"size": 5.0}] * 3})
        assert [one["id"] for one in batch.json()["predictions"]] == [None] * 3
        status, told = self.server.ready()
        assert (status, told["store"], told["status"]) == (200, "down", "degraded")
        assert metric(self.server, "hearth_store_failures_total") == missed + 1
        assert metric(self.server, "hearth_store_up") == 0
        truth = {"id": self.before, "actual": 1.0}
        sent = {"/feedback": truth, "/feedback/batch": {"feedback": [truth]}}
        for path, body in {**sent, "/monitoring/stats": None, "/drift": None}.items():
            answer = self.client.post(path, body) if body else self.client.get(path)
            assert (answer.status, answer.headers["content-type"]) == (503, PROBLEM)
            assert int(answer.headers["retry-after"]) > 0

    def back(self) -> None:
        """It is there again: by itself, and with nothing missing."""
        self.server.until(lambda: self.server.ready()[1]["store"] == "ok")
        assert self.server.ready()[1]["status"] == "ok"
        assert self.predicted() is not None
        assert metric(self.server, "hearth_store_up") == 1

    def truth_is_taken(self) -> None:
        """For the first prediction."""
        assert self.client.post("/feedback", {"id": self.before, "actual": 1.0}).json()["status"] == "stored"


@pytest.fixture
def gate(postgres: str) -> Iterator[Gate]:
    """A wire to PostgreSQL."""
    url = make_url(postgres)
    with Gate((url.host or "127.0.0.1", url.port or 5432)) as gate:
        yield gate


@pytest.mark.postgres
@pytest.mark.parametrize("silent", [True, False], ids=["silent", "refused"])
def test_postgresql_away(bundle: Path, postgres: str, gate: Gate, tmp_path: Path, *, silent: bool) -> None:
    """A wire that swallows everything, and one that is refused; twice, so that what mends it can be mended again."""
    through = make_url(postgres).set(host="127.0.0.1", port=gate.port).render_as_string(hide_password=False)
    with serving(tmp_path, settings(bundle, through)) as server, server.client() as client:
        tale = Tale(server, client)
        gate.close(silent=silent)
        tale.gone()
        gate.open()
        tale.back()
        tale.truth_is_taken()
        assert set(tale.kept) <= {row[0] for row in sql(postgres, "SELECT id FROM predictions")}
        gate.close(silent=silent)
        server.until(lambda: tale.predicted() is None)
        gate.open()
        tale.back()
        assert server.stop() == 0


def test_sqlite_locked_and_deleted(bundle: Path, sqlite: str, tmp_path: Path) -> None:
    """Another process holds the lock; then the file is deleted, and what is answered afterwards is in the one made anew."""
    file = Path(str(make_url(sqlite).database))
    with serving(tmp_path, settings(bundle, sqlite)) as server, server.client() as client:
        tale = Tale(server, client)
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            tale.gone()
            other.execute("ROLLBACK")
            tale.back()
        tale.truth_is_taken()
        assert set(tale.kept) <= {row[0] for row in sql(sqlite, "SELECT id FROM predictions")}
        shutil.rmtree(file.parent)
        after = [found for found in (tale.predicted() for _ in range(20)) if found]
        tale.back()
        assert set(after) <= {row[0] for row in sql(sqlite, "SELECT id FROM predictions")}
        assert server.stop() == 0


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """A small file system; called with a size it gets that size."""
    place = tmp_path / "small"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "none", place], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("no file system can be mounted here: it takes the rights of root")

    def resized(size: str) -> Path:
        subprocess.run(["mount", "-o", f"remount,size={size}", place], check=True)
        return place

    yield resized
    subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk(bundle: Path, room: Callable[[str], Path], tmp_path: Path) -> None:
    """What was answered with an id before it was full is there, and room lets the store go on."""
    url = f"sqlite:///{room('400k')}/store.db"
    with serving(tmp_path, settings(bundle, url)) as server, server.client() as client:
        tale = Tale(server, client)
        tale.gone()
        room("40m")
        tale.back()
        tale.truth_is_taken()
        assert len(tale.kept) > 10
        assert set(tale.kept) <= {row[0] for row in sql(url, "SELECT id FROM predictions")}
        assert sql(url, "PRAGMA integrity_check") == [("ok",)]
        assert server.stop() == 0
