"""What a client was answered with an id is in the store, also when the server is killed a moment later."""

import http.client
import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.api.databases import sql
from tests.api.servers import ROW, Client, Server

pytestmark = pytest.mark.journey

ROUNDS = int(os.environ.get("HEARTH_TEST_ROUNDS", "3"))
CLIENTS, ROWS = 4, 20


class Load:
    """Clients that ask without a pause until nobody answers; ``told`` is what each id was answered with."""

    def __init__(self, server: Server) -> None:
        self.told: dict[str, float] = {}
        self.refused: list[int] = []
        self._server = server
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Wait for all."""
        for thread in self._threads:
            thread.join()

    def _ask(self, count: int) -> None:
        try:
            with self._server.client() as client:
                while True:
                    count += 1
                    self._batch(client) if count % 25 == 0 else self._single(client, count)
        except (OSError, http.client.HTTPException):
            return  # killed

    def _single(self, client: Client, count: int) -> None:
        answer = client.post("/predict", {**ROW, "size": count % 1000 / 100})
        if answer.status != 200:
            self.refused.append(answer.status)
            return
        said = answer.json()
        self.told[said["id"]] = said["prediction"]

    def _batch(self, client: Client) -> None:
        answer = client.post("/predict/batch", {"instances": [ROW] * ROWS})
        if answer.status != 200:
            self.refused.append(answer.status)
            return
        self.told.update((said["id"], said["prediction"]) for said in answer.json()["predictions"])


def test_every_id_that_was_answered_survives_kill_9(bundle: Path, database: str, tmp_path: Path) -> None:
    """Right after each kill all of them are in the database, once, as they were answered; truths for them are taken later.

    HEARTH_TEST_ROUNDS says how many times.
    """
    server = Server(tmp_path, {"HEARTH_BUNDLE": str(bundle), "HEARTH_DATABASE_URL": database})
    told: dict[str, float] = {}
    try:
        for number in range(ROUNDS):
            told.update(round_of(server, 60 + 40 * (number % 7)))
            check_stored(database, told)
        with server.start().client() as client:
            assert outcomes(client, told) == {"stored"}
            assert outcomes(client, told) == {"same"}
            check_stored(database, told)
            assert server.stop() == 0
    finally:
        server.kill()
    assert len(told) > 60 * ROUNDS


def round_of(server: Server, enough: int) -> Mapping[str, float]:
    """Load, until so many ids are told, and ``kill -9``; what was told until then."""
    load = Load(server.start())
    try:
        server.until(lambda: len(load.told) > enough)
    finally:
        server.kill()
        load.join()
    assert load.refused == []
    assert None not in load.told
    return load.told


def check_stored(url: str, told: Mapping[str, float]) -> None:
    """Ask the database itself."""
    rows = sql(url, "SELECT id, rows, scores FROM predictions")
    assert len({row[0] for row in rows}) == len(rows)
    stored = {
        name if count == 1 else f"{name}.{index}": score
        for name, count, scores in rows
        for index, score in enumerate(json.loads(scores))
    }
    assert told.items() <= stored.items()


def outcomes(client: Client, told: Mapping[str, float]) -> set[str]:
    """Tell a truth for each id, in batches; what became of them."""
    items = [{"id": name, "actual": 1.5} for name in told]
    found = set()
    for start in range(0, len(items), 5000):
        answer = client.post("/feedback/batch", {"feedback": items[start : start + 5000]})
        assert answer.status == 200
        found |= {result["status"] for result in answer.json()["results"]}
    return found
