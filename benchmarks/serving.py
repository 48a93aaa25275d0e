"""The service beside its peers: requests per CPU second, batches, latency, start-up, memory, size.

Every server runs on one core, the load comes from another; the servers take turns and medians are compared. The peers'
environments are made when they are first needed (`~/.cache/hearth-benchmarks`); a peer that cannot be had is reported, with
the reason. `--quick` is a smoke run with our service and the bare endpoint alone.
"""

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.rig import environments, measure, proc, report, sample
from benchmarks.rig.contenders import BARE, CONTENDERS, OURS, Contender
from benchmarks.rig.environments import NotAvailableError
from benchmarks.rig.measure import Plan
from benchmarks.rig.running import WrongAnswerError

PARTS = ("start", "single", "latency", "batch")
ROWS = 10_000  # of a batch
QUICK_ROWS = 1000


def arguments() -> argparse.Namespace:
    """What was asked for."""
    names = [each.name for each in CONTENDERS]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4, help="of each measurement of a round")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--bundle", type=Path, default=Path("models/production"))
    parser.add_argument("--table", type=Path, default=Path("data/raw/table.parquet"), help="real rows, as `ingest` writes them")
    parser.add_argument("--quick", action="store_true", help="a smoke run of about a minute")
    parser.add_argument("--write", action="store_true", help="put the table into benchmarks/README.md")
    args = parser.parse_args()
    if args.quick:
        args.rounds, args.seconds, args.only = 1, 1, [OURS, BARE]
    return args


def places(names: Sequence[str], missing: dict[str, str]) -> dict[Contender, Path]:
    """The environments of those that take part; who has none goes into ``missing``."""
    found = {}
    for contender in CONTENDERS:
        if contender.name not in names:
            continue
        try:
            found[contender] = contender.place()
        except NotAvailableError as error:
            missing[contender.name] = str(error)
    return found


def measured(plan: Plan, parts: Sequence[str], names: Sequence[str]) -> report.Results:
    """Everything that was asked for."""
    missing: dict[str, str] = {}
    found = places(names, missing)
    os.sched_setaffinity(0, {plan.load_core})
    results = report.Results(
        plan, {contender: environments.versions(place, contender.packages) for contender, place in found.items()}, missing
    )
    service = next((place for contender, place in found.items() if contender.name in (OURS, BARE)), None)
    if "start" in parts:
        results.footprints = measure.footprints(plan, found, missing)
        results.size = environments.size(service) if service else None
    if {*parts} - {"start"}:
        together = {contender: place for contender, place in found.items() if contender.name not in missing}
        with measure.running(plan, together, missing) as servers:
            results.single = measure.throughput(plan, servers) if "single" in parts else {}
            results.latency = measure.latency(plan, servers) if "latency" in parts else None
            results.batch = measure.batch(plan, servers, service) if "batch" in parts else {}
    return results


def main() -> int:
    """Measure, print the table, and write it where that is asked; 1 where an answer was wrong."""
    args = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("serving: stopped"))  # so that the servers are stopped as well
    core, load_core = proc.cores()
    rows = sample.read(args.bundle.resolve(), args.table, QUICK_ROWS if args.quick else ROWS)
    with tempfile.TemporaryDirectory(prefix="hearth-serving-") as folder:
        plan = Plan(args.rounds, args.seconds, args.connections, args.bundle.resolve(), rows, Path(folder), core, load_core)
        try:
            text = report.table(measured(plan, args.parts, args.only))
        except WrongAnswerError as error:
            sys.stderr.write(f"serving: {error}\n")
            return 1
    print(text)
    if args.write:
        report.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
