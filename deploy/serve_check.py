"""What ``deploy/serve_check.sh`` asks of an environment, with its Python: size, purity, start and memory of the service."""

import http.client
import importlib.util
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TRAINING = ("pandas", "sklearn", "mlflow", "dvc", "shap", "matplotlib", "pyarrow", "optuna")
MOST_BYTES, MOST_SECONDS, MOST_MEMORY = 250e6, 1.5, 100e6  # of the extra `serve`; the median; of one worker after load
STARTS, ASKED, PATIENCE = 5, 3000, 30.0
HOST, JSON = "127.0.0.1", "application/json"
HEARTH = Path(sys.executable).with_name("hearth")


@dataclass(frozen=True, slots=True)
class Served:
    """A service of its own, just started."""

    pid: int
    port: int
    key: str

    def connect(self) -> http.client.HTTPConnection:
        """A connection, as soon as one is taken."""
        link = http.client.HTTPConnection(HOST, self.port, timeout=PATIENCE)
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                link.connect()
            except ConnectionRefusedError:
                time.sleep(0.005)
            else:
                return link
        raise SystemExit("hearth serve does not listen")

    def ask(self, link: http.client.HTTPConnection, row: object) -> None:
        """One prediction."""
        link.request("POST", "/predict", json.dumps(row), {"X-API-Key": self.key, "Content-Type": JSON})
        response = link.getresponse()
        response.read()
        if response.status != 200:
            raise SystemExit(f"/predict answered {response.status}")

    @property
    def memory(self) -> int:
        """Proportional set size in bytes."""
        found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{self.pid}/smaps_rollup").read_text(encoding="ascii"), re.MULTILINE)
        if found is None:
            raise SystemExit("this system does not tell the memory of a process")
        return int(found[1]) * 1024


@contextmanager
def served(bundle: Path) -> Iterator[Served]:
    """``hearth serve`` of this environment, as it comes but for a high limit, a quiet log and a store of its own."""
    key, line = subprocess.run(  # noqa: S603 - our own command
        [HEARTH, "keys", "new", "check", "--scope", "predict"], capture_output=True, text=True, check=True
    ).stdout.split()
    with socket.create_server((HOST, 0)) as probe:
        port = int(probe.getsockname()[1])
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "API_KEYS": line,
            "BUNDLE": str(bundle),
            "DATABASE_URL": f"sqlite:///{folder}/hearth.db",
            "RATE_LIMIT": "1000000/minute",
            "PORT": str(port),
            "LOG_LEVEL": "warning",
        }
        clean = {name: value for name, value in os.environ.items() if not name.startswith("HEARTH_")}
        environment = clean | {f"HEARTH_{name}": value for name, value in settings.items()}
        process = subprocess.Popen([HEARTH, "serve"], env=environment, stdout=subprocess.DEVNULL)  # noqa: S603
        try:
            yield Served(process.pid, port, key)
        finally:
            process.terminate()
            process.wait()


def example(bundle: Path) -> object:
    """The row that the OpenAPI page shows; asking for it also has the system read every file once."""
    with served(bundle) as service:
        link = service.connect()
        link.request("GET", "/openapi.json")
        page = json.loads(link.getresponse().read())
        link.close()
    return page["paths"]["/predict"]["post"]["requestBody"]["content"][JSON]["example"]


def start(bundle: Path) -> bool:
    """Tell the seconds from process start to the first prediction, and the memory after some thousand; whether they will do."""
    row, seconds, memory = example(bundle), list[float](), list[int]()
    for _ in range(STARTS):
        with served(bundle) as service:
            began = time.perf_counter()  # the process is being started by now: its fork and exec took a millisecond or two
            link = service.connect()
            service.ask(link, row)
            seconds.append(time.perf_counter() - began)
            for _ in range(ASKED):
                service.ask(link, row)
            memory.append(service.memory)
            link.close()
    median, most = statistics.median(seconds), max(memory)
    say(f"start to first answer {median:.2f} s (median of {STARTS}; {min(seconds):.2f} to {max(seconds):.2f})")
    say(
        f"PSS after {ASKED} answers {most / 1e6:.1f} MB (the largest of {STARTS}; median {statistics.median(memory) / 1e6:.1f})"
    )
    return median <= MOST_SECONDS and most <= MOST_MEMORY


def size(kind: str) -> bool:
    """Tell how large site-packages is without bytecode; whether that will do, which is asked of ``serve`` alone."""
    folder = Path(sysconfig.get_path("purelib"))
    sizes = [path.stat() for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    total, blocks = sum(one.st_size for one in sizes), sum(one.st_blocks * 512 for one in sizes)
    say(f"{kind}: site-packages {total / 1e6:.1f} MB ({total / 2**20:.1f} MiB; {blocks / 2**20:.1f} MiB of disk blocks)")
    return kind != "serve" or total <= MOST_BYTES


def pure() -> bool:
    """Tell what of training can be imported; whether nothing can."""
    found = [name for name in TRAINING if importlib.util.find_spec(name)]
    say(f"of training there is {', '.join(found) or 'nothing'}")
    return not found


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(command: str, *rest: str) -> int:
    """Run one of the checks: ``size KIND``, ``pure``, ``start BUNDLE``."""
    if command == "size":
        good = size(*rest)
    elif command == "start":
        good = start(Path(*rest))
    else:
        good = pure()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
