"""Load on a server from a process on another core, and what came of it."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.rig import proc
from benchmarks.rig.environments import ROOT
from benchmarks.rig.running import Server, WrongAnswerError
from benchmarks.rig.sample import Sample

SCRIPT = Path(__file__).parent / "post.lua"
TOOL = "wrk" if shutil.which("wrk") else "a client of ours"
LINES = 500  # different rows that are sent in turn


@dataclass(frozen=True, slots=True)
class Load:
    """What one load found: requests a CPU second of the server, requests a second, latencies and lag in milliseconds."""

    per_cpu: float
    per_second: float
    p50: float
    p90: float
    p99: float
    lag: float = 0.0


def bodies(server: Server, sample: Sample) -> Path:
    """A file with a request's body in each line."""
    path = server.folder / "bodies.txt"
    if not path.exists():
        ask = server.contender.one.ask
        rows = (ask(sample, slice(row, row + 1)) for row in range(min(LINES, len(sample))))
        path.write_bytes(b"\n".join(rows) + b"\n")
    return path


def press(server: Server, sample: Sample, connections: int, seconds: float, core: int, rate: float = 0) -> Load:
    """Load a server: with no rate as fast as it answers, else at that many requests a second.

    Raises:
        WrongAnswerError: an answer was no 200, or the client could not go on.
    """
    path = bodies(server, sample)
    quick = not rate and TOOL == "wrk"
    command = wrk(server, path, connections, seconds) if quick else client(server, path, connections, seconds, rate)
    before = server.cpu()
    done = subprocess.run(proc.pinned(core, *command), cwd=ROOT, capture_output=True, text=True, check=False)
    spent = server.cpu() - before
    if done.returncode:
        raise WrongAnswerError(f"{server.contender.name}: {(done.stderr or done.stdout).strip()}")
    found: Mapping[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    if found["faults"] or not found["requests"]:
        raise WrongAnswerError(f"{server.contender.name}: {found['faults']:g} faults in {found['requests']:g} requests")
    times = {name: found[name] for name in ("p50", "p90", "p99")}
    requests = found["requests"]
    return Load(requests / max(spent, 0.01), requests / found["seconds"], lag=found.get("lag", 0.0), **times)


def headers(server: Server) -> list[str]:
    """Headers as both clients take them."""
    return [f"{name}={value}" for name, value in {"Content-Type": server.contender.one.media, **server.headers}.items()]


def wrk(server: Server, path: Path, connections: int, seconds: float) -> Sequence[str | Path]:
    """The command of wrk; it knows whole seconds."""
    amount = ("--threads", "1", "--connections", str(connections), "--duration", f"{max(1, round(seconds))}s")
    url = f"http://127.0.0.1:{server.port}"
    return [
        "wrk",
        *amount,
        "--timeout",
        "10s",
        "--script",
        SCRIPT,
        url,
        "--",
        path,
        server.contender.one.path,
        *headers(server),
    ]


def client(server: Server, path: Path, connections: int, seconds: float, rate: float) -> Sequence[str | Path]:
    """The command of our own client."""
    amount = ("--connections", str(connections), "--seconds", str(seconds), "--rate", str(rate))
    where = (str(server.port), server.contender.one.path, path)
    return [sys.executable, "-m", "benchmarks.rig.client", *where, *headers(server), *amount]
