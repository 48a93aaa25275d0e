"""Files that are already here."""

from pathlib import Path

import pytest

from hearth.errors import SourceError
from hearth.sources.fetched import Fetched, local


def test_a_file_is_taken_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A local file keeps the name that the settings give it, and has no version."""
    monkeypatch.chdir(tmp_path)
    Path("table.csv").touch()

    assert local("csv", "table.csv") == Fetched(path=Path("table.csv"), source="csv", where="table.csv")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A missing file is refused by the key that names it."""
    with pytest.raises(SourceError, match=r"data\.csv\.path: .*none\.csv does not exist"):
        local("csv", str(tmp_path / "none.csv"))


def test_a_folder_is_refused(tmp_path: Path) -> None:
    """A folder in a file's place is told as such."""
    with pytest.raises(SourceError, match=r"data\.bundled\.path: .* is a folder"):
        local("bundled", str(tmp_path))
