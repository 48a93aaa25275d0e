"""Real databases, a real Redis and bundles on disk, for servers that run."""

import contextlib
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.api.servers import HOST, free_port, until
from tests.bundles import Tiny, make

from hearth.bundle import write


@pytest.fixture(scope="session")
def other(regression: Tiny) -> Tiny:
    """Another model of the same contract, that says other numbers."""
    made = make("regression", "ordinal", imputed=True)
    assert made.bundle.contract == regression.bundle.contract
    return made


@pytest.fixture(scope="session")
def regression_folder(regression: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle's folder that no test writes to."""
    folder = tmp_path_factory.mktemp("bundles") / "regression"
    write(regression.bundle, folder)
    return folder


@pytest.fixture
def bundle(regression: Tiny, tmp_path: Path) -> Path:
    """A bundle's folder of this test's own."""
    write(regression.bundle, tmp_path / "bundle")
    return tmp_path / "bundle"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> str:
    """Each database in turn."""
    url: str = request.getfixturevalue(request.param)
    return url


@dataclass
class Redis:
    """A Redis of the test's own, to be stopped and frozen at will."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"redis://{HOST}:{self.port}"

    def start(self) -> None:
        """Start it, wait until it answers."""
        options = ["--port", str(self.port), "--bind", HOST, "--save", "", "--dir", str(self.folder)]
        self.process = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)
        until(self._answers, 20)

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection((HOST, self.port), 1) as link:
            link.sendall(b"PING\r\n")
            return link.recv(7) == b"+PONG\r\n"
        return False

    def stop(self) -> None:
        """End it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def freeze(self) -> None:
        """Let it take connections and answer none."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    """It runs."""
    pytest.importorskip("redis", reason="Redis' client is not installed: pip install 'hearth[cluster]'")
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    server = Redis(tmp_path, free_port())
    server.start()
    yield server
    server.stop()
