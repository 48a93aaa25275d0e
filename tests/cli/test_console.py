"""Reports that a command writes."""

import io
import os
import stat
import sys
from pathlib import Path

import pytest

from hearth.cli.console import require_place, save, say
from hearth.errors import HearthError


def test_a_letter_that_the_terminal_lacks_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    """The result is told all the same."""
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding="latin-1"))
    say("länge in €")
    assert out.getvalue() == b"l\xe4nge in \\u20ac\n"


def test_a_report_is_whole_in_a_folder_that_is_made_for_it(tmp_path: Path) -> None:
    """And takes the place of the one before."""
    for content in (b"old", b"new"):
        save(tmp_path / "a/b/report", content)
    assert (tmp_path / "a/b/report").read_bytes() == b"new"
    assert [path.name for path in (tmp_path / "a/b").iterdir()] == ["report"]


def test_a_pipe_is_written_to_and_stays_one(tmp_path: Path) -> None:
    """As /dev/stdout and /dev/null are, which root would else put a file in the place of."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "access", lambda *_: False)  # the folder belongs to root, as /dev does
        require_place(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    save(tmp_path / "pipe", b"report")
    assert os.read(reader, 100) == b"report"
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    os.close(reader)


def test_a_link_is_written_through(tmp_path: Path) -> None:
    """As /dev/stdout is, when standard output goes to a file."""
    (tmp_path / "file").write_bytes(b"old and longer")
    (tmp_path / "link").symlink_to("file")
    save(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"new"


@pytest.mark.parametrize(
    ("place", "why"), [(".", "it is a folder"), ("file/report", "file is no folder"), ("file/a/b", "no folder")]
)
def test_where_no_file_can_be_is_told_before_the_work(tmp_path: Path, place: str, why: str) -> None:
    """With the path; no report is no fault."""
    (tmp_path / "file").touch()
    with pytest.raises(HearthError, match=f"cannot be written: .*{why}"):
        require_place(tmp_path / place)
    require_place(None)


def test_a_full_disk_is_told_and_leaves_the_report_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No internal error, and no half of a file."""
    save(tmp_path / "report", b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(HearthError, match="report cannot be written: No space left on device"):
        save(tmp_path / "report", b"new")
    assert (tmp_path / "report").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["report"]
