"""How faults are told."""

import pyarrow as pa
import pytest

from hearth.sources.faults import Fault, marked, shown


def test_a_fault_names_the_first_lines() -> None:
    """A fault of many rows gives their number and the first lines."""
    bad = pa.chunked_array([[True, None], [False, *[True] * 6]])

    [fault] = marked("x", "wrong", bad, pa.chunked_array([list("abcdefghi")]))

    assert fault == Fault("x", "wrong", (0, 3, 4, 5, 6), 7, "'a'")
    assert fault.told({row: row + 2 for row in range(9)}) == "x: wrong in 7 rows (lines 2, 5, 6, 7, 8, ...), such as 'a'"


def test_one_row_is_told_in_the_singular() -> None:
    """A single row has a line, not lines."""
    assert Fault("x", "wrong", (3,), 1).told({3: 9}) == "x: wrong in 1 row (line 9)"


def test_a_fault_of_the_column_has_no_lines() -> None:
    """Without rows, only column and text are told."""
    assert Fault("x", "missing").told({}) == "x: missing"


@pytest.mark.parametrize("bad", [pa.chunked_array([[False, None]]), pa.chunked_array([], pa.bool_())])
def test_no_row_is_no_fault(bad: pa.ChunkedArray) -> None:
    """Where nothing is wrong there is no fault."""
    assert marked("x", "wrong", bad) == []


@pytest.mark.parametrize("value", ["x" * 10_000, "\x1b[31m" * 9, "\u202eé" * 30, "\n"])
def test_what_is_shown_is_short_and_harmless(value: str) -> None:
    """What would move the cursor, turn the direction or fill the screen is escaped or cut off."""
    text = shown(value)

    assert len(text) <= 40
    assert text.isprintable()


def test_letters_are_shown_as_they_are() -> None:
    """Somebody whose columns are named in another language reads them, and copies them into a command."""
    assert shown("länge in €") == "'länge in €'"
