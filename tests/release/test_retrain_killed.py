"""Retraining that dies: before it has moved the branch nothing is changed, afterwards everything is."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from tests.release import killed
from tests.release.learning import Learning, later, returned

pytestmark = pytest.mark.journey

ROOT = Path(__file__).parents[2]
KILLS = 20


def trials(project: Learning, place: Path, name: str, deaths: list[str]) -> list[dict[str, object]]:
    """What the driver found after each."""
    rows = returned(later(300, 12.0))
    truths = place / "truths.json"
    truths.write_text(json.dumps({"features": rows.features, "actual": rows.actual}), encoding="utf-8")
    (place / name).mkdir()
    command = [sys.executable, killed.__file__, str(project.root), str(truths), str(place / name), *deaths]
    # Worktrees of the dead are removed by the next one of the same checkout; here both lie in a folder of the test's.
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "TMPDIR": str(place)}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_killed_at_any_moment_all_is_old_or_all_is_new(learner: Learning, tmp_path: Path) -> None:
    """At twenty random moments of a run: the bundle verifies and is what branch and log name, no tracked file has changed.

    It is looked at as the next command finds it, which makes a half-done move whole. The next run after a kill promotes.
    """
    whole = trials(learner, tmp_path, "whole", ["inf"])[0]
    rng = random.Random(0)  # noqa: S311 - moments, no secrets
    moments = [str(rng.uniform(0, float(str(whole["seconds"])))) for _ in range(KILLS)]

    found = trials(learner, tmp_path, "killed", moments)

    assert len(found) == KILLS + 1
    require_whole(learner, [whole, *found])
    assert whole["served"] == found[-1]["served"] == learner.better
    assert learner.first in {one["served"] for one in found}


def test_a_full_disk_changes_nothing(learner: Learning, tmp_path: Path) -> None:
    """Wherever the room ends, the champion stays; with room again the next run promotes."""
    found = trials(learner, tmp_path, "full", ["900B", "6000B", "11000B"])

    require_whole(learner, found)
    assert [one["served"] for one in found] == [learner.first] * 3 + [learner.better]


def require_whole(learner: Learning, found: list[dict[str, object]]) -> None:
    """All is old or all is new, and nothing is left to commit."""
    for one in found:
        assert one["status"] == ""
        assert (one["served"], one["logged"]) in {(learner.first, None), (learner.better, learner.better)}
        assert one["named"] == one["served"]
