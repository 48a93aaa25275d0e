"""What each stage of dvc.yaml costs: seconds, how much of it imports take, peak memory.

The stages run in order in a temporary copy of the checkout, each twice: the second run is counted, when bytecode is there.
"""

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

IMPORT = re.compile(rb"^import time: +(\d+) \|", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Cost:
    """Wall and CPU seconds, seconds of imports among the former, and the largest process's peak memory in MiB."""

    wall: float
    cpu: float
    imports: float
    peak: float


def copy(checkout: Path, place: Path) -> None:
    """Copy what git knows, or would if it were told, into an empty folder."""
    listed = subprocess.run(
        ["git", "-C", str(checkout), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (checkout / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(checkout / name, place / name)


def commands(place: Path) -> Mapping[str, str]:
    """The command of each stage, in the order of the graph's file."""
    stages = yaml.safe_load((place / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    return {name: stage["cmd"] for name, stage in stages.items()}


def environment(place: Path) -> dict[str, str]:
    """The copy's own package, and bytecode kept beside it."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPATH": str(place / "src"), "PYTHONPYCACHEPREFIX": str(place / ".bytecode")}


def run(command: str, place: Path) -> Cost:
    """Run a stage's command; a failure ends the benchmark with what the stage said."""
    program, *rest = shlex.split(command)
    if program != "python":
        raise SystemExit(f"dvc.yaml: this benchmark runs python commands, not {command!r}")
    with tempfile.TemporaryFile() as said:
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-X", "importtime", *rest],
            cwd=place,
            env=environment(place),
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read()
    if process.returncode != 0:
        lines = [one for one in text.decode(errors="replace").splitlines() if not one.startswith("import time:")]
        raise SystemExit("\n".join([f"{command} ended with {process.returncode}:", *lines[-20:]]))
    imports = sum(int(micros) for micros in IMPORT.findall(text)) / 1e6
    peak = used.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    return Cost(wall, used.ru_utime + used.ru_stime, imports, peak)


def main() -> None:
    """Print a line a stage and their sums."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkout", type=Path, default=Path(__file__).parents[1])
    args = parser.parse_args()
    costs = []
    print(f"{'stage':<16}{'wall s':>9}{'CPU s':>9}{'imports s':>11}{'peak MiB':>10}")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        copy(args.checkout, place)
        for name, command in commands(place).items():
            run(command, place)
            cost = run(command, place)
            costs.append(cost)
            print(f"{name:<16}{cost.wall:>9.2f}{cost.cpu:>9.2f}{cost.imports:>11.2f}{cost.peak:>10.0f}", flush=True)
    wall, cpu, imports = (sum(each) for each in zip(*((one.wall, one.cpu, one.imports) for one in costs), strict=True))
    print(f"{'all':<16}{wall:>9.2f}{cpu:>9.2f}{imports:>11.2f}{max(one.peak for one in costs):>10.0f}")


if __name__ == "__main__":
    main()
