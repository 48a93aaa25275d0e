"""The table: what was measured beside what is asked, and the figures behind it, in Markdown."""

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.rig import proc
from benchmarks.rig.contenders import BARE, LOGGED, OURS, Contender
from benchmarks.rig.environments import ROOT
from benchmarks.rig.load import TOOL, Load
from benchmarks.rig.measure import LATE, RATE, Footprint, Paced, Plan

README = Path(__file__).parents[1] / "README.md"
START, END = "<!-- serving -->", "<!-- /serving -->"
# Ratios ours/theirs that are asked for: single rows, then a batch as JSON.
SINGLE: Mapping[str, float] = {BARE: 0.8, "mlflow": 30, "bentoml": 15, "mlserver": 6}
BATCH: Mapping[str, float] = {"mlflow": 2, "mlserver": 1}
ARROW = 0.5
P50, P90, P99 = 0.6, 1.0, 2.0  # milliseconds, milliseconds, times that of the bare endpoint
SECONDS, MEMORY, SIZE = 1.5, 100, 250  # to the first prediction; MB of PSS; MB of site-packages


@dataclass(slots=True)
class Results:
    """All that was found; a part that was not measured is empty."""

    plan: Plan
    versions: Mapping[Contender, Mapping[str, str]]
    missing: Mapping[str, str]
    single: Mapping[int, Mapping[str, Load]] = field(default_factory=dict)
    latency: Paced | None = None
    batch: Mapping[str, float] = field(default_factory=dict)
    footprints: Mapping[str, Footprint] = field(default_factory=dict)
    size: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that is asked for: figures, the value that is judged, its bound, and whether it met it."""

    what: str
    ours: str
    theirs: str
    value: str
    asked: str
    met: bool | None

    @property
    def cells(self) -> tuple[str, ...]:
        """The row of the table."""
        verdict = "" if self.met is None else "yes" if self.met else "**no**"
        return (self.what, self.ours, self.theirs, self.value, self.asked, verdict)


def number(value: float) -> str:
    """Three digits that count, thousands apart."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def compared(what: str, ours: float, theirs: float, asked: float | None) -> Line:
    """A ratio that should be at least so much."""
    ratio = ours / theirs
    bound = "" if asked is None else f">= {asked:g}"
    return Line(what, number(ours), number(theirs), f"{ratio:.2f}", bound, None if asked is None else ratio >= asked)


def bounded(what: str, ours: float, most: float, unit: str, theirs: str = "") -> Line:
    """A figure of ours that should be at most so much."""
    return Line(what, f"{number(ours)} {unit}", theirs, "", f"<= {most:g} {unit}", ours <= most)


def single_lines(results: Results) -> Iterator[Line]:
    """One row a request."""
    for connections, loads in results.single.items():
        if OURS not in loads:
            continue
        for name in loads:
            if name not in (OURS, LOGGED):
                what = f"one row, {connections} connection{'s' * (connections > 1)}, against {name} (requests/CPU s)"
                yield compared(what, loads[OURS].per_cpu, loads[name].per_cpu, SINGLE.get(name))


def batch_lines(results: Results) -> Iterator[Line]:
    """Many rows a request."""
    found = results.batch
    if OURS not in found:
        return
    rows = f"{len(results.plan.sample):,} rows"
    for name in (name for name in found if name not in (OURS, "arrow", "in process")):
        yield compared(f"{rows} as JSON, against {name} (rows/CPU s)", found[OURS], found[name], BATCH.get(name))
    what = f"{rows} as Arrow, against `inplace_predict` in process (rows/CPU s)"
    yield compared(what, found["arrow"], found["in process"], ARROW)


def latency_lines(results: Results) -> Iterator[Line]:
    """At a constant rate; what was not measured is said to be so."""
    paced = results.latency
    if paced is None:
        return
    at = f"at {RATE} requests a second{discarded(paced)}"
    if {OURS, BARE} <= paced.loads.keys():
        ours, bare = paced.loads[OURS], paced.loads[BARE]
        yield bounded(f"p50 {at}", ours.p50, P50, "ms", f"{number(bare.p50)} ms")
        yield bounded(f"p90 {at}", ours.p90, P90, "ms", f"{number(bare.p90)} ms")
        ratio = ours.p99 / bare.p99
        cells = (f"{number(ours.p99)} ms", f"{number(bare.p99)} ms", f"{ratio:.2f}", f"<= {P99:g}")
        yield Line(f"p99 {at}, against {BARE}", *cells, ratio <= P99)
    elif paced.late and not paced.kept:
        bounds = {"p50": f"<= {P50:g} ms", "p90": f"<= {P90:g} ms", "p99": f"<= {P99:g}"}
        yield from (Line(f"{name} {at}", "not measured", "", "", bound, None) for name, bound in bounds.items())


def discarded(paced: Paced) -> str:
    """How many rounds were discarded, where any was."""
    return f" ({paced.late} of {paced.kept + paced.late} rounds discarded)" if paced.late else ""


def footprint_lines(results: Results) -> Iterator[Line]:
    """Start, memory, size."""
    if OURS in results.footprints:
        ours = results.footprints[OURS]
        peers = [each.started.predict for name, each in results.footprints.items() if name not in (OURS, LOGGED, BARE)]
        theirs = f"{number(min(peers))} to {number(max(peers))} s" if peers else ""
        yield bounded("process start to first prediction", ours.started.predict, SECONDS, "s", theirs)
        yield bounded("memory after load, PSS of the worker", ours.largest, MEMORY, "MB")
    if results.size:
        whole, without = results.size
        yield bounded("site-packages of the `serve` extra, without bytecode", without, SIZE, "MB")
        yield bounded("the same with bytecode of every module", whole, SIZE, "MB")


def grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def verdicts(results: Results) -> str:
    """What was measured beside what is asked."""
    parts = (single_lines, batch_lines, latency_lines, footprint_lines)
    lines = [line.cells for part in parts for line in part(results)]
    return grid(("measured", "ours", "theirs", "ratio", "asked", "met"), lines)


def details(results: Results) -> str:
    """The figures of each server."""
    head = ["server", "requests/CPU s", "requests/s", "p50, p90, p99 in ms", "batch rows/CPU s", "start", "PSS"]
    counts = list(results.single)
    head[1:4] = [f"{each}, {count} conn." for count in counts for each in head[1:4]]
    found = [*results.single.values(), results.footprints, results.batch]
    names = dict.fromkeys(name for each in found for name in each)
    return grid(head, [[name, *loads(results, name), *held(results, name)] for name in names])


def loads(results: Results, name: str) -> Iterator[str]:
    """Cells of the loads."""
    for found in results.single.values():
        load = found.get(name)
        yield from ("", "", "") if load is None else (number(load.per_cpu), number(load.per_second), times(load))


def times(load: Load) -> str:
    """Three percentiles."""
    return ", ".join(map(number, (load.p50, load.p90, load.p99)))


def held(results: Results, name: str) -> tuple[str, str, str]:
    """Cells of batches, start and memory."""
    found, rows = results.footprints.get(name), results.batch.get(name)
    batch = "" if rows is None else number(rows)
    if found is None:
        return batch, "", ""
    memory = f"{number(found.total)} MB" + (f" in {found.processes}" if found.processes > 1 else "")
    return batch, f"{number(found.started.predict)} s", memory


def notes(results: Results) -> str:
    """What is behind the names, and who could not take part."""
    lines = []
    for contender, versions in results.versions.items():
        packages = ", ".join(f"{name} {version}" for name, version in versions.items())
        lines.append(f"- {contender.name}: {contender.about} ({packages})")
    lines += [f"- {name}: not available: {reason}" for name, reason in results.missing.items()]
    if results.latency:
        lines.append(punctuality(results.latency))
    return "\n".join(lines)


def punctuality(paced: Paced) -> str:
    """What the client of the fixed rate can say of itself."""
    rule = f"a round in which the client of the fixed rate sent 1 % of its requests more than {LATE:g} ms late is discarded"
    if not paced.kept:
        return f"- {rule}: the machine was so busy that none of {paced.late} is left"
    return f"- {rule}, which {paced.late} of {paced.kept + paced.late} were"


def git(*command: str) -> str:
    """What git says of this checkout."""
    return subprocess.run(["git", "-C", str(ROOT), *command], capture_output=True, text=True, check=False).stdout.strip()


def table(results: Results) -> str:
    """The whole report."""
    plan = results.plan
    changed = " and what was not committed then" if git("status", "--porcelain", "--", "api", "src") else ""
    head = (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {git('rev-parse', '--short', 'HEAD')}{changed}, {proc.processor()}, "
        f"servers on one core, load by {TOOL} from another; medians of {plan.rounds} interleaved rounds of {plan.seconds:g} s."
    )
    parts = [head, verdicts(results), details(results), notes(results)]
    return "\n\n".join(parts)


def write(text: str) -> None:
    """Put the report between its marks in the README of the benchmarks."""
    before, _, rest = README.read_text(encoding="utf-8").partition(START)
    after = rest.partition(END)[2]
    README.write_text(f"{before}{START}\n{text}\n{END}{after}", encoding="utf-8")
