import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearth import artifacts

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
WRITER = """
import sys
from pathlib import Path
from hearth.artifacts import replacing

folder, mark = Path(sys.argv[1]), int(sys.argv[2])
while True:
    with replacing(folder) as temporary:
        for part in range(20):
            (temporary / str(part)).write_text(str(mark))
    mark += 1
"""


def put(folder: Path, mark: str, parts: int = 20) -> None:
    """Replace a folder by one with this mark in each file."""
    with artifacts.replacing(folder) as temporary:
        for part in range(parts):
            (temporary / str(part)).write_text(mark)


def fail(folder: Path, error: type[BaseException]) -> None:
    """Begin to replace a folder."""
    with artifacts.replacing(folder) as temporary:
        (temporary / "0").write_text("new")
        raise error


def marks(folder: Path) -> set[str]:
    """What stands in the files of a folder."""
    return {path.read_text() for path in folder.iterdir()}


def test_rounded_keeps_six_significant_digits_at_any_depth() -> None:
    """Floats are cut wherever they stand; what is no float stays as it is."""
    value = {"a": [1.23456789, (1e-9 / 3,)], "b": "1.23456789", "c": 12345678, "d": True, "e": None}
    assert artifacts.rounded(value) == {"a": [1.23457, [3.33333e-10]], "b": "1.23456789", "c": 12345678, "d": True, "e": None}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_rounded_makes_null_of_what_is_not_finite(value: float) -> None:
    """JSON has no word for it."""
    assert artifacts.rounded([value]) == [None]


@given(st.floats(-1e300, 1e300), st.integers(1, 15))
def test_rounding_twice_is_rounding_once(value: float, digits: int) -> None:
    """A rounded value is its own rounding."""
    once = artifacts.rounded(value, digits)
    assert artifacts.rounded(once, digits) == once


@given(JSON)
def test_json_text_gives_back_the_value(value: object) -> None:
    """Nothing is lost on the way, floats to the last bit, and the text ends with one newline."""
    text = artifacts.to_json(value)
    assert json.loads(text) == value
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


def test_json_refuses_what_is_not_finite() -> None:
    """NaN is no JSON."""
    with pytest.raises(ValueError, match="JSON compliant"):
        artifacts.to_json(float("nan"))


def test_written_text_has_unix_line_ends_and_replaces_the_old(tmp_path: Path) -> None:
    """The same bytes on every platform, readable by all, in a folder that is made."""
    path = tmp_path / "new" / "a.txt"
    for text in ("first\n", "zweite\nZeile ä\n"):
        artifacts.write_text(path, text)
        assert path.read_bytes() == text.encode()
    assert path.stat().st_mode & 0o777 == 0o644


def test_json_is_written_rounded_or_exactly(tmp_path: Path) -> None:
    """Six digits, or every one."""
    artifacts.write_json(tmp_path / "a", {"x": 1 / 3})
    artifacts.write_json(tmp_path / "b", {"x": 1 / 3}, digits=None)
    assert json.loads((tmp_path / "a").read_text()) == {"x": 0.333333}
    assert json.loads((tmp_path / "b").read_text()) == {"x": 1 / 3}


def test_text_that_cannot_be_encoded_leaves_the_old_file_alone(tmp_path: Path) -> None:
    """A lone surrogate has no UTF-8; nothing is written, nothing is left over."""
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        artifacts.write_text(path, "\ud800")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]  # noqa: PTH208 - hidden files count


def test_text_over_a_folder_is_refused_without_leftovers(tmp_path: Path) -> None:
    """A file cannot take the place of a folder."""
    (tmp_path / "a").mkdir()
    with pytest.raises(IsADirectoryError):
        artifacts.write_text(tmp_path / "a", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_folder_is_made_then_replaced_whole(tmp_path: Path) -> None:
    """What the old one held and the new one does not is gone."""
    folder = tmp_path / "deep" / "models"
    put(folder, "old", parts=3)
    put(folder, "new", parts=2)
    assert sorted(path.name for path in folder.iterdir()) == ["0", "1"]
    assert marks(folder) == {"new"}
    assert folder.stat().st_mode & 0o777 == 0o755
    assert [path.name for path in folder.parent.iterdir()] == ["models"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_a_block_that_fails_changes_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    """The old folder stays and the temporary one vanishes, whatever was raised."""
    put(tmp_path / "models", "old")
    with pytest.raises(error):
        fail(tmp_path / "models", error)
    assert marks(tmp_path / "models") == {"old"}
    assert [path.name for path in tmp_path.iterdir()] == ["models"]


def test_a_link_to_a_folder_stays_and_leads_to_the_new_one(tmp_path: Path) -> None:
    """`current -> release` is a way to deploy."""
    put(tmp_path / "release", "old")
    (tmp_path / "current").symlink_to("release")
    put(tmp_path / "current", "new")
    assert (tmp_path / "current").is_symlink()
    assert marks(tmp_path / "release") == {"new"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["current", "release"]


def test_without_an_atomic_exchange_the_folder_is_still_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other systems move the old one out of the way first, and leave nothing over."""
    put(tmp_path / "models", "old")
    monkeypatch.setattr(sys, "platform", "darwin")
    put(tmp_path / "models", "new")
    assert marks(tmp_path / "models") == {"new"}
    assert [path.name for path in tmp_path.iterdir()] == ["models"]


def test_a_folder_does_not_take_the_place_of_a_file(tmp_path: Path) -> None:
    """What the user keeps there is not thrown away."""
    (tmp_path / "models").write_text("mine")
    with pytest.raises(NotADirectoryError):
        put(tmp_path / "models", "new")
    assert (tmp_path / "models").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["models"]


def test_a_reader_never_finds_the_folder_gone_or_unfinished(tmp_path: Path) -> None:
    """While two writers replace a folder, the file that each writes last is always there, and whole."""
    folder = tmp_path / "models"
    put(folder, "old")
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            put(folder, "new")

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    seen = {(folder / "19").read_text() for _ in range(3000)}
    stop.set()
    for writer in writers:
        writer.join()
    assert seen <= {"old", "new"}
    assert marks(folder) == {"new"}
    assert [path.name for path in tmp_path.iterdir()] == ["models"]


def test_first_writers_at_the_same_time_all_succeed(tmp_path: Path) -> None:
    """Where nothing was, one of them comes first and the others replace it."""
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.starmap(put, [(tmp_path / f"models{i // 4}", str(i)) for i in range(24)])
    assert all(len(marks(tmp_path / f"models{i}")) == 1 for i in range(6))
    assert len(list(tmp_path.iterdir())) == 6


def test_a_writer_killed_at_any_moment_leaves_a_whole_folder(tmp_path: Path) -> None:
    """`kill -9` in the middle: what is there is all of one generation."""
    folder, chance = tmp_path / "models", random.Random(1)  # noqa: S311
    put(folder, "0")
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}  # a cut-off file warns
    for generation in range(8):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, folder, str(generation * 10**6)], env=unmeasured)
        time.sleep(0.1 + chance.random() * 0.3)
        writer.send_signal(signal.SIGKILL)
        assert writer.wait() == -signal.SIGKILL
        assert len(list(folder.iterdir())) == 20
        assert len(marks(folder)) == 1
