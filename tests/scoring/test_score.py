import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.bundles import Tiny, coded, rows_of
from tests.laws import drawn

from hearth.bundle import RowError
from hearth.errors import DataError, HearthError
from hearth.scoring import score_file
from hearth.scoring.chunk import Chunk, Format
from hearth.scoring.score import Scored, ordered
from hearth.separators import ADVICE

FORMATS: Sequence[Format] = ("csv", "parquet", "jsonl")
HEADER = ["size", "count", "old", "secret", "colour", "depth"]
HEAD = "size,count,old,colour,depth\n"
DICTIONARY = "dictionary<values=string, indices=int32, ordered=0>"
Rows = list[dict[str, object]]


def put(path: Path, rows: Rows, names: Sequence[str] = HEADER) -> Path:
    """Rows as a file of the format that its suffix says; null where a row has no such value."""
    columns = {name: [row.get(name) for row in rows] for name in names}
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif path.suffix == ".parquet":
        pq.write_table(pa.table({**columns, "secret": pa.array([row.get("secret") for row in rows], pa.float64())}), path)
    else:
        pyarrow.csv.write_csv(pa.table(columns), path)
    return path


def got(path: Path) -> Rows:
    """The rows of a file, text of CSV as numbers where it is one."""
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    table = pq.read_table(path) if path.suffix == ".parquet" else pyarrow.csv.read_csv(path)
    rows: Rows = table.to_pylist()
    return rows


def score(tiny: Tiny, source: Path, target: Path, *, count: int = 1000, skip: bool = False) -> list[str]:
    """Score a file with a predictor of its own."""
    return score_file(tiny.predictor, source, target, given=None, count=count, skip=skip)


def scored(tiny: Tiny, tmp_path: Path, text: str, *, count: int = 1000, skip: bool = False) -> list[str]:
    """Score CSV text; what is told of it."""
    (tmp_path / "in.csv").write_bytes(text.encode())
    return score(tiny, tmp_path / "in.csv", tmp_path / "out.csv", count=count, skip=skip)


def refusal(tiny: Tiny, tmp_path: Path, text: str, count: int = 1000) -> list[str]:
    """The faults of CSV text; nothing is written."""
    with pytest.raises(DataError) as error:
        scored(tiny, tmp_path, text, count=count)
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]
    return [str(error.value).partition("\n")[0], *error.value.faults]


@pytest.mark.parametrize("source", FORMATS)
@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("count", [7, 1000])
def test_each_row_gets_the_answer_of_the_bundle(tiny: Tiny, tmp_path: Path, source: Format, target: Format, count: int) -> None:
    """From every format to every format, in chunks of any size, in the order of the input, its columns kept."""
    x = coded(4, 50)
    rows = [{**row, "secret": 1.5} for row in rows_of(x)]
    score(tiny, put(tmp_path / f"in.{source}", rows), tmp_path / f"out.{target}", count=count)
    answer, found = tiny.predictor.predict(x), got(tmp_path / f"out.{target}")
    assert len(found) == 50
    assert [row["size"] for row in found] == pytest.approx([row["size"] for row in rows])
    for row, (was, now) in enumerate(zip(rows, found, strict=True)):
        assert {name: now.get(name) for name in HEADER if now.get(name) not in {None, ""}} == was
        if answer.probabilities is None:
            assert answer.lower is not None
            assert answer.upper is not None
            assert [now["prediction"], now["lower"], now["upper"]] == [answer.value[row], answer.lower[row], answer.upper[row]]
        else:
            classes = tiny.bundle.contract.target.classes
            assert now["prediction"] == classes[int(answer.value[row])] or isinstance(now["prediction"], bool)
            assert [now[f"probability_{name}"] for name in classes] == answer.probabilities[row].tolist()


def test_text_of_csv_stays_as_it_was(regression: Tiny, tmp_path: Path) -> None:
    """Every character of a field; quotes stand only where they must, and an unused column may hold what it may."""
    scored(regression, tmp_path, 'size,colour,depth\r\n5.00,"red",\r\n 1e0 ,NA,+3\r\n')
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert [line.split(",")[:3] for line in lines[1:]] == [["5.00", "red", ""], [" 1e0 ", "NA", "+3"]]
    assert lines[0] == "size,colour,depth,prediction,lower,upper"


def test_fields_that_need_quotes_get_them(binary: Tiny, tmp_path: Path) -> None:
    """The label of a classification is passed on, whatever stands in it."""
    text = 'size,price\n1,"a ""b"", c\nd"\n2,plain\n'
    scored(binary, tmp_path, text)
    assert [row["price"] for row in got_with_newlines(tmp_path / "out.csv")] == ['a "b", c\nd', "plain"]
    assert ",plain," in (tmp_path / "out.csv").read_text().replace("2,plain", ",plain")


def got_with_newlines(path: Path) -> Rows:
    """The rows of CSV with quoted line ends."""
    rows: Rows = pyarrow.csv.read_csv(path, parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True)).to_pylist()
    return rows


def test_types_follow_the_contract_where_text_becomes_a_table(regression: Tiny, tmp_path: Path) -> None:
    """Integers within bounds are integers, booleans booleans, missing values null."""
    (tmp_path / "in.csv").write_text("price,size,count,old,colour,secret\n3,1,2.0,yes,red,\n,2,,,,7\n")
    score(regression, tmp_path / "in.csv", tmp_path / "out.parquet")
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.column_names == ["price", "size", "count", "old", "colour", "secret", "prediction", "lower", "upper"]
    assert [str(kind) for kind in table.schema.types[:6]] == ["double", "double", "int64", "bool", "string", "double"]
    first, second = table.to_pylist()
    assert (first["price"], first["count"], first["old"], first["colour"]) == (3.0, 2, True, "red")
    assert (second["price"], second["count"], second["old"], second["colour"]) == (None, None, None, None)


@pytest.mark.parametrize("target", ["parquet", "jsonl", "csv"])
def test_labels_of_any_kind_are_passed_on(binary: Tiny, tmp_path: Path, target: str) -> None:
    """As text where the output has columns, as they were where it has not."""
    (tmp_path / "in.jsonl").write_text('{"size": 1, "price": "yes"}\n{"size": 2, "price": 7}\n{"size": 3}\n')
    score(binary, tmp_path / "in.jsonl", tmp_path / f"out.{target}")
    found = [row.get("price") for row in got(tmp_path / f"out.{target}")]
    assert found == {"jsonl": ["yes", 7, None], "parquet": ["yes", "7", None], "csv": ["yes", "7", ""]}[target]


def test_columns_of_parquet_keep_their_types(regression: Tiny, tmp_path: Path) -> None:
    """Dictionaries, small integers and views come out as they went in, also to CSV."""
    table = pa.table(
        {
            "size": pa.array([1, 2], pa.int8()),
            "colour": pa.array(["red", None]).dictionary_encode(),
            "depth": pa.array([1.5, None], pa.float32()),
            "price": pa.array([None, None], pa.null()),
        }
    )
    pq.write_table(table, tmp_path / "in.parquet")
    score(regression, tmp_path / "in.parquet", tmp_path / "out.parquet")
    score(regression, tmp_path / "in.parquet", tmp_path / "out.csv")
    found = pq.read_table(tmp_path / "out.parquet")
    assert [str(kind) for kind in found.schema.types[:3]] == ["int8", DICTIONARY, "float"]
    assert found.select(table.column_names).to_pylist() == table.to_pylist()
    assert (tmp_path / "out.csv").read_text().splitlines()[1].startswith("1,red,1.5,,")


def test_the_columns_may_come_in_any_order_and_optional_ones_may_be_left_out(regression: Tiny, tmp_path: Path) -> None:
    """Only `size` is required."""
    scored(regression, tmp_path, "colour,size\nred,5\nblue,6\n")
    x = np.array([[5, np.nan, np.nan, 0, np.nan], [6, np.nan, np.nan, 2, np.nan]])
    assert [row["prediction"] for row in got(tmp_path / "out.csv")] == regression.predictor.predict(x).value.tolist()


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("source", FORMATS)
def test_a_table_without_rows_gives_one_without_rows(tiny: Tiny, tmp_path: Path, source: Format, target: Format) -> None:
    """A header, or nothing, or an empty Parquet file that can be read."""
    path = tmp_path / f"in.{source}"
    if source == "parquet":
        pq.write_table(pa.table({"size": pa.array([], pa.float64())}), path)
    else:
        path.write_text("size\n" if source == "csv" else "")
    assert score(tiny, path, tmp_path / f"out.{target}") == []
    assert got(tmp_path / f"out.{target}") == []


def test_faults_are_told_by_line_field_and_what_is_allowed(regression: Tiny, tmp_path: Path) -> None:
    """All kinds at once, in the order of the file; nothing is written."""
    text = HEAD + '1,2,true,red,1\n\n11,x,maybe,pink,inf\n,1.5,,"re\nd",\n5,1,0,red\n6,1,0,red,1\n7,1,0,red,1,9\n'
    assert refusal(regression, tmp_path, text) == [
        f"{tmp_path / 'in.csv'}: 4 of 6 rows do not keep the contract; {tmp_path / 'out.csv'} was not written",
        "line 4, size: must be at most 10",
        "line 4, count: must be an integer",
        "line 4, old: must be true or false",
        "line 4, colour: must be one of red, green, blue",
        "line 4, depth: must be finite",
        "line 5, size: required, but missing",
        "line 5, count: must be an integer",
        "line 5, colour: must be one of red, green, blue",
        "line 7, the row: must have 5 fields, has 4",
        "line 9, the row: must have 5 fields, has 6",
    ]


@pytest.mark.parametrize("count", [1, 3, 1000])
def test_lines_are_counted_across_chunks(regression: Tiny, tmp_path: Path, count: int) -> None:
    """Quoted line ends and empty lines included, whatever the chunk."""
    text = HEAD + '1,,,"red",\n\n2,,,"red",\n' * 20 + '3,,,"r\ne\nd",\n' + "99,,,,\n"
    assert refusal(regression, tmp_path, text, count)[1:] == [
        "line 62, colour: must be one of red, green, blue",
        "line 65, size: must be at most 10",
    ]


def test_the_first_twenty_faults_are_told_and_the_rest_counted(regression: Tiny, tmp_path: Path) -> None:
    """The first by line, also when a later chunk is ready sooner."""
    said = refusal(regression, tmp_path, HEAD + "99,,,pink,\n" * 500, count=10)
    assert said[0].startswith(f"{tmp_path / 'in.csv'}: 500 of 500 rows")
    assert said[1:-1] == [
        line
        for n in range(2, 12)
        for line in (f"line {n}, size: must be at most 10", f"line {n}, colour: must be one of red, green, blue")
    ]
    assert said[-1] == "and 980 more"


@pytest.mark.parametrize("kind", FORMATS)
def test_faulty_rows_are_left_out_on_demand(regression: Tiny, tmp_path: Path, kind: Format) -> None:
    """The others are scored as if they were alone; what was left out is told."""
    rows: Rows = [{"size": 1.0}, {"size": 99.0}, {"size": 3.0, "colour": "pink"}, {"size": 4.0}]
    told = score(regression, put(tmp_path / f"in.{kind}", rows), tmp_path / f"out.{kind}", skip=True)
    unit, first = ("row", 1) if kind == "parquet" else ("line", 2 if kind == "csv" else 1)
    assert told == [
        f"{tmp_path / f'in.{kind}'}: left out 2 of 4 rows",
        f"{unit} {first + 1}, size: must be at most 10",
        f"{unit} {first + 2}, colour: must be one of red, green, blue",
    ]
    alone = regression.predictor.predict_rows([rows[0], rows[3]]).value.tolist()
    assert [row["prediction"] for row in got(tmp_path / f"out.{kind}")] == alone


@pytest.mark.parametrize("target", ["parquet", "jsonl", "csv"])
@pytest.mark.parametrize("source", ["csv", "jsonl"])
def test_faulty_rows_are_left_out_between_formats_too(binary: Tiny, tmp_path: Path, source: Format, target: Format) -> None:
    """Columns, labels and answers of what is left stay side by side."""
    rows: Rows = [{"size": 99.0, "price": "a"}, {"size": 1.0, "price": "b"}, {"size": -5.0, "price": "c"}]
    path = put(tmp_path / f"in.{source}", rows, ["size", "price"])
    assert score(binary, path, tmp_path / f"out.{target}", skip=True)[0].endswith("left out 2 of 3 rows")
    (row,) = got(tmp_path / f"out.{target}")
    answer = binary.predictor.predict_rows([{"size": 1.0}]).probabilities
    assert answer is not None
    assert (row["size"], row["price"], row["probability_yes"]) == (1.0, "b", answer[0, 1])


def test_what_arrow_cannot_read_is_refused_with_its_lines(
    regression: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its word is passed on."""

    def stumble(*_: object) -> None:
        raise pa.ArrowInvalid("no such thing")

    monkeypatch.setattr(pyarrow.csv, "read_csv", stumble)
    with pytest.raises(DataError, match="the lines from 2 on cannot be read as CSV: no such thing"):
        scored(regression, tmp_path, "size\n1\n")


def test_all_rows_may_be_left_out(regression: Tiny, tmp_path: Path) -> None:
    """Then the output has a header alone."""
    assert scored(regression, tmp_path, HEAD + "99,,,,\n,,,,\n", skip=True)[0].endswith("left out 2 of 2 rows")
    assert (tmp_path / "out.csv").read_text() == HEAD.strip() + ",prediction,lower,upper\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ["the input is empty: it needs a header and rows"]),
        ("\n\n", ["the input is empty: it needs a header and rows"]),
        ("count\n1\n", ["size: the column is required, but missing"]),
        ("size,smell\n1,2\n", ["smell: unknown column, take it out"]),
        ("size,count,size\n1,2,3\n", ["size: the header holds this column twice"]),
        ("size;count\n1;2\n", [f"the columns are separated by semicolons: {ADVICE}"]),
        ("of;others\n1;2\n", ["size: the column is required, but missing", "'of;others': unknown column, take it out"]),
        ("size,\x1b[31m\n1,2\n", ["'\\x1b[31m': unknown column, take it out"]),
    ],
)
def test_a_header_that_does_not_fit_is_refused(regression: Tiny, tmp_path: Path, text: str, said: list[str]) -> None:
    """Missing, unknown and doubled columns, all at once, in printable characters."""
    summary, *faults = refusal(regression, tmp_path, text)
    assert (faults or [summary]) == said


@pytest.mark.parametrize("kind", FORMATS)
def test_a_column_of_the_name_of_an_answer_is_refused(multiclass: Tiny, tmp_path: Path, kind: Format) -> None:
    """Nothing of the input is overwritten."""
    contract = multiclass.bundle.contract
    renamed = replace(contract, target=replace(contract.target, name="probability_low"))
    tiny = replace(multiclass, bundle=replace(multiclass.bundle, contract=renamed))
    path = put(tmp_path / f"in.{kind}", [{"size": 1.0, "probability_low": "low"}], [*HEADER, "probability_low"])
    with pytest.raises(DataError, match="has a column probability_low already"):
        score(tiny, path, tmp_path / "out.csv")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "the row: must be a JSON object"),
        ("[1]", "the row: must be a JSON object"),
        ("5", "the row: must be a JSON object"),
        ('{"size": NaN}', "the row: must be a JSON object"),
        ('{"size": 1, "smell": 2}', "smell: unknown field, remove it"),
        ('{"size": "1"}', "size: must be a number"),
        ('{"size": true}', "size: must be a number"),
        ('{"size": 1e999}', "size: must be finite"),
        (f'{{"size": 1{"0" * 400}}}', "size: must be at most 3.40282e+38 in size"),
        (f'{{"size": {"9" * 5000}}}', "the row: must be a JSON object"),
        ("[" * 100_000, "the row: must be a JSON object"),
        ('{"size": 1, "price": "dear"}', "price: must be a number"),
        ("{}", "size: required, but missing"),
    ],
)
def test_a_json_line_at_fault_is_told(regression: Tiny, tmp_path: Path, line: str, said: str) -> None:
    """By its own number, empty lines counted; the lines around it are fine."""
    (tmp_path / "in.jsonl").write_text(f'{{"size": 1}}\n\n{line}\n{{"size": 2}}\n')
    with pytest.raises(DataError) as error:
        score(regression, tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    assert error.value.faults == (f"line 3, {said}",)


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (pa.array(["1"]), "size: a column of type string cannot hold a number"),
        (pa.array([[1.0]]), "size: a column of type list<element: double> cannot hold a number"),
        (pa.array([True]), "size: a column of type bool cannot hold a number"),
    ],
)
def test_a_parquet_column_of_another_type_is_refused(regression: Tiny, tmp_path: Path, column: pa.Array, said: str) -> None:
    """Once for the column, not once for each row."""
    pq.write_table(pa.table({"size": column}), tmp_path / "in.parquet")
    with pytest.raises(DataError) as error:
        score(regression, tmp_path / "in.parquet", tmp_path / "out.csv")
    assert error.value.faults == (said,)


def test_what_is_no_parquet_is_refused(regression: Tiny, tmp_path: Path) -> None:
    """By its name it should be."""
    (tmp_path / "in.parquet").write_text(HEAD)
    with pytest.raises(DataError, match="the input cannot be read as Parquet"):
        score(regression, tmp_path / "in.parquet", tmp_path / "out.csv")


def test_damaged_parquet_is_refused_and_nothing_is_written(regression: Tiny, tmp_path: Path) -> None:
    """The footer may be whole while the pages are not."""
    pq.write_table(pa.table({"size": np.linspace(0, 10, 5000)}), tmp_path / "in.parquet", use_dictionary=False)
    whole = bytearray((tmp_path / "in.parquet").read_bytes())
    whole[4:4000] = bytes(3996)
    (tmp_path / "in.parquet").write_bytes(whole)
    with pytest.raises(DataError, match="the input is damaged"):
        score(regression, tmp_path / "in.parquet", tmp_path / "out.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["in.parquet"]


@pytest.mark.parametrize(("text", "said"), [(b"size\n1\n\xff\n", "line 3 is not UTF-8"), (b'size\n"1\n', "not closed")])
def test_text_that_cannot_be_read_is_refused_with_its_line(regression: Tiny, tmp_path: Path, text: bytes, said: str) -> None:
    """Wrong encoding, an open quote; nothing is written, whatever is done about rows at fault."""
    (tmp_path / "in.csv").write_bytes(text)
    with pytest.raises(DataError, match=said):
        score(regression, tmp_path / "in.csv", tmp_path / "out.csv", skip=True)
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_a_file_may_be_scored_in_place(regression: Tiny, tmp_path: Path) -> None:
    """The output takes the place of the input when it is whole."""
    path = put(tmp_path / "t.parquet", [{"size": 1.0}])
    score(regression, path, path)
    assert len(got(path)[0]) == 9


def test_a_refused_file_leaves_the_old_output_alone(regression: Tiny, tmp_path: Path) -> None:
    """Yesterday's predictions are better than none."""
    (tmp_path / "out.csv").write_text("old")
    (tmp_path / "in.csv").write_text("size\n99\n")
    with pytest.raises(DataError):
        score(regression, tmp_path / "in.csv", tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "old"


@pytest.mark.parametrize("name", ["in.txt", "in", "in.csv.gz"])
def test_a_file_of_no_known_format_is_refused(regression: Tiny, tmp_path: Path, name: str) -> None:
    """Unless its format is given."""
    (tmp_path / name).write_text("size\n1\n")
    with pytest.raises(HearthError, match="the suffix says no format"):
        score(regression, tmp_path / name, tmp_path / "out.csv")
    score_file(regression.predictor, tmp_path / name, tmp_path / "out", given="csv", count=5, skip=False)
    assert len((tmp_path / "out").read_text().splitlines()) == 2


def test_files_that_cannot_be_opened_are_named(regression: Tiny, tmp_path: Path) -> None:
    """Input and output alike."""
    (tmp_path / "in.csv").write_text("size\n1\n")
    with pytest.raises(HearthError, match=r"none\.csv cannot be opened: No such file"):
        score(regression, tmp_path / "none.csv", tmp_path / "out.csv")
    with pytest.raises(HearthError, match="there is no folder"):
        score(regression, tmp_path / "in.csv", tmp_path / "none" / "out.csv")
    (tmp_path / "dir.csv").mkdir()
    with pytest.raises(HearthError, match=r"dir\.csv cannot be opened: Is a directory"):
        score(regression, tmp_path / "in.csv", tmp_path / "dir.csv")


def test_a_device_is_written_to_and_not_replaced(regression: Tiny, tmp_path: Path) -> None:
    """/dev/null stays what it is; a named pipe gets the rows."""
    (tmp_path / "in.csv").write_text("size\n1\n")
    os.mkfifo(tmp_path / "pipe")
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_text()))
    reader.start()
    score_file(regression.predictor, tmp_path / "in.csv", tmp_path / "pipe", given="csv", count=5, skip=False)
    reader.join()
    assert read[0].startswith("size,prediction")
    assert (tmp_path / "pipe").is_fifo()


def test_parquet_comes_through_a_pipe(regression: Tiny, tmp_path: Path) -> None:
    """Though it is read from its end."""
    source = put(tmp_path / "in.parquet", [{"size": 1.0}, {"size": 2.0}])
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(source.read_bytes()))
    writer.start()
    score_file(regression.predictor, tmp_path / "pipe", tmp_path / "out.csv", given="parquet", count=5, skip=False)
    writer.join()
    assert len(got(tmp_path / "out.csv")) == 2


FIELDS = st.fixed_dictionaries(
    {"size": st.floats(-1, 11) | st.none()},
    optional={
        "count": st.integers(-1, 10) | st.floats(0, 5) | st.none(),
        "old": st.booleans() | st.none(),
        "colour": st.sampled_from(["red", "blue", "pink", None]),
        "secret": st.floats() | st.none(),
        "depth": st.floats() | st.none(),
    },
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=drawn(40))
@given(st.lists(FIELDS, max_size=12), st.integers(1, 5))
def test_what_is_scored_is_what_rows_would_be(regression: Tiny, tmp_path: Path, rows: Rows, count: int) -> None:
    """The verdict on each row, its reasons and its answer are those of the bundle."""
    sound, faults = [], []
    for number, row in enumerate(rows, 1):
        try:
            sound.append(regression.predictor.predict_rows([row]).value[0])
        except RowError as error:
            faults += [f"row {number}, {fault.field}: {fault.message}" for fault in error.found]
    kinds = dict(zip(HEADER, [pa.float64(), pa.float64(), pa.bool_(), pa.float64(), pa.string(), pa.float64()], strict=True))
    columns = {name: pa.array([row.get(name) for row in rows], kind, from_pandas=False) for name, kind in kinds.items()}
    pq.write_table(pa.table(columns), tmp_path / "in.parquet")
    told = score(regression, tmp_path / "in.parquet", tmp_path / "out.parquet", count=count, skip=True)
    assert [row["prediction"] for row in got(tmp_path / "out.parquet")] == sound
    assert told[1:21] == faults[:20]


def test_chunks_are_done_side_by_side_in_order_and_never_many_ahead() -> None:
    """However large the table is, only a few chunks are in memory."""
    begun: list[int] = []

    def jobs() -> Iterator[Callable[[], Scored]]:
        for i in range(50):
            begun.append(i)
            yield lambda: EMPTY

    for done, _ in enumerate(ordered(jobs()), 1):
        assert len(begun) <= done + (os.cpu_count() or 1) + 1
    assert begun == list(range(50))


EMPTY = Scored(Chunk([], {}, [], 0, np.zeros(0, dtype=np.bool_), 0, 0), None)


def test_what_a_chunk_raises_is_raised() -> None:
    """In its turn."""

    def broken() -> Scored:
        raise ZeroDivisionError

    def jobs() -> Iterator[Callable[[], Scored]]:
        yield lambda: EMPTY
        yield broken
        yield from ((lambda: EMPTY) for _ in range(50))

    done = ordered(jobs())
    assert next(done) is EMPTY
    with pytest.raises(ZeroDivisionError):
        next(done)
