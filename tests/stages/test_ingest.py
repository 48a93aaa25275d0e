"""The first stage: a table from its source to its canonical form."""

import csv
import hashlib
import io
import json
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlxtend.data import boston_housing_data
from tests.laws import drawn
from tests.parsed import params

from hearth.errors import DataError, HearthError, SourceError
from hearth.params import load
from hearth.schema import Contract
from hearth.stages import ingest
from hearth.training.table import appended

ROOT = Path(__file__).parents[2]
PATHS = ("--params", "params.yaml", "--feedback", "feedback.csv")
FEATURES: dict[str, object] = {
    "size": {"type": "number", "min": -1.23456789e30, "max": 1e30, "required": False},
    "rooms": {"type": "integer", "min": -(2**40), "max": 2**40},
    "kind": {"type": "category", "values": ["flat", "house", "NA"]},
    "sold": {"type": "boolean"},
    "note": {"type": "number", "use": False, "reason": "known too late"},
}
Row = tuple[float | None, int | None, str | None, bool | None, float | None, float | str]
ROWS: list[Row] = [
    (1.5, 2, "flat", True, 0.25, 10.0),
    (None, None, None, None, None, 11.5),
    (3.25, 4, "NA", False, None, 12.0),
    (1.5, 2, "flat", True, 0.25, 10.0),
] * 3


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(rows: list[Row], **data: object) -> None:
    """``table.csv`` of the rows, and ``params.yaml`` for it."""
    settings = params()
    basis = {"source": "csv", "csv": {"path": "table.csv"}, "target": "y", "task": "regression", "min_rows": 10}
    described = settings | {"data": basis | data, "features": FEATURES}
    Path("params.yaml").write_text(yaml.safe_dump(described, sort_keys=False), encoding="utf-8")
    lay("table.csv", rows)


def lay(name: str, rows: Sequence[Row]) -> None:
    """A CSV file of the rows."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([[*FEATURES, "y"], *rows])
    Path(name).write_text(text.getvalue(), encoding="utf-8", newline="")


def ingested() -> tuple[list[Row], Contract, Mapping[str, object]]:
    """Run the stage; the rows, the contract and the report that it wrote."""
    ingest.main([*PATHS, "--out", "data/raw", "--report", "reports/data.json"])
    table = pq.read_table("data/raw/table.parquet")
    assert table.column_names == [*FEATURES, "y"]
    contract = Contract.from_dict(json.loads(Path("data/raw/contract.json").read_text(encoding="utf-8")))
    report = json.loads(Path("reports/data.json").read_text(encoding="utf-8"))
    return [tuple(row.values()) for row in table.to_pylist()], contract, report


def test_a_table_with_gaps_is_written_as_it_is() -> None:
    """Every value and every gap of the file is in the table, in the types of the contract."""
    write(ROWS)

    rows, contract, _ = ingested()

    assert rows == ROWS
    assert [str(kind) for kind in pq.read_schema("data/raw/table.parquet").types] == [
        "double", "int64", "string", "bool", "double", "double"
    ]  # fmt: skip
    assert contract == load(Path("params.yaml")).contract


def test_the_report_says_what_was_read() -> None:
    """Source, sum, rows, gaps, repeated rows and the target's range are in the report."""
    write(ROWS)

    _, _, report = ingested()

    assert report == {
        "source": "csv",
        "version": None,
        "file": "table.csv",
        "sha256": hashlib.sha256(Path("table.csv").read_bytes()).hexdigest(),
        "rows": 12,
        "columns": 6,
        "missing": {"size": 3, "rooms": 3, "kind": 3, "sold": 3, "note": 6, "y": 0},
        "duplicates": 9,
        "target": {"name": "y", "min": 10.0, "mean": 10.875, "sd": 0.932372, "max": 12.0},
    }


def test_rows_that_repeat_an_earlier_one_go_where_that_is_asked() -> None:
    """What a model sees and the target decide, not a column that is ignored; the first of them stays, in its place."""
    other = (1.5, 2, "flat", True, 9.5, 10.0)
    write([*ROWS, other, (9.0, 2, "flat", True, 9.5, 10.0)], duplicates="drop")

    rows, _, report = ingested()

    assert rows == [*ROWS[:3], (9.0, 2, "flat", True, 9.5, 10.0)]
    assert (report["dropped"], report["duplicates"], report["rows"]) == (10, 0, 4)


@pytest.mark.parametrize("labels", [("0", "1"), ("no", "yes"), ("10", "9", "b")])
def test_classes_come_from_the_table_where_none_are_given(labels: tuple[str, ...]) -> None:
    """Labels, also numeric ones, are text; the contract names them sorted, the report counts them."""
    write([(*row[:5], labels[i % len(labels)]) for i, row in enumerate(ROWS)], task="classification")

    rows, contract, report = ingested()

    assert contract.target.classes == labels
    assert [row[5] for row in rows] == [labels[i % len(labels)] for i in range(12)]
    assert report["target"] == {"name": "y", "classes": dict.fromkeys(labels, 12 // len(labels))}


def test_given_classes_stay_and_an_absent_one_counts_none() -> None:
    """Classes of the settings keep their order, also with no row of one."""
    write([(*row[:5], "ab"[i % 2]) for i, row in enumerate(ROWS)], task="classification", classes=["b", "c", "a"])

    _, contract, report = ingested()

    assert contract.target.classes == ("b", "c", "a")
    assert report["target"] == {"name": "y", "classes": {"b": 6, "c": 0, "a": 6}}


def test_the_same_file_gives_the_same_bytes() -> None:
    """Two runs write the same three files, byte for byte."""
    write(ROWS)
    files = [Path("data/raw/table.parquet"), Path("data/raw/contract.json"), Path("reports/data.json")]

    ingested()
    first = [file.read_bytes() for file in files]
    ingested()

    assert [file.read_bytes() for file in files] == first


def test_other_columns_stop_the_stage_before_it_writes() -> None:
    """With a fault in the table nothing is written, and what lay there stays."""
    write(ROWS)
    Path("data/raw").mkdir(parents=True)
    Path("data/raw/old").touch()
    Path("table.csv").write_text("a,b\n1,2\n", encoding="utf-8")

    with pytest.raises(DataError, match="'a': not in the contract"):
        ingested()

    assert [path.name for path in Path("data").rglob("*")] == ["raw", "old"]
    assert not Path("reports").exists()


def test_a_missing_file_stops_the_stage() -> None:
    """A path that leads nowhere is told by its key."""
    write(ROWS, csv={"path": "elsewhere.csv"})

    with pytest.raises(SourceError, match=r"data\.csv\.path: elsewhere\.csv does not exist"):
        ingested()


def test_kaggle_is_asked_where_the_settings_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """The source named in the settings is the one that is read, here one that is out of reach."""
    write(ROWS, source="kaggle", kaggle={"dataset": "owner/data", "file": "table.csv"})
    with socket.create_server(("127.0.0.1", 0)) as free:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{free.getsockname()[1]}")
    monkeypatch.delenv("KAGGLE_API_ENVIRONMENT", raising=False)
    monkeypatch.setenv("HOME", str(Path.cwd()))

    with pytest.raises(SourceError, match="Kaggle cannot be reached"):
        ingested()

    assert not Path("data").exists()


def test_a_command_line_without_its_paths_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """No path has a default in the code."""
    with pytest.raises(SystemExit):
        ingest.main([])

    assert "--params, --feedback, --out, --report" in capsys.readouterr().err


NEW: list[Row] = [(9.5, 7, "house", False, None, 14.0), (None, 8, "flat", None, None, 15.5)]


def test_rows_that_came_back_stand_behind_the_table() -> None:
    """With ``append`` the rows of the file join, and the report says which file, its sum and how many."""
    write(ROWS, feedback="append")
    lay("feedback.csv", NEW)

    rows, _, report = ingested()

    assert rows == [*ROWS, *NEW]
    digest = hashlib.sha256(Path("feedback.csv").read_bytes()).hexdigest()
    assert report["feedback"] == {"file": "feedback.csv", "sha256": digest, "rows": 2}
    assert report["rows"] == 14
    assert appended(pq.read_table("data/raw/table.parquet")) == 2


def test_a_row_that_is_known_joins_no_second_time() -> None:
    """Rows that a model could not tell from one of the table or from an earlier one are left out; the table's own stay."""
    write(ROWS, feedback="append")
    known = (*ROWS[0][:4], None, ROWS[0][5])  # the column that no model sees is not stored with predictions
    lay("feedback.csv", [known, NEW[0], ROWS[1], NEW[0], (*NEW[0][:5], 14.5)])

    rows, _, report = ingested()

    assert rows == [*ROWS, NEW[0], (*NEW[0][:5], 14.5)]
    assert report["duplicates"] == 9


@pytest.mark.parametrize("content", [None, b"", b"\n", b"size,rooms,kind,sold,note,y\n"])
def test_where_nothing_came_back_the_table_is_as_without(content: bytes | None) -> None:
    """No file, an empty or blank one and one of a header alone hold no rows."""
    write(ROWS, feedback="append")
    if content is not None:
        Path("feedback.csv").write_bytes(content)

    rows, _, report = ingested()

    digest = hashlib.sha256(content or b"").hexdigest()
    assert (rows, report["feedback"]) == (ROWS, {"file": "feedback.csv", "sha256": digest, "rows": 0})


def test_with_none_what_came_back_is_not_read() -> None:
    """Also a file that is no table changes no byte."""
    write(ROWS, feedback="none")
    ingested()
    files = [Path("data/raw/table.parquet"), Path("data/raw/contract.json"), Path("reports/data.json")]
    before = [file.read_bytes() for file in files]
    Path("feedback.csv").write_bytes(b"\0\xff")

    ingested()

    assert [file.read_bytes() for file in files] == before


def test_what_came_back_is_checked_as_the_table_is() -> None:
    """Every fault of the file is told at once, under its name, and nothing is written; it may hold few rows of one target."""
    write(ROWS, feedback="append")
    lay("feedback.csv", [(9.5, 2**41, "barn", True, None, 14.0), (1.0, 1, "flat", True, None, "")])

    with pytest.raises(DataError, match=r"feedback\.csv does not keep its contract") as refusal:
        ingested()

    assert list(refusal.value.faults) == [
        "rooms: above max 1099511627776 in 1 row (line 2), such as 2199023255552",
        "kind: not one of flat, house, NA in 1 row (line 2), such as 'barn'",
        "y: no value of the target in 1 row (line 3)",
    ]
    assert not Path("data").exists()


def test_what_came_back_makes_no_new_class() -> None:
    """A label that the table does not have is a fault: with it the codes of the others would change."""
    write([(*row[:5], "ab"[i % 2]) for i, row in enumerate(ROWS)], task="classification", feedback="append")
    lay("feedback.csv", [(*NEW[0][:5], "c"), (*NEW[1][:5], "a")])

    with pytest.raises(DataError, match=r"y: not one of a, b in 1 row \(line 2\), such as 'c'"):
        ingested()


def test_the_bundled_table_is_the_published_one() -> None:
    """The copy in git holds the 506 published rows, value for value."""
    published, prices = boston_housing_data()

    with (ROOT / "data/bundled/boston.csv").open(encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file)

    assert [[float(cell) for cell in row] for row in rows] == [
        [*row, price] for row, price in zip(published.tolist(), prices.tolist(), strict=True)
    ]


def test_the_bundled_note_tells_the_sum_of_the_table() -> None:
    """The note beside the copy holds the SHA-256 of its bytes."""
    digest = hashlib.sha256((ROOT / "data/bundled/boston.csv").read_bytes()).hexdigest()

    assert digest in (ROOT / "data/bundled/README.md").read_text(encoding="utf-8")


def test_the_repositorys_own_settings_ingest(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    """A fresh clone's settings read its bundled table, complete and without a repeated row."""
    monkeypatch.chdir(ROOT)

    ingest.main([*PATHS, "--out", str(place / "raw"), "--report", str(place / "data.json")])

    report = json.loads((place / "data.json").read_text(encoding="utf-8"))
    assert (report["source"], report["rows"], report["columns"], report["duplicates"]) == ("bundled", 506, 14, 0)
    assert set(report["missing"].values()) == {0}


def rows(target: st.SearchStrategy[float] | st.SearchStrategy[str]) -> st.SearchStrategy[list[Row]]:
    """Rows that keep the contract, with two targets at least."""
    gap, number = st.none(), st.floats(-1e30, 1e30)
    row = st.tuples(
        gap | number,
        gap | st.integers(-(2**40), 2**40),
        gap | st.sampled_from(["flat", "house", "NA"]),
        gap | st.booleans(),
        gap | number,
        target,
    )
    return st.lists(row, min_size=10, max_size=20).filter(lambda table: len({row[5] for row in table}) > 1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=drawn(30))
@given(table=rows(st.floats(-1e30, 1e30)))
def test_what_keeps_its_contract_comes_back_whole(table: list[Row]) -> None:
    """Ingestion changes no value of a table that keeps its contract, to the last bit."""
    write(table)

    assert ingested()[0] == table


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=drawn(30))
@given(table=rows(st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=4)))
def test_labels_come_back_whole(table: list[Row]) -> None:
    """Any printable label comes back as it was, but for the tokens of a missing value, which are refused."""
    write(table, task="classification")
    labels = {str(row[5]) for row in table}

    if labels & {"NA", "NaN", "nan", "null"}:
        with pytest.raises(HearthError, match="no value of the target"):
            ingested()
    else:
        found, contract, _ = ingested()
        assert found == table
        assert contract.target.classes == tuple(sorted(labels))
