"""Ids and truths as text."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.store import new_id
from api.store.records import actual_text, row_of

ID = "0199f0c2a1b" + "0123456789abcdef" * 2


def test_ids_are_of_one_form_and_never_the_same() -> None:
    """An id is 43 characters that need no escaping in a URL, and later ones follow earlier ones."""
    made = {new_id() for _ in range(1000)}
    assert len(made) == 1000
    assert all(row_of(one) == (one, None) for one in made)
    early = new_id()
    time.sleep(0.002)
    assert early < new_id()


@pytest.mark.parametrize(("text", "row"), [(ID, (ID, None)), (f"{ID}.0", (ID, 0)), (f"{ID}.9999", (ID, 9999))])
def test_an_id_names_a_row(text: str, row: tuple[str, int | None]) -> None:
    """A bare id, or an id with the index of a row of a batch."""
    assert row_of(text) == row


@pytest.mark.parametrize(
    "text",
    ["", ".", ID[1:], ID + "A", ID + "\n", ID + ".", ID + ".-1", ID + ".01", ID + ".1.1", ID + ".1\n", ID + ".٣", ID + ".1e3",
     ID + ".9999999999", "ä" * 43, "\0" * 43, "\ud800" * 43, ID.upper(),
     "'; DROP TABLE predictions; --", "A" * 1_000_000, f" {ID}"],
)  # fmt: skip
def test_anything_else_names_none(text: str) -> None:
    """Another length, another alphabet, an index written in another way."""
    assert row_of(text) is None


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    """Reading an id never raises."""
    assert row_of(text) is None or row_of(text) is not None


@pytest.mark.parametrize(
    ("one", "other"), [(24.0, 24), (-0.0, 0), (1e15, 10**15), ("a", "a"), (True, True), (0.1 + 0.2, 0.30000000000000004)]
)
def test_the_same_truth_has_one_text(one: float | str, other: float | str) -> None:
    """However a number is written."""
    assert actual_text(one) == actual_text(other)


@pytest.mark.parametrize(("one", "other"), [(1, True), (1, "1"), (0, False), (0.1, 0.10000000000000002), ("a", "A"), ("", "0")])
def test_other_truths_have_other_texts(one: float | str, other: float | str) -> None:
    """A number is no label and no boolean."""
    assert actual_text(one) != actual_text(other)


@given(st.floats(allow_nan=False, allow_infinity=False) | st.text() | st.booleans())
def test_a_truth_comes_back(actual: float | str | bool) -> None:
    """The text is JSON of what was told, in plain ASCII that every database takes."""
    text = actual_text(actual)
    assert json.loads(text) == actual
    assert text.isascii()


@pytest.mark.parametrize("actual", [float("nan"), float("inf")])
def test_what_is_no_number_is_no_truth(actual: float) -> None:
    """NaN and infinity are refused."""
    with pytest.raises(ValueError, match="JSON compliant"):
        actual_text(actual)
