import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearth.errors import DataError
from hearth.scoring import lines
from hearth.scoring.lines import Lines, records


@given(st.lists(st.text("ab,1ä", max_size=5)), st.integers(1, 4), st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_pieces_are_the_stream_and_know_their_lines(rows: list[str], count: int, ended: bool, end: str) -> None:
    """Nothing is lost or doubled, and no piece is longer than it may be."""
    text = end.join(rows) + end * ended
    pieces = list(Lines(io.BytesIO(text.encode()), quoted=True).pieces(count))
    assert b"".join(piece.data for piece in pieces) == text.encode()
    assert [piece.first for piece in pieces] == [1 + count * i for i in range(len(pieces))]
    assert all(piece.data.count(b"\n") <= count for piece in pieces)


def test_a_quoted_line_end_ends_no_piece() -> None:
    """A row stays whole, however many lines it takes."""
    text = b'a,"x\ny\n\nz"\nb,1\n'
    pieces = list(Lines(io.BytesIO(text), quoted=True).pieces(1))
    assert [(piece.first, piece.data) for piece in pieces] == [(1, b'a,"x\ny\n\nz"\n'), (5, b"b,1\n")]
    assert len(list(Lines(io.BytesIO(text), quoted=False).pieces(1))) == 5


def test_rows_know_the_line_that_they_start_on() -> None:
    """Past quoted line ends, empty lines and Windows line ends."""
    text = b'h\r\n\r\n"a\r\nb",1\r\n"c ""d"" \n e"\n\nf\n'
    (piece,) = Lines(io.BytesIO(text), quoted=True).pieces(100)
    assert list(records(piece)) == [(1, ["h"]), (3, ["a\r\nb", "1"]), (5, ['c "d" \n e']), (8, ["f"])]


def test_a_byte_order_mark_is_no_part_of_the_first_name() -> None:
    """Spreadsheets write one."""
    (piece,) = Lines(io.BytesIO(b"\xef\xbb\xbfa,b\n"), quoted=True).pieces(5)
    assert list(records(piece)) == [(1, ["a", "b"])]


@pytest.mark.parametrize("quoted", [True, False])
def test_a_line_without_an_end_is_refused(quoted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it fills the memory."""
    monkeypatch.setattr(lines, "LONGEST", 1 << 10)
    with pytest.raises(DataError, match="line 2 is longer than"):
        list(Lines(io.BytesIO(b"a\n" + b"x" * 5000), quoted=quoted).pieces(1))


@pytest.mark.parametrize("rest", [b"", b"x\n" * 5000])
def test_a_quote_that_is_not_closed_is_refused_with_its_line(rest: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the file ends, or goes on for longer than a field may be."""
    monkeypatch.setattr(lines, "LONGEST", 1 << 10)
    with pytest.raises(DataError, match="a quotation mark on line 3 or shortly before it is not closed"):
        list(Lines(io.BytesIO(b'a,b\n1,2\n3,"4\n' + rest), quoted=True).pieces(1))


def test_bytes_that_are_not_utf_8_are_refused_with_their_line() -> None:
    """Latin-1 is the usual cause."""
    (piece,) = Lines(io.BytesIO("a\nb\ngrün\n".encode("latin-1")), quoted=True).pieces(5)
    with pytest.raises(DataError, match="line 3 is not UTF-8"):
        list(records(piece))


def test_a_field_too_long_for_csv_is_refused_with_its_line() -> None:
    """It is no field that a contract could want."""
    (piece,) = Lines(io.BytesIO(b"a\n" + b"x" * 200_000 + b"\n"), quoted=True).pieces(5)
    with pytest.raises(DataError, match="line 2 cannot be read as CSV"):
        list(records(piece))
