"""The service as it runs in production, and a client that asks it all the while."""

import json
import math
import os
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import cycle

from benchmarks.loop.place import BIN, Clone, StepError
from benchmarks.loop.world import Week

from api.keys import SCOPES, Key, hashed, new_key
from hearth.bundle.rows import Row

HOST, PATIENCE, AT_ONCE = "127.0.0.1", 60.0, 100


@dataclass(frozen=True, slots=True)
class Answer:
    """Which model said what, of which row of those that are asked for in turn."""

    model: str
    prediction: float | str
    row: int = 0


@dataclass(slots=True)
class Steady:
    """A client that never stops asking for these rows, in turn; ``faults`` are the answers that were none."""

    rows: Sequence[Row]
    answers: list[Answer] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True)
class Service:
    """A service that has answered."""

    port: int
    key: str

    def post(self, path: str, body: object) -> dict[str, object]:
        """Ask; anything but a 200 is an ``OSError``."""
        headers = {"X-API-Key": self.key, "Content-Type": "application/json"}
        request = urllib.request.Request(f"http://{HOST}:{self.port}{path}", json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:  # noqa: S310 - to this machine
            answer: dict[str, object] = json.loads(response.read())
        return answer

    def ask(self, row: Row) -> Answer:
        """The answer to one row."""
        said = self.post("/predict", row)
        return Answer(str(said["model"]), said["prediction"])  # type: ignore[arg-type]

    def live(self, week: Week) -> list[float | str]:
        """Ask for every row of a week and tell its truth; the predictions."""
        said: list[float | str] = []
        for at in range(0, len(week.rows), AT_ONCE):
            answer = self.post("/predict/batch", {"instances": week.rows[at : at + AT_ONCE]})
            found: list[dict[str, object]] = answer["predictions"]  # type: ignore[assignment]
            truths = [{"id": one["id"], "actual": y} for one, y in zip(found, week.actual[at : at + AT_ONCE], strict=True)]
            self.post("/feedback/batch", {"feedback": truths})
            said += [one["prediction"] for one in found]  # type: ignore[misc]
        return said

    def until(self, digest: str, row: Row) -> None:
        """Wait until this model answers.

        Raises:
            StepError: it does not.
        """
        end = time.monotonic() + PATIENCE
        while (model := self.ask(row).model) != digest:
            if time.monotonic() > end:
                raise StepError(f"after {PATIENCE:g} s the service still answers with {model[:12]}, not with {digest[:12]}")
            time.sleep(0.1)

    @contextmanager
    def asked(self, rows: Sequence[Row]) -> Iterator[Steady]:
        """Somebody who asks for one of these rows after the other, all the while."""
        steady = Steady(rows)
        thread = threading.Thread(target=self._keep_asking, args=(steady,))
        thread.start()
        try:
            yield steady
        finally:
            steady.over.set()
            thread.join()

    def _keep_asking(self, steady: Steady) -> None:
        for number in cycle(range(len(steady.rows))):
            if steady.over.wait(0.02):
                return
            try:
                answer = self.ask(steady.rows[number])
                steady.answers.append(replace(answer, row=number))
            except OSError as error:  # of urllib too
                steady.faults.append(str(error))


@contextmanager
def served(clone: Clone) -> Iterator[Service]:
    """``hearth serve --watch`` on the clone's bundle, with a store of its own, until the block ends."""
    port, key = _free_port(), new_key()
    line = Key(name="demo", scopes=frozenset(SCOPES), expires=None, sha256=hashed(key), limit="999999999/minute").line
    environment = {**clone.environment, "HEARTH_API_KEYS": line, "HEARTH_LOG_LEVEL": "warning"}
    with (clone.root.parent / "service.log").open("ab") as log:
        command = [str(BIN / "hearth"), "serve", "--watch", "--port", str(port)]
        process = subprocess.Popen(command, cwd=clone.root, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        _await(process, port)
        yield Service(port, key)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(PATIENCE)


def _await(process: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{port}/ready", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise StepError("the service did not start; service.log says why")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port


def errors(said: Sequence[float | str], actual: Sequence[float | str]) -> float:
    """Root mean square error, or for classes the share that was wrong."""
    if isinstance(actual[0], str):
        return sum(one != other for one, other in zip(said, actual, strict=True)) / len(actual)
    return math.sqrt(sum((float(one) - float(other)) ** 2 for one, other in zip(said, actual, strict=True)) / len(actual))
