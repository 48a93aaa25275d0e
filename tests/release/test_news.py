"""Whether there is anything to learn."""

import hashlib
import sqlite3
from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.release.learning import returned
from tests.test_light import file_of, imported, reached
from tests.tiny import Cells, Kind, arrow, cells, settings

from hearth.artifacts import write_json, write_text
from hearth.errors import DataError, ReleaseError, SourceError
from hearth.params import DataParams, Params
from hearth.release.checkout import Checkout
from hearth.release.commands import git
from hearth.release.layout import Layout
from hearth.release.news import News, news, source_news
from hearth.release.truths import Returned, csv_bytes
from hearth.sources import kaggle

LAYOUT = Layout(
    params="params.yaml",
    feedback="data/feedback.csv",
    raw="data/raw",
    report="reports/data.json",
    prepared="data/prepared",
    bundle="models/production",
)
TRUTHS = cells(rows=20, seed=5)
CSV = {"source": "csv", "csv": {"path": "table.csv"}, "feedback": "append"}


def chosen(kind: Kind = "regression", **data: object) -> Params:
    """Settings under which truths are learned from."""
    return settings(kind, data={**CSV, **data})


def committed(root: Path, kind: Kind = "regression", earlier: Cells | None = None) -> Checkout:
    """A checkout in which a table was read, and some truths before."""
    contract = settings(kind).contract
    content = csv_bytes(arrow(contract, cells(kind)))
    learned = csv_bytes(arrow(contract, earlier)) if earlier else b""
    for name, data in {"table.csv": content, "data/feedback.csv": learned}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    digest = hashlib.sha256(content).hexdigest()
    write_json(root / LAYOUT.report, {"source": "csv", "version": None, "file": "table.csv", "sha256": digest})
    write_text(root / ".gitignore", "/data/raw\n")
    write_json(root / "data/raw/contract.json", contract.to_dict(), digits=None)
    pq.write_table(arrow(contract, cells(kind)), root / "data/raw/table.parquet")
    for words in (["init", "--quiet"], ["config", "user.name", "Ada"], ["config", "user.email", "a@example.org"], ["add", "."]):
        git(root, *words)
    git(root, "commit", "--quiet", "--message", "A build")
    return Checkout.at(root)


def some(columns: Cells, start: int, stop: int) -> Cells:
    """Some of the rows."""
    return {name: values[start:stop] for name, values in columns.items()}


def found(main: Checkout, truths: Returned, kind: Kind = "regression", **data: object) -> News:
    """What is new."""
    return news(main, LAYOUT, chosen(kind, **data), truths)


def test_nothing_is_new_where_all_was_read(tmp_path: Path) -> None:
    """The same table and no truths."""
    nothing = found(committed(tmp_path), Returned())

    assert not nothing
    assert nothing.words == "nothing new at the source, and no new truths"


@pytest.mark.parametrize("report", ["{", "[]", "{}", '"source"'])
def test_a_report_that_is_none_is_told(tmp_path: Path, report: str) -> None:
    """As after a merge that stopped half-way."""
    main = committed(tmp_path)
    write_text(tmp_path / LAYOUT.report, report)
    git(tmp_path, "commit", "--quiet", "--all", "--message", "broken")
    with pytest.raises(ReleaseError, match=r"reports/data\.json of the last commit does not say what was read"):
        found(main, Returned())


@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass"])
def test_new_truths_are_put_behind_those_learned_before(tmp_path: Path, kind: Kind) -> None:
    """What was learned before, what the table holds, and what came twice is not new."""
    truths = cells(kind, rows=20, seed=5)
    main = committed(tmp_path, kind, earlier=some(truths, 0, 8))
    twice = {name: [*values, *values[:12], *cells(kind)[name][:5]] for name, values in truths.items()}

    new = found(main, returned(twice), kind)

    assert (new.rows, new.words) == (12, "12 new truths")
    lines = new.feedback.decode().splitlines()
    before = (tmp_path / "data/feedback.csv").read_text(encoding="utf-8").splitlines()
    assert lines[: len(before)] == before
    assert len(lines) == len(before) + 12
    assert new.told == (
        "12 truths left out: the same came before",
        "13 truths left out: the table has these rows already",
    )


def test_what_is_to_be_written_is_no_longer_new_when_it_is(tmp_path: Path) -> None:
    """A second look finds nothing."""
    main = committed(tmp_path)
    first = found(main, returned(TRUTHS))
    (tmp_path / "data/feedback.csv").write_bytes(first.feedback)

    assert first.rows == 20
    again = found(main, returned(TRUTHS))
    assert not again
    assert again.told == ("20 truths left out: the table has these rows already",)


def test_what_is_left_out_is_told(tmp_path: Path) -> None:
    """Doubts and faults, with how many rows each takes away."""
    rows = returned(some(TRUTHS, 0, 4))
    doubted = Returned(rows.features, [*rows.actual[:3], float("inf")], ["told by x", "told by x", "", ""])

    new = found(committed(tmp_path), doubted)

    assert (new.rows, new.words) == (1, "1 new truth")
    assert new.told == ("2 truths left out: told by x", "1 truth left out: y must be a finite number")


def test_truths_are_not_looked_at_where_they_are_not_to_be_learned_from(tmp_path: Path) -> None:
    """With ``data.feedback: none`` they are no news."""
    assert not found(committed(tmp_path), returned(TRUTHS), feedback="none")


def test_the_table_of_another_contract_knows_no_row(tmp_path: Path) -> None:
    """After a change of the contract only what was learned before counts as known."""
    main = committed(tmp_path)
    pq.write_table(arrow(settings().contract, cells()).drop_columns(["c"]), tmp_path / "data/raw/table.parquet")

    assert found(main, returned(some(cells(), 0, 5))).rows == 5


def test_without_a_build_everything_is_new(tmp_path: Path) -> None:
    """No report says what was read."""
    main = committed(tmp_path)
    git(tmp_path, "rm", "--quiet", LAYOUT.report)
    git(tmp_path, "commit", "--quiet", "--message", "Start over")

    assert found(main, Returned()).source == "nothing was built yet"


def test_earlier_truths_that_break_the_contract_are_told(tmp_path: Path) -> None:
    """They would stop the pipeline; they stop this sooner."""
    main = committed(tmp_path, earlier=some(TRUTHS, 0, 3) | {"c": [0.5, 7, 0.5]})

    with pytest.raises(DataError, match=r"feedback\.csv does not keep its contract"):
        found(main, Returned())


READ: Mapping[str, object] = {"source": "csv", "version": None, "file": "table.csv", "sha256": hashlib.sha256(b"a").hexdigest()}


def described(source: str, **rest: object) -> DataParams:
    """Where the table is."""
    return chosen("regression", source=source, **rest).data


def test_a_file_is_new_when_its_bytes_are(tmp_path: Path) -> None:
    """Its sum decides; a file that is gone is an error."""
    (tmp_path / "table.csv").write_bytes(b"a")
    assert source_news(described("csv"), tmp_path, READ) == ""

    (tmp_path / "table.csv").write_bytes(b"b")
    assert source_news(described("csv"), tmp_path, READ) == "table.csv has another table than was read last"

    (tmp_path / "table.csv").unlink()
    with pytest.raises(SourceError, match="does not exist"):
        source_news(described("csv"), tmp_path, READ)


def test_a_query_is_asked_again(tmp_path: Path) -> None:
    """What it answers now decides, and not how it is written."""
    database = sqlite3.connect(tmp_path / "t.db", isolation_level=None)
    database.execute("CREATE TABLE t (a, y)")
    database.execute("INSERT INTO t VALUES (1, 2)")
    data = described("sql", sql={"url": f"sqlite:///{tmp_path}/t.db", "query": "SELECT a, y FROM t ORDER BY a"})
    read = {"source": "sql", "sha256": hashlib.sha256(b"a,y\n1,2\n").hexdigest()}
    assert source_news(data, Path(), read) == ""
    database.execute("INSERT INTO t VALUES (3, 4)")
    database.close()
    assert "has another table than was read last" in source_news(data, Path(), read)


def test_a_number_of_openml_is_one_version_for_ever() -> None:
    """So that nobody has to be asked."""
    read = {"source": "openml", "version": "7"}
    assert source_news(described("openml", openml={"id": 7}), Path(), read) == ""
    assert source_news(described("openml", openml={"id": 8}), Path(), read) == "table 8 is to be read, and 7 was"


def test_another_source_is_new(tmp_path: Path) -> None:
    """Whatever it holds."""
    assert source_news(described("bundled"), tmp_path, READ) == "the source is bundled, and was csv"


@pytest.mark.parametrize(
    ("newest", "pinned", "file", "expected"),
    [
        (3, None, "t.csv", ""),
        (4, None, "t.csv", "o/d/t.csv has version 4, and version 3 was read"),
        (4, 3, "t.csv", ""),
        (3, 2, "t.csv", "o/d/t.csv has version 2, and version 3 was read"),
        (None, None, "t.csv", ""),
        (3, None, "u.csv", "o/d/u.csv is to be read, and o/d/t.csv was"),
    ],
)
def test_kaggle_is_asked_for_its_newest_version_alone(
    monkeypatch: pytest.MonkeyPatch, newest: int | None, pinned: int | None, file: str, expected: str
) -> None:
    """A pinned version is compared without asking, an unknown one is no news."""
    monkeypatch.setattr(kaggle, "newest", lambda _: newest)
    data = described("kaggle", kaggle={"dataset": "o/d", "file": file, "version": pinned})

    assert source_news(data, Path(), {"source": "kaggle", "version": "3", "file": "o/d/t.csv"}) == expected


def test_to_look_needs_nothing_of_training() -> None:
    """Where nothing is new the command has ended before that would be loaded; OpenML's client, scikit-learn, loads itself."""
    ours, _ = reached("hearth.release.news")
    assert {"hearth.release.truths", "hearth.sources.openml"} <= ours
    assert not {name for name in ours if name.startswith(("hearth.training", "hearth.stages"))}
    paths = [path for name in ours - {"hearth.sources.openml"} if (path := file_of(name)) is not None]
    others = {name.partition(".")[0] for path in paths for name in imported(path)}
    assert not {"sklearn", "mlflow", "optuna", "matplotlib"} & others


def test_paths_are_those_of_the_graph(tmp_path: Path) -> None:
    """The commands of the stages say where things are; a graph that does not is refused."""
    root = Path(__file__).parents[2]
    assert Layout.read(root) == LAYOUT

    unclosed = 'stages: {ingest: {cmd: "a \'b"}, export: {cmd: b}}'
    for text in ("stages: {}", "stages: [", "stages: {ingest: {cmd: a}, export: {cmd: b}}", unclosed):
        write_text(tmp_path / "dvc.yaml", text)
        with pytest.raises(ReleaseError, match="does not say where things are"):
            Layout.read(tmp_path)
