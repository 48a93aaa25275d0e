"""Real servers for tests: the service in a process of its own, asked over a socket."""

import contextlib
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest

from api.keys import SCOPES, Key, hashed, new_key

ROOT = Path(__file__).parents[2]
HEARTH = Path(sys.executable).with_name("hearth")
HOST = "127.0.0.1"
PATIENCE = 60.0  # seconds for what takes one or two on a machine with nothing else to do
ROW = {"size": 5.0, "count": 3, "old": True, "colour": "red", "depth": 1.5}


def free_port() -> int:
    """A port that nobody listens on, below those that the system gives to clients."""
    while True:
        port = random.randint(15_000, 32_000)  # noqa: S311 - not a secret
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind((HOST, port))
            return port


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 - whatever was sent
        """The body."""
        return json.loads(self.body)

    @property
    def process(self) -> str:
        """What tells the worker that answered from the others: the head of its request ids."""
        return self.headers["x-request-id"].partition("-")[0]


class Client:
    """One connection that is kept. Anything but an answer is an ``OSError`` or an ``http.client.HTTPException``."""

    def __init__(self, port: int, key: str | None = None, timeout: float = PATIENCE) -> None:
        self._link = http.client.HTTPConnection(HOST, port, timeout=timeout)
        self._headers = {"X-API-Key": key} if key else {}

    def ask(self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Send one request and wait for its answer; a ``body`` that is not bytes goes as JSON."""
        self.send(method, path, body, headers)
        return self.receive()

    def send(self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> None:
        """The first half of ``ask``."""
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        self._link.request(method, path, data, {**self._headers, **(headers or {})})

    def receive(self) -> Answer:
        """The second half."""
        response = self._link.getresponse()
        return Answer(response.status, {name.lower(): text for name, text in response.getheaders()}, response.read())

    def get(self, path: str) -> Answer:
        """GET."""
        return self.ask("GET", path)

    def post(self, path: str, body: object = None) -> Answer:
        """POST."""
        return self.ask("POST", path, body)

    def predict(self) -> Answer:
        """One row."""
        return self.ask("POST", "/predict", ROW)

    def close(self) -> None:
        """Hang up."""
        self._link.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass
class Server:
    """The service under ``command``, in a process group of its own, with nothing of this process's HEARTH_ environment.

    ``key`` has every scope and a limit of its own that no test reaches.
    """

    folder: Path
    settings: Mapping[str, str]
    command: Sequence[str | Path] = ()
    port: int = field(default_factory=free_port)
    key: str = field(default_factory=new_key)
    others: Sequence[Key] = ()
    process: subprocess.Popen[bytes] | None = None

    @property
    def log_file(self) -> Path:
        """Standard output and standard error."""
        return self.folder / f"server-{self.port}.log"

    @property
    def log(self) -> str:
        """What the process wrote."""
        return self.log_file.read_text(encoding="utf-8") if self.log_file.exists() else ""

    @property
    def environment(self) -> dict[str, str]:
        """What the process sees."""
        own = Key(name="test", scopes=frozenset(SCOPES), expires=None, sha256=hashed(self.key), limit="999999999/minute")
        keys = "\n".join(key.line for key in (own, *self.others))
        return clean_environment() | {"HEARTH_API_KEYS": keys, "HEARTH_LOG_LEVEL": "warning"} | dict(self.settings)

    def launch(self) -> Self:
        """Start the process, wait for nothing."""
        command = self.command or (HEARTH, "serve", "--port", str(self.port))
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        return self

    def start(self) -> Self:
        """Start the process and wait until each worker answers."""
        self.launch()
        self.until(lambda: self.alive and self.ready()[0] == 200)
        self.until(self.all_answer)
        return self

    def all_answer(self) -> bool:
        """Whether every worker answers."""
        with self.clients(1):
            return True

    @property
    def alive(self) -> bool:
        """Whether the process runs; it is a failure where it ended by itself before it answered."""
        assert self.process is not None
        code = self.process.poll()
        if code is not None:
            pytest.fail(f"the server ended with {code}:\n{self.log[-4000:]}")
        return True

    def ready(self) -> tuple[int, Any]:
        """Status and body of /ready; 0 where nobody answers."""
        try:
            with self.client(timeout=5) as client:
                answer = client.get("/ready")
                return answer.status, answer.json()
        except (OSError, http.client.HTTPException):
            return 0, {}

    def client(self, key: str | None = None, timeout: float = PATIENCE) -> Client:
        """A connection with the server's own key, or another."""
        return Client(self.port, self.key if key is None else key, timeout)

    @contextmanager
    def clients(self, each: int, key: str | None = None) -> Iterator[list[Client]]:
        """Open connections, so many to each worker, those of one worker together."""
        wanted, found = int(self.settings.get("HEARTH_WORKERS", "1")), dict[str, list[Client]]()
        with contextlib.ExitStack() as stack:

            def enough() -> bool:
                client = stack.enter_context(self.client(key))
                found.setdefault(client.get("/health").process, []).append(client)
                return len(found) == wanted and min(map(len, found.values())) >= each

            self.until(enough)
            yield [client for clients in found.values() for client in clients[:each]]

    def until(self, true: Callable[[], object], seconds: float = PATIENCE) -> None:
        """Wait for what will come by itself."""
        until(true, seconds, lambda: self.log[-4000:])

    def send(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self) -> int:
        """The exit code, once the process ended."""
        assert self.process is not None
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            pytest.fail(f"the server does not end:\n{self.log[-4000:]}")

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.send(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """``kill -9`` of the process and of all that it started."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def workers(self) -> list[int]:
        """The processes that the server started and that answer requests."""
        assert self.process is not None
        found = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text(encoding="ascii").split()
        return [int(pid) for pid in found if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@contextmanager
def serving(folder: Path, settings: Mapping[str, str], **more: Any) -> Iterator[Server]:  # noqa: ANN401 - Server's
    """A server that answers, killed afterwards if it still runs."""
    server = Server(folder, settings, **more)
    try:
        yield server.start()
    finally:
        server.kill()


def uvicorn(port: int, *options: str) -> Sequence[str | Path]:
    """The command of the service under plain uvicorn."""
    return (sys.executable, "-m", "uvicorn", "api.main:app", "--port", str(port), *options)


def clean_environment() -> dict[str, str]:
    """The environment without any setting of the service."""
    mine = {name: text for name, text in os.environ.items() if not name.startswith(("HEARTH_", "PROMETHEUS_"))}
    return mine | {"PYTHONWARNINGS": "error", "PYTHONPATH": str(ROOT)}


def until(true: Callable[[], object], seconds: float = PATIENCE, said: Callable[[], str] = str) -> None:
    """Wait for what will come by itself."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            pytest.fail(f"it did not come in {seconds} seconds: {said()}")
        time.sleep(0.02)


def metric(server: Server, name: str) -> float:
    """The sum of a metric over its labels where ``name`` has none, as any worker tells it."""
    with server.client() as client:
        lines = client.get("/metrics").body.decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))
