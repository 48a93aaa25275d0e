"""The service keeps what its OpenAPI page promises, as schemathesis sees it: all checks, all phases, nothing excluded."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.api.hostile.rig import SECRET, events, problem, served
from tests.bundles import Tiny

from api.batch import FORMS
from hearth.bundle import write

pytestmark = pytest.mark.journey

REQUESTS = int(os.environ.get("HEARTH_TEST_REQUESTS", "10000"))
ROOT = Path(__file__).parents[3]
PHASES = "examples,coverage,fuzzing,stateful"


@pytest.mark.parametrize("kind", ["regression", "multiclass"])
def test_schemathesis_finds_nothing(request: pytest.FixtureRequest, tmp_path: Path, kind: str) -> None:
    """Examples, coverage, fuzzing and links: no answer but those that the page describes, and none of the 500s."""
    pytest.importorskip("schemathesis", reason="schemathesis is not installed: pip install 'hearth[dev]'")
    tiny: Tiny = request.getfixturevalue(kind)
    write(tiny.bundle, tmp_path / "bundle")
    with served(tmp_path / "bundle", tmp_path) as server:
        command: list[str | Path] = [
            Path(sys.executable).with_name("st"),
            "run",
            f"{server.url}/openapi.json",
            "-H",
            f"X-API-Key: {SECRET}",
        ]
        options = ["--checks", "all", "--phases", PHASES, "--max-examples", str(max(25, REQUESTS // 400)), "--no-color"]
        hooks = {"SCHEMATHESIS_HOOKS": "tests.api.hostile.media", "PYTHONPATH": str(ROOT)}
        found = subprocess.run(
            [*command, *options, "--generation-deterministic", "--continue-on-failure"],
            env={**os.environ, **hooks},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert found.returncode == 0, found.stdout[-10_000:] + found.stderr[-1000:]
        counted = server.counted()
        assert not {status for status in counted if status >= 500}
        assert sum(counted.values()) > 500
        assert not [event for event in events(server.log) if event["event"] == "failed"]


def test_every_example_of_the_page_is_answered(regression: Tiny, tmp_path: Path) -> None:
    """What the page shows to try out is right as it stands; the id of feedback is a stand-in."""
    write(regression.bundle, tmp_path / "bundle")
    with served(tmp_path / "bundle", tmp_path) as server:
        page = server.ask("GET", "/openapi.json").json()
        tried = 0
        for path, operations in page["paths"].items():  # type: ignore[attr-defined]
            for kind, content in operations.get("post", {}).get("requestBody", {}).get("content", {}).items():
                if "example" not in content:
                    assert kind == list(FORMS)[-1]  # no text can hold an Arrow stream
                    continue
                example = content["example"]
                body = example if isinstance(example, str) else json.dumps(example)
                answer = server.post(path, body.encode(), kind)
                assert answer.status == (404 if path == "/feedback" else 200), (path, kind)
                if answer.status == 404:
                    problem(answer)
                tried += 1
        assert tried == 6
