"""The loop closed for real: what ``make demo-loop`` shows."""

import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.loop.service import errors
from benchmarks.loop.world import World, answers
from tests.bundles import Tiny
from tests.monitoring.made import scored_bundle

from hearth.bundle import code_rows

pytestmark = pytest.mark.journey

ROOT = Path(__file__).parents[1]


def test_the_loop_is_closed() -> None:
    """Served, found wanting, retrained, judged, reloaded without a failed request, pulled elsewhere, rolled back bit for bit.

    The demonstration checks each of its steps.
    """
    command = [sys.executable, "benchmarks/demo_loop.py", "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].endswith("the loop is closed")


@pytest.mark.parametrize("shifted", [False, True])
def test_its_world_keeps_the_contract_of_any_table(tiny: Tiny, shifted: bool) -> None:
    """Rows are such as the service takes, truths such as the target has; a week of another seed is another one."""
    world = World(scored_bundle(tiny, 1.0))
    target = tiny.bundle.contract.target
    weeks = [(world.shifted if shifted else world.quiet)(50, seed) for seed in (0, 0, 1)]

    for week in weeks:
        assert len(code_rows(tiny.bundle.contract, week.rows)) == len(week.actual) == 50
        assert all(one in target.classes if target.classes else isinstance(one, float) for one in week.actual)
    assert weeks[0] == weeks[1] != weeks[2]


def test_what_has_changed_is_wrong_more_often(tiny: Tiny) -> None:
    """The model's error on the shifted week is above that on the quiet one."""
    world = World(scored_bundle(tiny, 0.1))
    weeks = [world.quiet(300, 0), world.shifted(300, 0)]

    quiet, shifted = (errors(answers(tiny.predictor, week.rows), week.actual) for week in weeks)

    assert shifted > 1.5 * quiet
