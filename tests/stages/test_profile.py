import copy
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import yaml
from matplotlib import font_manager

from hearth.artifacts import to_json
from hearth.errors import DataError
from hearth.schema import Contract, Feature, Target
from hearth.stages import profile

ROOT = Path(__file__).parents[2]
NUMBERS = {"mean": 2.5, "min": 1.0, "q1": 1.75, "median": 2.5, "q3": 3.25, "max": 4.0, "skew": 0.0}


def contract(*features: Feature, classes: tuple[str, ...] = ()) -> Contract:
    """These features and a target ``t``, a regression unless there are classes."""
    return Contract(
        features=features, target=Target(name="t", task="classification" if classes else "regression", classes=classes)
    )


def figures(frame: pd.DataFrame, about: Contract, column: str) -> dict[str, object]:
    """What the summary says about one column."""
    columns = profile.summary(frame, about)["columns"]
    assert isinstance(columns, dict)
    found: dict[str, object] = columns[column]
    return found


def run(folder: Path, raw: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """The stage in a process of its own, in a folder of its own, writing eda.html and eda.json there."""
    folder.mkdir(parents=True)
    arguments = ["profile", "--params", str(raw / "params.yaml"), "--raw", str(raw), "--html", "eda.html", "--json", "eda.json"]
    return subprocess.run(
        [sys.executable, "-m", "hearth.stages", *arguments],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )


def fonts(folder: Path) -> str:
    """A folder of Matplotlib's settings in which the machine has a font called Arial, wider than any other."""
    font = shutil.copy(Path(mpl.get_data_path(), "fonts/ttf/DejaVuSansMono-Bold.ttf"), folder / "arial.ttf")
    manager = copy.copy(font_manager.fontManager)
    entry = font_manager.FontEntry(
        fname=str(font), name="Arial", style="normal", variant="normal", weight="normal", stretch="normal", size="scalable"
    )
    manager.ttflist = [entry, *manager.ttflist]
    font_manager.json_dump(manager, folder / f"fontlist-v{manager.__version__}.json")
    return str(folder)


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small table with a repeated row, a gap and a name to be careful with, its contract, and settings with a title."""
    folder = tmp_path_factory.mktemp("raw")
    generator = np.random.default_rng(0)
    frame = pd.DataFrame({"x/y": generator.normal(size=30), "kind": generator.choice(["u", "v"], 30)})
    frame["t"] = frame["x/y"] * 2
    frame = pd.concat([frame, frame.tail(1)], ignore_index=True)
    frame.loc[0, "kind"] = None
    frame.to_parquet(folder / "table.parquet")
    about = contract(Feature(name="x/y", type="number"), Feature(name="kind", type="category", values=("u", "v")))
    (folder / "contract.json").write_text(to_json(about.to_dict()), encoding="utf-8")
    settings = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    settings["card"]["title"] = "A <small> table"
    (folder / "params.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def made(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the stage wrote, in this process, for the small table."""
    folder = tmp_path_factory.mktemp("made")
    paths = ["--html", str(folder / "eda.html"), "--json", str(folder / "eda.json")]
    profile.main(["--params", str(raw / "params.yaml"), "--raw", str(raw), *paths])
    return folder


def test_number_is_described_by_its_distribution() -> None:
    """A number has its missing and distinct values counted and its moments and quartiles given over the rest."""
    frame = pd.DataFrame({"a": [4.0, 1.0, None, 3.0, 2.0], "t": [1.0, 2.0, 3.0, 4.0, 5.0]})
    found = figures(frame, contract(Feature(name="a", type="number")), "a")
    assert found.items() >= {"type": "number", "missing": 1, "distinct": 4}.items()
    assert {name: found[name] for name in NUMBERS} == pytest.approx(NUMBERS)
    assert found["sd"] == pytest.approx((5 / 3) ** 0.5)


def test_category_and_boolean_are_described_by_their_counts() -> None:
    """Values of anything but a number are counted, in their order."""
    frame = pd.DataFrame(
        {"c": ["v", "u", "v", None], "b": pd.array([True, None, False, True], dtype="boolean"), "t": 4 * [0.0]}
    )
    about = contract(Feature(name="c", type="category", values=("u", "v")), Feature(name="b", type="boolean"))
    assert figures(frame, about, "c").items() >= {"missing": 1, "distinct": 2, "counts": {"u": 1, "v": 2}}.items()
    assert figures(frame, about, "b").items() >= {"missing": 1, "distinct": 2, "counts": {"False": 1, "True": 2}}.items()


def test_order_shared_with_the_target_is_measured_over_common_rows() -> None:
    """The rank correlation is 1 for any rising and -1 for any falling relation, whatever lies in rows with a gap."""
    frame = pd.DataFrame({"up": [1.0, 10.0, 100.0, -5.0], "down": [3.0, 2.0, None, 1.0], "t": [1.0, 2.0, 3.0, None]})
    about = contract(Feature(name="up", type="number"), Feature(name="down", type="number"))
    assert figures(frame, about, "up")["spearman"] == pytest.approx(1)
    assert figures(frame, about, "down")["spearman"] == pytest.approx(-1)


def test_two_classes_have_an_order() -> None:
    """Of two classes the second counts as more."""
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "t": ["z", "z", "a", "a"]})
    found = figures(frame, contract(Feature(name="a", type="number"), classes=("z", "a")), "a")
    assert found["spearman"] == pytest.approx(0.8**0.5)


@pytest.mark.parametrize("kind", ["number", "category"])
def test_no_order_or_no_spread_has_no_correlation(kind: str) -> None:
    """A constant, and a category of three values, have no rank correlation."""
    column = [1.0, 1.0, 1.0] if kind == "number" else ["u", "v", "w"]
    feature = Feature(
        name="a", type="number" if kind == "number" else "category", values=() if kind == "number" else ("u", "v", "w")
    )
    frame = pd.DataFrame({"a": column, "t": [1.0, 2.0, 3.0]})
    assert figures(frame, contract(feature), "a")["spearman"] is None


def test_figures_hold_the_alerts_and_the_repeated_rows(made: Path) -> None:
    """The JSON says how many rows repeat an earlier one, and what the page alerts to, by the names of the table."""
    found = json.loads((made / "eda.json").read_text(encoding="utf-8"))
    assert (found["rows"], found["duplicates"]) == (31, 1)
    assert list(found["columns"]) == ["x/y", "kind", "t"]
    assert {"alert": "high correlation", "column": "t", "with": ["x/y"]} in found["alerts"]
    assert found["columns"]["x/y"]["spearman"] == 1


def test_page_needs_nothing_and_tells_nothing_of_the_run(made: Path) -> None:
    """The page has the title, loads nothing, and holds no date, folder, version or maker."""
    html = (made / "eda.html").read_text(encoding="utf-8")
    assert "A \u2039small\u203a table" in html
    assert re.findall(r"<(?:link|img|iframe|script)[^>]*(?:src|href)=(?!['\"]?data:)[^>]*>", html) == []
    assert re.findall(r"20\d\d-\d\d-\d\d|ydata|Matplotlib v|jsdelivr", html, re.IGNORECASE) == []
    assert str(made) not in html
    assert str(Path.home()) not in html


@pytest.mark.journey
def test_same_table_gives_the_same_bytes_elsewhere(raw: Path, made: Path, tmp_path: Path) -> None:
    """Another process, folder, hash seed, thread count, clock, locale and font write the same bytes, and print nothing."""
    elsewhere = {
        "PYTHONHASHSEED": "4242",
        "OMP_NUM_THREADS": "1",
        "SOURCE_DATE_EPOCH": "5",
        "TZ": "Asia/Tokyo",
        "LC_ALL": "C",
        "PROFILE_TITLE": "another",
        "MPLCONFIGDIR": fonts(tmp_path),
    }
    done = run(tmp_path / "deep" / "er", raw, elsewhere)
    assert (done.stdout, done.stderr) == ("", "")
    for name in ("eda.html", "eda.json"):
        assert (tmp_path / "deep" / "er" / name).read_bytes() == (made / name).read_bytes()


def test_missing_table_is_named_before_anything_is_written(raw: Path, tmp_path: Path) -> None:
    """Without a raw table the error names it, and no file appears."""
    paths = ["--html", str(tmp_path / "eda.html"), "--json", str(tmp_path / "eda.json")]
    with pytest.raises(DataError, match="none"):
        profile.main(["--params", str(raw / "params.yaml"), "--raw", str(tmp_path / "none"), *paths])
    assert list(tmp_path.iterdir()) == []
