"""A load from a process of its own: as fast as the answers come, or at a constant rate whatever the answers do.

At a rate the latency of a request counts from the moment at which it was due, not from that at which it left: a server that
stalls is charged for every request that had to wait (no coordinated omission). The loop polls without sleeping, so it wants a
core of its own; ``lag`` in its answer says how late it was itself.
"""

import argparse
import json
import selectors
import socket
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

END = b"\r\n\r\n"
LENGTH = b"content-length:"


@dataclass(slots=True)
class Line:
    """One connection: what came of the present answer, and when its request was due."""

    wire: socket.socket
    due: float = 0.0
    got: bytes = b""


@dataclass(slots=True)
class Tally:
    """Latencies and lags in seconds, and how many answers were not 200."""

    latencies: list[float] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)
    faults: int = 0


def whole(answer: bytes) -> bool:
    """Whether all of an HTTP/1.1 answer has come."""
    head, found, body = answer.partition(END)
    if not found:
        return False
    at = head.lower().find(LENGTH)
    if at < 0:
        return body.endswith(b"0\r\n\r\n")
    return len(body) >= int(head[at + len(LENGTH) :].split(b"\r\n", 1)[0])


def requests(bodies: Path, path: str, headers: Sequence[str]) -> list[bytes]:
    """The requests, one for each line of the file."""
    fixed = "".join(f"{name}: {value}\r\n" for name, _, value in (each.partition("=") for each in headers))
    start = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{fixed}"
    return [f"{start}Content-Length: {len(body)}\r\n\r\n".encode() + body for body in bodies.read_bytes().splitlines()]


def connect(port: int, connections: int, selector: selectors.BaseSelector) -> deque[Line]:
    """Open the connections; all are idle."""
    lines: deque[Line] = deque()
    for _ in range(connections):
        wire = socket.create_connection(("127.0.0.1", port))
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire.setblocking(False)
        lines.append(Line(wire))
        selector.register(wire, selectors.EVENT_READ, lines[-1])
    return lines


def due_times(rate: float, start: float, seconds: float) -> Iterator[float]:
    """When each request is due: at once with no rate (0), else evenly."""
    if rate:
        yield from (start + n / rate for n in range(int(rate * seconds)))
    while not rate:
        yield 0.0


def receive(selector: selectors.BaseSelector, idle: deque[Line], tally: Tally) -> None:
    """Take what has come; a connection with a whole answer is idle again."""
    for key, _ in selector.select(0):
        line: Line = key.data
        part = line.wire.recv(1 << 16)
        line.got += part
        if part and not whole(line.got):
            continue
        tally.latencies.append(time.perf_counter() - line.due)
        tally.faults += not line.got.startswith(b"HTTP/1.1 200")
        if not part:
            sys.exit("the server closed a connection")
        line.got = b""
        idle.append(line)


def drive(sent: Iterator[bytes], idle: deque[Line], selector: selectors.BaseSelector, rate: float, seconds: float) -> Tally:
    """Send until the time is over, then wait for what is under way."""
    tally, connections = Tally(), len(idle)
    start = time.perf_counter()
    times = due_times(rate, start, seconds)
    due = next(times, None)
    while due is not None or len(idle) < connections:
        now = time.perf_counter()
        if now > start + seconds + 20:
            sys.exit("the server does not answer")
        if not rate and now > start + seconds:
            due = None
        if due is not None and due <= now and idle:
            line = idle.popleft()
            line.due = due or now
            line.wire.send(next(sent))
            tally.lags.append(now - line.due)
            due = next(times, None)
        else:
            receive(selector, idle, tally)
    return tally


def percentile(values: Sequence[float], share: float) -> float:
    """A percentile in milliseconds."""
    ordered = sorted(values)
    return 1e3 * ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def main() -> None:
    """Load a server and print what came of it as JSON, times in milliseconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", type=int)
    parser.add_argument("path")
    parser.add_argument("bodies", type=Path, help="a file with a body in each line")
    parser.add_argument("headers", nargs="*", metavar="NAME=VALUE")
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rate", type=float, default=0, help="requests a second; 0 is as fast as the answers come")
    args = parser.parse_args()
    selector = selectors.DefaultSelector()
    idle = connect(args.port, args.connections, selector)
    sent = cycle(requests(args.bodies, args.path, args.headers))
    start = time.perf_counter()
    tally = drive(sent, idle, selector, args.rate, args.seconds)
    found = {"requests": len(tally.latencies), "seconds": time.perf_counter() - start, "faults": tally.faults}
    shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
    found |= {name: percentile(tally.latencies, share) for name, share in shares.items()}
    print(json.dumps(found | {"lag": percentile(tally.lags, 0.99)}))


if __name__ == "__main__":
    main()
