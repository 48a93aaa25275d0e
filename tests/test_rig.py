"""The benchmark of the service: which rounds count, and what its table says of those that do not."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from benchmarks.rig import report
from benchmarks.rig.contenders import BARE, OURS
from benchmarks.rig.load import Load
from benchmarks.rig.measure import LATE, TRIES, Paced, Plan, paced
from benchmarks.rig.report import Results


def load(latency: float, lag: float = 0.0) -> Load:
    """A load whose every figure is the same."""
    return Load(latency, latency, latency, latency, latency, lag)


def jobs(**loads: Sequence[Load]) -> tuple[Mapping[str, Callable[[], Load]], list[str]]:
    """Jobs that find these loads in turn, the last for ever, and the order in which they were done."""
    done: list[str] = []

    def job(name: str, found: Iterator[Load], last: Load) -> Callable[[], Load]:
        def measured() -> Load:
            done.append(name)
            return next(found, last)

        return measured

    return {name: job(name, iter(each), each[-1]) for name, each in loads.items()}, done


def told(found: Paced) -> str:
    """The report of a run that measured the fixed rate alone."""
    plan = Plan(3, 1, (), Path(), [], Path(), 0, 0)  # type: ignore[arg-type]
    results = Results(plan, {}, {}, latency=found)
    return f"{report.verdicts(results)}\n{report.notes(results)}"


def test_rounds_of_a_punctual_client_all_count() -> None:
    """No more are taken than were asked for, in turn, and the table speaks of none discarded."""
    made, done = jobs(a=[load(1), load(3), load(2)], b=[load(4, LATE)])
    found = paced(3, made)
    assert (found.kept, found.late) == (3, 0)
    assert (found.loads["a"].p50, found.loads["b"].p50) == (2, 4)
    assert done == ["a", "b"] * 3


def test_a_round_of_a_late_client_is_taken_again() -> None:
    """Whole, also where it was late for the second server alone; what it found is in no median."""
    late = load(99, LATE * 1.01)
    made, done = jobs(a=[load(1), late, load(1)], b=[late, load(2)])
    found = paced(2, made)
    assert (found.kept, found.late) == (2, 2)
    assert (found.loads["a"].p99, found.loads["b"].p99) == (1, 2)
    assert done == ["a", "b", "a", "a", "b", "a", "b"]


def test_a_client_that_is_always_late_ends_in_the_end() -> None:
    """After so many times the rounds asked for, with nothing."""
    made, done = jobs(a=[load(1, 1.0)], b=[load(1)])
    assert paced(3, made) == Paced({}, 0, 3 * TRIES)
    assert done == ["a"] * 3 * TRIES


def test_the_table_says_how_many_rounds_were_discarded() -> None:
    """Beside each figure, and in the notes by which rule."""
    text = told(Paced({OURS: load(0.4), BARE: load(0.3)}, kept=3, late=2))
    for name in ("p50", "p90", "p99"):
        assert f"| {name} at 1000 requests a second (2 of 5 rounds discarded)" in text
    assert "0.4 ms" in text
    assert f"more than {LATE:g} ms late is discarded, which 2 of 5 were" in text


def test_with_no_round_left_the_table_has_no_figure() -> None:
    """It says that it was not measured, and neither met nor missed."""
    text = told(Paced({}, kept=0, late=12))
    lines = [line for line in text.splitlines() if "at 1000 requests a second" in line]
    assert len(lines) == 3
    assert all("(12 of 12 rounds discarded) | not measured |" in line and line.endswith("|  |") for line in lines)
    assert "none of 12 is left" in text


@pytest.mark.parametrize("name", [OURS, BARE])
def test_one_server_alone_is_compared_with_nothing(name: str) -> None:
    """There is no line for it."""
    assert "requests a second" not in told(Paced({name: load(0.4)}, kept=3, late=0))
