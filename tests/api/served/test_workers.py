"""Several workers are one service: one count of everything, and a worker that dies is replaced."""

import os
import re
import shutil
import signal
from pathlib import Path

import pytest
from tests.api.served.conftest import Redis
from tests.api.servers import ROW, Client, serving
from tests.bundles import Tiny

from hearth.bundle import write

pytestmark = pytest.mark.journey

ANSWERED = 'http_requests_total{method="POST",route="/predict",status="200"}'
ROWS = "hearth_predicted_rows_total"
MODELS = re.compile(r'^hearth_model_info\{model="(\w+)"\} 1\.0$', re.MULTILINE)


def value(client: Client, name: str) -> float:
    """A metric as this client's worker tells it."""
    lines = client.get("/metrics").body.decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


@pytest.mark.postgres
@pytest.mark.redis
def test_two_workers_are_one_service(bundle: Path, other: Tiny, postgres: str, redis: Redis, tmp_path: Path) -> None:
    """Whichever answers tells what both did; what a killed one counted stays, what it was at the moment does not.

    Workers whose parent was killed end by themselves: nobody else would end them, and they hold the port.
    """
    settings = {"HEARTH_BUNDLE": str(bundle), "HEARTH_DATABASE_URL": postgres, "HEARTH_REDIS_URL": redis.url}
    with serving(tmp_path, settings | {"HEARTH_WORKERS": "2"}) as server:
        with server.clients(1) as clients:
            assert [client.predict().status for _ in range(50) for client in clients] == [200] * 100
            assert [client.post("/predict/batch", {"instances": [ROW] * 7}).status for client in clients] == [200] * 2
            for client in clients:
                assert value(client, ANSWERED) == 100
                assert value(client, ROWS) == 114
                told = client.get("/monitoring/stats").json()
                assert told["latency_ms"]["/predict"]["count"] == 100
                assert told["stored"]["last_hour"] == 114
        before = server.workers()
        os.kill(before[0], signal.SIGKILL)
        for _ in range(20):
            with server.client() as client:
                assert client.predict().status == 200
        server.until(lambda: len(server.workers()) == 2 and before[0] not in server.workers())
        server.until(server.all_answer)
        digest = write(other.bundle, bundle)
        with server.clients(1) as clients:
            assert clients[0].post("/admin/reload").json()["model"] == digest
            server.until(lambda: all(client.get("/version").json()["model"] == digest for client in clients))
            for client in clients:
                assert value(client, ANSWERED) == 120
                assert value(client, "hearth_store_up") == 1
                assert MODELS.findall(client.get("/metrics").body.decode()) == [digest]
        left = server.workers()
        server.send(signal.SIGKILL)
        server.wait()
        server.until(lambda: not any(runs(pid) for pid in left))
        assert server.ready()[0] == 0
        assert "Traceback" not in server.log


def runs(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2][:3]
    except OSError:
        return False


@pytest.mark.postgres
@pytest.mark.redis
def test_one_worker_goes_on_while_another_cannot_start(bundle: Path, postgres: str, redis: Redis, tmp_path: Path) -> None:
    """One is killed while the bundle on disk is damaged: the other answers, and two do again once it is mended."""
    settings = {"HEARTH_BUNDLE": str(bundle), "HEARTH_DATABASE_URL": postgres, "HEARTH_REDIS_URL": redis.url}
    model = bundle / "model.ubj"
    whole = model.read_bytes()
    with serving(tmp_path, settings | {"HEARTH_WORKERS": "2"}) as server:
        dead = server.workers()[0]
        model.write_bytes(b"nothing")
        os.kill(dead, signal.SIGKILL)
        server.until(lambda: server.log.count("a worker did not start") == 2)
        for _ in range(20):
            with server.client() as client:
                assert client.predict().status == 200
        model.write_bytes(whole)
        server.until(server.all_answer)
        left = server.workers()
        assert len(left) == 2
        assert dead not in left
        model.write_bytes(b"nothing")
        os.kill(left[0], signal.SIGKILL)
        server.until(lambda: server.log.count("a worker did not start") == 3)
        assert server.stop() == 0, server.log


@pytest.mark.postgres
@pytest.mark.redis
def test_workers_end_where_their_folder_is_gone(bundle: Path, postgres: str, redis: Redis, tmp_path: Path) -> None:
    """Somebody emptied the folder of temporary files: rows are answered, a hangup ends nothing, SIGTERM ends all well."""
    settings = {"HEARTH_BUNDLE": str(bundle), "HEARTH_DATABASE_URL": postgres, "HEARTH_REDIS_URL": redis.url}
    (tmp_path / "tmp").mkdir()
    with serving(tmp_path, settings | {"HEARTH_WORKERS": "2", "TMPDIR": str(tmp_path / "tmp")}) as server:
        shutil.rmtree(tmp_path / "tmp")
        server.send(signal.SIGHUP)
        server.until(lambda: "the folder that the workers share is gone" in server.log)
        with server.client() as client:
            assert client.predict().status == 200
        assert server.stop() == 0, server.log
        assert "Traceback" not in server.log
