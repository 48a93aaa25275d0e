"""What separates the names of a header, where commas do not."""

from collections.abc import Collection, Sequence

import pytest

from hearth.separators import other_than_commas


@pytest.mark.parametrize(
    ("header", "known", "word"),
    [
        (["a;b"], None, "semicolons"),
        (["a\tb"], None, "tabs"),
        (["a|b"], None, "bars"),
        (["a;b"], {"b", "c"}, "semicolons"),
        (["a;b|c"], {"c"}, "bars"),
        (["a;b"], {"a;b"}, None),  # a name that holds a separator
        (["a;b"], {"c"}, None),
        (["a;b", "c"], None, None),
        (["a"], None, None),
        ([""], {""}, None),
        ([], None, None),
    ],
)
def test_a_header_of_one_name_that_is_several(header: Sequence[str], known: Collection[str] | None, word: str | None) -> None:
    """One name, that is none of the known, of whose parts one is."""
    assert other_than_commas(header, known) == word
