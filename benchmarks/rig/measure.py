"""The measurements. Where servers are compared they all run, and take turns: A B C A B C, not A A B B C C."""

import http.client
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path

import numpy as np
from benchmarks.rig import environments, proc
from benchmarks.rig.contenders import APPS, BARE, OURS, Contender
from benchmarks.rig.dialects import OURS_ARROW, Dialect
from benchmarks.rig.environments import NotAvailableError
from benchmarks.rig.load import Load, press
from benchmarks.rig.running import Server, Started, WrongAnswerError, ask, check, check_some, server, wait
from benchmarks.rig.sample import Sample

RATE = 1000  # requests a second of the fixed rate
RATE_CONNECTIONS = 16
LATE = 0.3  # milliseconds: a round in which our own client sent 1 % of its requests later than that says nothing of the server
TRIES = 4  # times as many rounds as are asked for are begun at most, where the client was late


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and on what: rounds, seconds a round, connections, the bundle, rows, folder, the two cores."""

    rounds: int
    seconds: float
    connections: Sequence[int]
    bundle: Path
    sample: Sample
    folder: Path
    core: int
    load_core: int


@dataclass(frozen=True, slots=True)
class Footprint:
    """How a server starts and what it holds after a load: PSS in MB of its largest process and of all."""

    started: Started
    largest: float
    total: float
    processes: int


@dataclass(frozen=True, slots=True)
class Paced:
    """Medians at a constant rate over ``kept`` rounds; ``late`` ones were discarded. No loads where none was kept."""

    loads: Mapping[str, Load]
    kept: int
    late: int


def tell(text: str) -> None:
    """Say what is being done."""
    print(text, file=sys.stderr, flush=True)


def median(loads: Sequence[Load]) -> Load:
    """The median of each figure."""
    return Load(**{one.name: statistics.median(getattr(load, one.name) for load in loads) for one in fields(Load)})


@contextmanager
def running(plan: Plan, contenders: Mapping[Contender, Path], missing: dict[str, str]) -> Iterator[list[Server]]:
    """All the servers at once; one that does not start goes into ``missing``."""
    with ExitStack() as stack:
        found = []
        for contender, place in contenders.items():
            folder = plan.folder / "together" / contender.name.replace(" ", "-")
            try:
                one = stack.enter_context(server(contender, place, folder, plan.bundle, plan.core))
                wait(one, plan.sample)
                found.append(one)
            except (NotAvailableError, WrongAnswerError) as error:
                missing[contender.name] = str(error)
        yield found


def checked(plan: Plan, each: Server, measured: Callable[[Server], Load]) -> Load:
    """Measure a server, its answers checked before and after."""
    check_some(each, plan.sample)
    load = measured(each)
    check_some(each, plan.sample)
    return load


def turns(plan: Plan, servers: Sequence[Server], measured: Callable[[Server], Load]) -> dict[str, Load]:
    """Measure the servers in turn, round by round; medians."""
    found: dict[str, list[Load]] = {each.contender.name: [] for each in servers}
    for _ in range(plan.rounds):
        for each in servers:
            found[each.contender.name].append(checked(plan, each, measured))
    return {name: median(loads) for name, loads in found.items()}


def throughput(plan: Plan, servers: Sequence[Server]) -> dict[int, dict[str, Load]]:
    """As fast as the answers come, for each number of connections."""
    found = {}
    for each in servers:
        press(each, plan.sample, 8, 1, plan.load_core)
    for connections in plan.connections:
        tell(f"single rows, {connections} connections, {plan.rounds} rounds")

        def pressed(each: Server, connections: int = connections) -> Load:
            return press(each, plan.sample, connections, plan.seconds, plan.load_core)

        found[connections] = turns(plan, servers, pressed)
    return found


def latency(plan: Plan, servers: Sequence[Server]) -> Paced | None:
    """Latency at a constant rate; None where neither of the two that are compared takes part."""
    compared = [each for each in servers if each.contender.name in (OURS, BARE)]
    if not compared:
        return None
    tell(f"{RATE} requests a second, {plan.rounds} rounds")

    def pressed(each: Server) -> Load:
        return press(each, plan.sample, RATE_CONNECTIONS, plan.seconds, plan.load_core, RATE)

    return paced(plan.rounds, {each.contender.name: partial(checked, plan, each, pressed) for each in compared})


def paced(rounds: int, jobs: Mapping[str, Callable[[], Load]]) -> Paced:
    """Rounds of the jobs in turn until so many are kept, or ``TRIES`` times as many were begun."""
    kept: list[Mapping[str, Load]] = []
    late = 0
    while len(kept) < rounds and len(kept) + late < TRIES * rounds:
        if loads := on_time(jobs):
            kept.append(loads)
        else:
            late += 1
    return Paced({name: median([loads[name] for loads in kept]) for name in jobs if kept}, len(kept), late)


def on_time(jobs: Mapping[str, Callable[[], Load]]) -> Mapping[str, Load] | None:
    """A round, or None as soon as the client was late: who are compared are so in the same rounds."""
    loads: dict[str, Load] = {}
    for name, job in jobs.items():
        loads[name] = job()
        if loads[name].lag > LATE:
            return None
    return loads


def rows_per_cpu(plan: Plan, each: Server, dialect: Dialect) -> float:
    """Rows of a whole-sample request per CPU second of the server; the last answer is checked too."""
    everything = slice(0, len(plan.sample))
    body = dialect.ask(plan.sample, everything)
    wire = http.client.HTTPConnection("127.0.0.1", each.port, timeout=120)
    before, start, calls, answer = each.cpu(), time.perf_counter(), 0, b""
    while calls < 2 or time.perf_counter() < start + plan.seconds:
        answer = ask(each, dialect, body, wire)
        calls += 1
    spent = each.cpu() - before
    wire.close()
    if fault := dialect.fault(plan.sample, everything, answer):
        raise WrongAnswerError(f"{each.contender.name}, batch: {fault}")
    return calls * len(plan.sample) / max(spent, 0.01)


def in_process(plan: Plan, place: Path) -> float:
    """Rows per CPU second of a bare ``inplace_predict``, without any server, on the servers' core."""
    rows = plan.folder / "rows.npy"
    np.save(rows, plan.sample.scaled)
    python, script = place / "bin" / "python", APPS / "inplace.py"
    return float(environments.call(*proc.pinned(plan.core, python, script, plan.bundle, rows, str(plan.seconds))))


def batch(plan: Plan, servers: Sequence[Server], place: Path | None) -> dict[str, float]:
    """Rows per CPU second of batches, in turn; ``arrow`` is ours by Arrow, ``in process`` no server at all."""
    tell(f"batches of {len(plan.sample)} rows, {plan.rounds} rounds")
    jobs: dict[str, Callable[[], float]] = {}
    for each in servers:
        if each.contender.many:
            jobs[each.contender.name] = lambda each=each, many=each.contender.many: rows_per_cpu(plan, each, many)  # type: ignore[misc]
        if each.contender.name == OURS and place:
            jobs["arrow"] = lambda each=each: rows_per_cpu(plan, each, OURS_ARROW)  # type: ignore[misc]
            jobs["in process"] = lambda place=place: in_process(plan, place)  # type: ignore[misc]
    for each in servers:
        if each.contender.many:
            check(each, plan.sample, each.contender.many, slice(0, len(plan.sample)))
    found: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(plan.rounds):
        for name, job in jobs.items():
            found[name].append(job())
    return {name: statistics.median(values) for name, values in found.items()}


def footprint(plan: Plan, contender: Contender, place: Path, turn: int) -> Footprint:
    """Start a server alone, load it for a while, and look at its memory."""
    folder = plan.folder / f"alone-{turn}" / contender.name.replace(" ", "-")
    with server(contender, place, folder, plan.bundle, plan.core) as one:
        started = wait(one, plan.sample)
        press(one, plan.sample, 32, plan.seconds, plan.load_core)
        held = proc.pss(one.process.pid)
    return Footprint(started, held[0], sum(held), len(held))


def footprints(plan: Plan, contenders: Mapping[Contender, Path], missing: dict[str, str]) -> dict[str, Footprint]:
    """Start and memory of each server: the median start of some rounds (three at most), in turn, and the largest memory."""
    found: dict[str, list[Footprint]] = {}
    for turn in range(min(plan.rounds, 3)):
        for contender, place in contenders.items():
            if contender.name in missing:
                continue
            tell(f"start of {contender.name}")
            try:
                found.setdefault(contender.name, []).append(footprint(plan, contender, place, turn))
            except (NotAvailableError, WrongAnswerError) as error:
                missing[contender.name] = str(error)
    return {name: middle(several) for name, several in found.items() if several}


def middle(several: Sequence[Footprint]) -> Footprint:
    """The one with the median time to a prediction, with the largest memory of all."""
    one = sorted(several, key=lambda each: each.started.predict)[(len(several) - 1) // 2]
    return replace(one, largest=max(each.largest for each in several), total=max(each.total for each in several))
