"""Servers that are told to end: what is under way is finished, what was answered is stored, the exit code is 0."""

import http.client
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from tests.api.databases import sql
from tests.api.served.conftest import Redis
from tests.api.servers import PATIENCE, ROW, Answer, Client, Server, clean_environment, metric, serving

pytestmark = pytest.mark.journey

NOBODY = "redis://127.0.0.1:1", "postgresql://nobody@127.0.0.1:1/none"
BATCHES, ROWS = 6, 2000
TERM = [signal.SIGTERM, signal.SIGINT]
DRAIN, LONG = "3", "300"  # seconds: one that runs out, and one that a second signal ends


@contextmanager
def under_way(server: Server) -> Iterator[Callable[[], list[Answer]]]:
    """Batches that are sent, and all of which the service has begun; called, their answers."""
    with ExitStack() as stack:
        clients = [stack.enter_context(server.client()) for _ in range(BATCHES)]
        for client in clients:
            client.send("POST", "/predict/batch", {"instances": [ROW] * ROWS})
        yield lambda: [client.receive() for client in clients]


def check_finished(answers: list[Answer], database: str) -> None:
    """Each batch is answered with ids, and stored."""
    assert [answer.status for answer in answers] == [200] * BATCHES
    ids = [answer.json()["predictions"][-1]["id"].partition(".")[0] for answer in answers]
    stored = {row[0]: row[1] for row in sql(database, "SELECT id, rows FROM predictions")}
    assert {stored[one] for one in ids} == {ROWS}


def test_what_is_under_way_is_finished(bundle: Path, sqlite: str, tmp_path: Path) -> None:
    """/ready says that it is stopping while the time to drain lasts, and requests go on meanwhile."""
    settings = {"HEARTH_BUNDLE": str(bundle), "HEARTH_DATABASE_URL": sqlite, "HEARTH_DRAIN": DRAIN}
    with serving(tmp_path, settings) as server, server.client() as client, under_way(server) as answers:
        server.send(signal.SIGTERM)
        server.until(lambda: server.ready()[1].get("status") == "stopping")
        assert server.ready()[0] == 503
        assert client.predict().json()["id"] is not None
        assert metric(server, "http_requests_in_flight") >= 1, "this one at least"
        found = answers()
        assert server.wait() == 0, server.log
        check_finished(found, sqlite)
        with pytest.raises((OSError, http.client.HTTPException)):
            client.predict()


def test_a_second_signal_ends_the_drain(bundle: Path, sqlite: str, tmp_path: Path) -> None:
    """What is under way is finished all the same, and the exit code is 0."""
    settings = {"HEARTH_BUNDLE": str(bundle), "HEARTH_DATABASE_URL": sqlite, "HEARTH_DRAIN": LONG}
    with serving(tmp_path, settings) as server, under_way(server) as answers:
        server.send(signal.SIGINT)
        server.until(lambda: server.ready()[1].get("status") == "stopping")
        server.send(signal.SIGTERM)
        found = answers()
        assert server.wait() == 0, server.log
        check_finished(found, sqlite)


def test_without_a_time_to_drain_requests_under_way_are_finished(bundle: Path, sqlite: str, tmp_path: Path) -> None:
    """Under load: a request is either answered, and then stored, or its connection is refused or closed without an answer."""
    settings = {"HEARTH_BUNDLE": str(bundle), "HEARTH_DATABASE_URL": sqlite}
    with serving(tmp_path, settings) as server:
        told: list[str] = []
        threads = [threading.Thread(target=ask, args=(server, told)) for _ in range(3)]
        for thread in threads:
            thread.start()
        server.until(lambda: len(told) > 100)
        assert server.stop() == 0, server.log
        for thread in threads:
            thread.join()
        assert set(told) <= {row[0] for row in sql(sqlite, "SELECT id FROM predictions")}


def ask(server: Server, told: list[str]) -> None:
    """Ask until nobody answers."""
    try:
        with server.client() as client:
            while True:
                told.append(client.predict().json()["id"])
    except (OSError, http.client.HTTPException):
        return


@pytest.mark.postgres
@pytest.mark.redis
@pytest.mark.parametrize("number", TERM)
def test_two_workers_finish(bundle: Path, postgres: str, redis: Redis, tmp_path: Path, number: signal.Signals) -> None:
    """Both say that they are stopping, at a second signal both finish, and no process is left."""
    settings = {"HEARTH_BUNDLE": str(bundle), "HEARTH_DATABASE_URL": postgres, "HEARTH_REDIS_URL": redis.url}
    settings |= {"HEARTH_WORKERS": "2", "HEARTH_DRAIN": LONG}
    with serving(tmp_path, settings) as server, under_way(server) as answers:
        workers = server.workers()
        assert len(workers) == 2
        server.send(number)
        stopping: set[str] = set()

        def all_say_so() -> bool:
            with Client(server.port) as client:
                answer = client.get("/ready")
            if answer.status == 503 and answer.json()["status"] == "stopping":
                stopping.add(answer.process)
            return len(stopping) == 2

        server.until(all_say_so)
        server.send(number)
        found = answers()
        assert server.wait() == 0, server.log
        check_finished(found, postgres)
        assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
        assert "Traceback" not in server.log


@contextmanager
def starting(bundle: Path, folder: Path, workers: int) -> Iterator[Server]:
    """A server that reads its bundle and is kept at it until the block ends, killed afterwards by whoever started it."""
    settings = {"HEARTH_BUNDLE": str(bundle), "HEARTH_DATABASE_URL": f"sqlite:///{folder}/store.db"}
    if workers > 1:
        settings |= {"HEARTH_WORKERS": str(workers), "HEARTH_REDIS_URL": NOBODY[0], "HEARTH_DATABASE_URL": NOBODY[1]}
    manifest, whole = bundle / "manifest.json", bundle / "whole.json"
    manifest.rename(whole)
    os.mkfifo(manifest)
    server = Server(folder, settings).launch()
    with manifest.open("wb", buffering=0) as pipe:  # opened as soon as the other side is
        yield server
        data = whole.read_bytes()
        whole.replace(manifest)
        with suppress(BrokenPipeError):
            pipe.write(data)


def test_a_hangup_during_the_start_ends_nothing(bundle: Path, tmp_path: Path) -> None:
    """Nor does one at any moment of the stop, up to the last."""
    with starting(bundle, tmp_path, 1) as server:
        server.send(signal.SIGHUP)
    try:
        server.until(lambda: server.alive and server.ready()[0] == 200)
        server.send(signal.SIGTERM)
        while server.process is not None and server.process.poll() is None:
            server.send(signal.SIGHUP)
            time.sleep(0.002)
        assert server.wait() == 0, server.log
    finally:
        server.kill()


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("number", TERM)
def test_a_start_that_is_broken_off_ends_well(bundle: Path, tmp_path: Path, number: signal.Signals, workers: int) -> None:
    """Exit code 0, before the service answered."""
    with starting(bundle, tmp_path, workers) as server:
        server.send(number)
        time.sleep(0.1)  # the signal is there before the bundle
    try:
        assert server.wait() == 0, server.log
        assert "Traceback" not in server.log
    finally:
        server.kill()


@pytest.mark.parametrize("number", TERM)
def test_signals_find_somebody_before_anything_is_imported(number: signal.Signals) -> None:
    """From the first line on: a hangup does nothing, the others end the process with exit code 0."""
    code = "import time; from api.signals import end_well; end_well(); print('on', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], env=clean_environment(), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGHUP)
        time.sleep(0.1)
        process.send_signal(number)
        assert process.wait(PATIENCE) == 0
