"""CSV files as text."""

import csv
import io
import re
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearth.errors import DataError
from hearth.sources import csvfile

PLAIN = b"a,b\n1,x\n2,y\n"
FIELDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A place for the file."""
    return tmp_path / "table.csv"


def rows(table: pa.Table) -> list[list[str]]:
    """The table's rows as lists."""
    return [list(row) for row in zip(*(column.to_pylist() for column in table.columns), strict=True)]


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        b"\xef\xbb\xbf" + PLAIN,
        PLAIN.replace(b"\n", b"\r\n"),
        PLAIN.replace(b"\n", b"\r"),
        PLAIN.removesuffix(b"\n"),
        b"\n\n" + PLAIN.replace(b"\n", b"\n\n"),
        b'"a","b"\n"1","x"\n"2","y"\n',
    ],
)
def test_dialects_read_alike(file: Path, content: bytes) -> None:
    """A byte order mark, any line ending, empty lines and quotes change nothing."""
    file.write_bytes(content)

    text = csvfile.read(file)

    assert text.table.to_pydict() == {"a": ["1", "2"], "b": ["x", "y"]}
    assert text.ragged == 0


def test_nothing_is_interpreted(file: Path) -> None:
    """Numbers, missing values and words stay the text that the file holds."""
    file.write_text("a,b\n007,NA\ntrue,\n", encoding="utf-8")

    assert rows(csvfile.read(file).table) == [["007", "NA"], ["true", ""]]


def test_a_name_that_stands_twice_is_kept(file: Path) -> None:
    """Two columns of one name stay two columns of that name."""
    file.write_text("a,a\n1,2\n", encoding="utf-8")

    assert csvfile.read(file).table.column_names == ["a", "a"]


@pytest.mark.parametrize("content", [b"a,b", b"a,b\n", b"a,b\r\n\r\n", b'"a\nb",b\n'])
def test_a_header_alone_gives_no_rows(file: Path, content: bytes) -> None:
    """A file of a header and nothing else is a table of no rows."""
    file.write_bytes(content)

    text = csvfile.read(file)

    assert (text.table.num_rows, text.table.num_columns) == (0, 2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n\r\n\n", "is empty"),
        (b"a,b\n1,\xff\n", "line 2 of the file is not UTF-8"),
        ("a,b\n1,é\n".encode("latin-1"), "line 2 of the file is not UTF-8"),
        ("a,b\n1,2\n".encode("utf-16"), "line 1 of the file is not UTF-8"),
        (b"a,b\n1,2\n3,\0\n", "line 3 of the file holds a NUL byte"),
        (
            b'a,b\n1,"' + b"x" * 3 * csvfile.LONGEST_ROW + b"\n2,3\n",
            "row from line 2 on is longer than 4 MiB: look for a quote",
        ),
    ],
    ids=["empty", "blank", "bytes", "latin-1", "utf-16", "nul", "huge"],
)
def test_what_is_no_csv_file_is_refused(file: Path, content: bytes, message: str) -> None:
    """An empty, binary, differently encoded or unclosed file is refused with a message that says where it fails."""
    file.write_bytes(content)

    with pytest.raises(DataError, match=message):
        csvfile.read(file)


def test_a_huge_field_is_read(file: Path) -> None:
    """Header and fields may be far longer than the standard library's own limit, which is left as it was."""
    limit, huge = 131_072, "x" * 300_000
    csv.field_size_limit(limit)
    file.write_text(f"a,{huge}\n1,{huge}\n1,2,3\n", encoding="utf-8")

    assert csvfile.read(file).table.to_pydict() == {"a": ["1"], huge: [huge]}
    assert list(csvfile.ragged_lines(file, 2)) == [3]
    assert csv.field_size_limit() == limit


def test_ragged_rows_are_left_out_and_found(file: Path) -> None:
    """A row with more or fewer fields than the header is counted, and its line can be told."""
    file.write_text("a,b\n1,2\n3\n\n4,5,6\n7,8\n", encoding="utf-8")

    text = csvfile.read(file)

    assert text.ragged == 2
    assert rows(text.table) == [["1", "2"], ["7", "8"]]
    assert list(csvfile.ragged_lines(file, 2)) == [3, 5]


def test_line_numbers_are_the_files_own(file: Path) -> None:
    """Empty lines, fields over several lines and ragged rows count as lines of the file, not as rows."""
    file.write_text('\na,b\n1,x\n\n2,"y\ny"\n3\n4,z\n5,z\n', encoding="utf-8")

    assert csvfile.line_numbers(file, 2, [0, 1, 2]) == {0: 3, 1: 5, 2: 8}
    assert csvfile.line_numbers(file, 2, []) == {}


@given(
    table=st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(FIELDS, min_size=width, max_size=width), min_size=2)),
    ending=st.sampled_from(["\n", "\r\n"]),
)
def test_what_a_csv_writer_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, table: list[list[str]], ending: str
) -> None:
    """Every field of every row comes back as it was written, and the line found for the last row is where it starts."""
    written = io.StringIO(newline="")
    writer = csv.writer(written, quoting=csv.QUOTE_ALL, lineterminator=ending)
    writer.writerows(table[:-1])
    line = len(re.split("\r\n|\r|\n", written.getvalue()))
    writer.writerow(table[-1])
    file = tmp_path_factory.mktemp("csv") / "table.csv"
    file.write_text(written.getvalue(), encoding="utf-8", newline="")

    text = csvfile.read(file).table

    assert [text.column_names, *rows(text)] == table
    assert csvfile.line_numbers(file, len(table[0]), [len(table) - 2]) == {len(table) - 2: line}
