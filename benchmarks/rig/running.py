"""Servers that run: started on a core of their own, waited for, asked, stopped."""

import contextlib
import http.client
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.rig import proc
from benchmarks.rig.contenders import Contender
from benchmarks.rig.dialects import Dialect
from benchmarks.rig.environments import NotAvailableError
from benchmarks.rig.sample import Sample

PATIENCE = 120.0  # seconds for a server to start
CHECKED = 20  # rows that are looked at before and after each load


class WrongAnswerError(Exception):
    """A server that answers, but not what it should."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server; its process leads a session of its own."""

    contender: Contender
    process: subprocess.Popen[bytes]
    port: int
    headers: Mapping[str, str]
    folder: Path

    def cpu(self) -> float:
        """CPU seconds so far of all its processes."""
        return proc.cpu(self.process.pid)


@dataclass(frozen=True, slots=True)
class Started:
    """Seconds from the start of the process to the first answer of the health route and to the first prediction."""

    health: float
    predict: float
    cpu: float


def free_port() -> int:
    """The first of three free ports in a row, below those that the system hands out by itself."""
    for port in range(21000, 29000, 10):
        with contextlib.ExitStack() as stack:
            try:
                for offset in range(3):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port + offset))
            except OSError:
                continue
            return port
    raise NotAvailableError("no port is free")


def environ(place: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """The environment of a server: its own programs first, one thread, none of the settings of this process."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HEARTH_", "PYTHON", "VIRTUAL_ENV"))}
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return {**kept, **threads, "PATH": f"{place / 'bin'}:{kept.get('PATH', '')}", **settings}


@contextlib.contextmanager
def server(contender: Contender, place: Path, folder: Path, bundle: Path, core: int) -> Iterator[Server]:
    """Start a server in a folder of its own, and stop it in the end.

    Raises:
        NotAvailableError: it cannot be prepared.
    """
    folder.mkdir(parents=True)
    port = free_port()
    launch = contender.prepare(place, folder, bundle, port)
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            proc.pinned(core, *launch.command),
            cwd=folder,
            env=environ(place, launch.settings),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield Server(contender, process, port, launch.headers, folder)
        finally:
            proc.stop(process)


def ask(server: Server, dialect: Dialect, body: bytes | None, connection: http.client.HTTPConnection | None = None) -> bytes:
    """One request: a POST of the body, or a GET of the health route where there is none.

    Raises:
        OSError: the server does not answer.
        WrongAnswerError: it refuses.
    """
    wire = connection or http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    method, path = ("GET", server.contender.health) if body is None else ("POST", dialect.path)
    wire.request(method, path, body, {"Content-Type": dialect.media, **server.headers})
    answer = wire.getresponse()
    said = answer.read()
    if connection is None:
        wire.close()
    if answer.status != 200:
        raise WrongAnswerError(f"status {answer.status}: {said[:200].decode(errors='replace')}")
    return said


def wait(server: Server, sample: Sample) -> Started:
    """Wait for the first answer of the health route, then for the first prediction, which must be right.

    Raises:
        NotAvailableError: the process ended, or does not answer in time.
        WrongAnswerError: the prediction is wrong.
    """
    start = time.perf_counter()
    one = server.contender.one
    health = until_answer(server, one, None, start)
    body = one.ask(sample, slice(0, 1))
    predicted = until_answer(server, one, body, start)
    check(server, sample, one, slice(0, 1))
    return Started(health, predicted, server.cpu())


def until_answer(server: Server, dialect: Dialect, body: bytes | None, start: float) -> float:
    """Seconds from ``start`` until a request is answered."""
    while True:
        try:
            ask(server, dialect, body)
            return time.perf_counter() - start
        except (OSError, http.client.HTTPException, WrongAnswerError) as error:
            spent = time.perf_counter() - start
            if server.process.poll() is not None or spent > PATIENCE:
                raise NotAvailableError(f"does not start: {last_line(server.folder / 'server.log') or error}") from error
        time.sleep(0.005)


def last_line(log: Path) -> str:
    """What a server said last."""
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    return next((line.strip()[-300:] for line in reversed(lines) if line.strip()), "")


def check(server: Server, sample: Sample, dialect: Dialect, at: slice) -> None:
    """Ask for some rows and compare every field with what ``Predictor`` says in process.

    Raises:
        WrongAnswerError: they differ.
    """
    fault = dialect.fault(sample, at, ask(server, dialect, dialect.ask(sample, at)))
    if fault:
        raise WrongAnswerError(f"{server.contender.name}, rows {at.start} to {at.stop}: {fault}")


def check_some(server: Server, sample: Sample) -> None:
    """Check rows from all over the sample, one request for each."""
    for row in range(0, len(sample), max(1, len(sample) // CHECKED)):
        check(server, sample, server.contender.one, slice(row, row + 1))
