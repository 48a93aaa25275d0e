"""What a worker holds in memory: not what its answers do without."""

import subprocess
import sys
from pathlib import Path

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


def test_answers_in_json_import_neither_migrations_nor_arrow(settings: Settings) -> None:
    """Alembic with its templates, and nanoarrow, together take 14 MB; a first start on an empty store does without them too."""
    folder = settings.bundle.parent
    done = subprocess.run([sys.executable, "-c", SEEN, folder], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    imported = set(done.stdout.split())
    assert {"api", "sqlalchemy", "xgboost"} <= imported
    assert not imported & {"alembic", "mako", "nanoarrow"}
