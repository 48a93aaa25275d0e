"""What a worker holds in memory: not what its answers do without."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.api.asking import line

from api import memory, server
from api.settings import Settings

ROOT = Path(__file__).parents[2]
SEEN = """
import sys
from pathlib import Path
from tests.api.asking import KEY, ROW, configured, started
with started(configured(Path(sys.argv[1]))) as made:
    headers = {"X-API-Key": KEY}
    for path, body in (("/predict", ROW), ("/predict/batch", {"instances": [ROW]}), ("/explain", ROW)):
        made.client.post(path, json=body, headers=headers).raise_for_status()
    made.client.get("/drift", headers=headers).raise_for_status()
    print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_answers_in_json_import_nothing_that_they_do_without(settings: Settings) -> None:
    """Neither XGBoost's Python with scipy, nor Alembic on an empty store, nor nanoarrow: together they take 28 MB."""
    folder = settings.bundle.parent
    done = subprocess.run([sys.executable, "-c", SEEN, folder], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    imported = set(done.stdout.split())
    assert {"api", "numpy", "sqlalchemy"} <= imported
    assert not imported & {"alembic", "mako", "nanoarrow", "pandas", "scipy", "sklearn", "xgboost"}


def test_one_arena_is_asked_for_before_there_are_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is there already would have an arena of its own, which later ones share and nobody gives back."""
    done: list[str] = []
    monkeypatch.setattr(memory, "one_arena", lambda: done.append("arena"))
    monkeypatch.setattr(server, "_one", lambda *_: done.append("threads"))
    monkeypatch.setattr(server, "end_well", lambda: None)
    server.serve({"api_keys": line()}, make_key=False)
    assert done == ["arena", "threads"]
