"""A real server to be hostile to, and a client that says exactly what it is told to."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from api.keys import SCOPES, Key, hashed, new_key

MARK = "SPITE7f3a"  # stands in what is sent, and may stand in no answer and no log
ROW: Mapping[str, object] = {"size": 5.0, "count": 3, "old": True, "colour": "green", "depth": -2.5}
EXPECTED = 5.87835168838501  # what the tiny regression says of ROW
SECRET = new_key()
_ANSWERED = re.compile(rb"^http_requests_total\{(.*)\} (\S+)$", re.MULTILINE)
_START = "import sys; from hearth.cli import main; sys.argv[0] = 'hearth'; main()"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: ``status`` 0 is a connection that was closed without a word."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, object]:
        """The body as an object."""
        value = json.loads(self.body)
        assert isinstance(value, dict)
        return value


@dataclass(frozen=True, slots=True)
class Served:
    """A server under way."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def connect(self, wait: float = 15.0) -> socket.socket:
        """A connection of one's own."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=wait)

    def raw(self, *parts: bytes, wait: float = 15.0) -> list[Answer]:
        """Send bytes as they are, and read every answer until the server closes or falls silent."""
        with self.connect(wait) as link:
            with suppress(ConnectionError):  # it may answer and close before it has read all
                for part in parts:
                    link.sendall(part)
            return list(answers(link))

    def ask(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Answer:
        """One request with a right key, and its answer."""
        given = {"X-API-Key": SECRET, "Content-Type": "application/json", **(headers or {})}
        found = self.raw(head(method, path, given, body), body or b"")
        assert len(found) == 1, f"{method} {path[:60]}: {len(found)} answers"
        return found[0]

    def post(self, path: str, body: bytes, kind: str = "application/json") -> Answer:
        """One body."""
        return self.ask("POST", path, body, {"Content-Type": kind})

    @staticmethod
    def parsed(held: bytes) -> list[Answer]:
        """The answers among bytes that were received."""
        mine, other = socket.socketpair()
        with mine, other:
            other.sendall(held)
            other.shutdown(socket.SHUT_WR)
            return list(answers(mine))

    def counted(self) -> dict[int, int]:
        """Answers by status, as the service counts them."""
        text = self.ask("GET", "/metrics").body
        found: dict[int, int] = {}
        for labels, value in _ANSWERED.findall(text):
            match = re.search(rb'status="(\d+)"', labels)
            assert match is not None
            found[int(match[1])] = found.get(int(match[1]), 0) + int(float(value))
        return found

    @property
    def peak(self) -> int:
        """The most memory that it has held, in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        match = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert match is not None
        return int(match[1]) // 1024

    @property
    def connections(self) -> int:
        """Sockets that it holds."""
        folder = Path(f"/proc/{self.process.pid}/fd")
        return sum(str(link.readlink()).startswith("socket:") for link in folder.iterdir() if link.is_symlink())


def problem(answer: Answer) -> dict[str, object]:
    """The refusal that an answer is: RFC 9457, with the id of the request and without what was sent."""
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert {"title", "status", "detail", "request_id"} <= set(told)
    assert told["status"] == answer.status
    assert told["request_id"] == answer.headers["x-request-id"]
    assert b"Traceback" not in answer.body
    assert b".py" not in answer.body
    assert MARK.encode() not in answer.body
    return told


def right(server: Served) -> None:
    """It is alive, and right."""
    assert server.ask("GET", "/health").status == 200
    told = server.post("/predict", json.dumps(dict(ROW)).encode()).json()
    assert told["prediction"] == pytest.approx(EXPECTED, abs=0)


def head(method: str, path: str, headers: Mapping[str, str], body: bytes | None = None, version: str = "1.1") -> bytes:
    """The head of a request that closes its connection, with the length of ``body`` where there is one."""
    lines = [f"{method} {path} HTTP/{version}"]
    told = {"Host": "localhost", "Connection": "close", **headers}
    if body is not None and not {"Content-Length", "Transfer-Encoding"} & set(told):
        told["Content-Length"] = str(len(body))
    lines += [f"{name}: {value}" for name, value in told.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def answers(link: socket.socket) -> Iterator[Answer]:
    """The answers that come over a connection."""
    held = b""
    while True:
        while b"\r\n\r\n" not in held:
            more = _received(link)
            if not more:
                return
            held += more
        top, _, held = held.partition(b"\r\n\r\n")
        first, *lines = top.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        status = int(first.split()[1])
        size = int(headers.get("content-length", "0"))
        while len(held) < size:
            more = _received(link)
            if not more:
                break
            held += more
        if status >= 200:  # 100 is a word before the answer
            yield Answer(status, headers, held[:size])
        held = held[size:]


def _received(link: socket.socket) -> bytes:
    try:
        return link.recv(1 << 16)
    except ConnectionError:
        return b""


@contextmanager
def served(bundle: Path, folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[Served]:
    """``hearth serve`` on a free port, with one key that hardly has a limit."""
    key = Key(name="tests", scopes=frozenset(SCOPES), expires=None, sha256=hashed(SECRET), limit="1000000/second")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("HEARTH_", "PROMETHEUS_"))},
        "HEARTH_BUNDLE": str(bundle),
        "HEARTH_API_KEYS": key.line,
        "HEARTH_WRONG_KEY_LIMIT": "1000000/second",
        "HEARTH_DATABASE_URL": f"sqlite:///{folder}/hearth.db",
        "HEARTH_REPORTS": str(folder),
        "HEARTH_PORT": "0",
        **(settings or {}),
    }
    out, log = folder / "out", folder / "log"
    with out.open("wb") as told, log.open("wb") as logged:
        process = subprocess.Popen([sys.executable, "-c", _START, "serve"], env=environment, stdout=told, stderr=logged)
    try:
        yield Served(_port(process, out, log), process, log)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _port(process: subprocess.Popen[bytes], out: Path, log: Path) -> int:
    for _ in range(600):
        match = re.search(r"http://127\.0\.0\.1:(\d+)", out.read_text(encoding="utf-8"))
        if match:
            return int(match[1])
        assert process.poll() is None, log.read_text(encoding="utf-8")
        time.sleep(0.05)
    raise AssertionError("the server did not start in 30 seconds")


def events(log: Path) -> Sequence[Mapping[str, object]]:
    """The lines of a log; each is JSON."""
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
