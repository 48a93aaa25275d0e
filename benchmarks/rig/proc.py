"""What Linux knows of a tree of processes: the processor time it took, the memory it holds; and which core runs what."""

import os
import signal
import subprocess
import time
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


def cores() -> tuple[int, int]:
    """The core of the servers, and that of the load; the same one where there is no other."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[-1], allowed[0]


def pinned(core: int, *command: str | Path) -> list[str]:
    """The command, held to one core together with all that it starts."""
    return ["taskset", "--cpu-list", str(core), *map(str, command)]


def stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the state on (field 3 of proc(5)); empty where the process is gone."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(") ")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def tree(root: int) -> list[int]:
    """The process, all that descend from it, and orphans of its session."""
    seen = {int(entry.name): stat(int(entry.name)) for entry in PROC.iterdir() if entry.name.isdigit()}
    family = {root} | {pid for pid, fields in seen.items() if fields and int(fields[3]) == root}
    while more := {pid for pid, fields in seen.items() if fields and int(fields[1]) in family} - family:
        family |= more
    return sorted(pid for pid in family if seen.get(pid))


def cpu(root: int) -> float:
    """CPU seconds of the tree so far, user and system, those of children that ended and were waited for included."""
    return sum(sum(map(int, fields[11:15])) for fields in map(stat, tree(root)) if fields) / TICK


def pss(root: int) -> list[float]:
    """Proportional set size of each process of the tree in MB (10^6 bytes), the largest first."""
    found = []
    for pid in tree(root):
        try:
            lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        found += [int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("Pss:")]
    return sorted(found, reverse=True)


def stop(process: subprocess.Popen[bytes], patience: float = 10) -> None:
    """End a process that leads a session of its own, and every one that it started, by their ids."""
    family = tree(process.pid)
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    end = time.monotonic() + 2
    while time.monotonic() < end and any(map(alive, family)):
        time.sleep(0.02)
    for pid in filter(alive, family):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    fields = stat(pid)
    return bool(fields) and fields[0] != "Z"


def processor() -> str:
    """The name of the processor."""
    lines = (PROC / "cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "unknown")
