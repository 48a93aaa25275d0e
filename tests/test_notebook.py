"""The notebook: run as it stands, kept without outputs."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def cells(path: Path, kind: str) -> list[dict[str, object]]:
    """The cells of a kind."""
    found: list[dict[str, object]] = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in found if cell["cell_type"] == kind]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_it_is_kept_without_outputs(path: Path) -> None:
    """No result, no count of runs, and no trace of the machine that it was written on."""
    assert cells(path, "code")
    for cell in cells(path, "code"):
        assert (cell["outputs"], cell["execution_count"], cell["metadata"]) == ([], None, {})


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_it_runs_from_top_to_bottom(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In its own folder, writing nothing there; what it asserts holds."""
    monkeypatch.chdir(path.parent)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    before = set(path.parent.iterdir())
    namespace: dict[str, object] = {"__name__": "__main__"}
    for cell in cells(path, "code"):
        source = "".join(cell["source"])  # type: ignore[arg-type]
        exec(compile(source, f"{path.name}:{cell['id']}", "exec"), namespace)  # noqa: S102 - ours
    assert "drift" in capsys.readouterr().out
    assert set(path.parent.iterdir()) == before
