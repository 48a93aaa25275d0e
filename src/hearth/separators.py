"""A header whose names are not separated by commas, which reads as one strange name."""

from collections.abc import Container, Sequence

WORDS = {";": "semicolons", "\t": "tabs", "|": "bars"}
ADVICE = "separate them by commas, and write numbers with a point"


def other_than_commas(header: Sequence[str], known: Container[str] | None = None) -> str | None:
    """What separates the names in a header of one, in a word, or None; where ``known`` is given, one of them must be known."""
    if len(header) != 1 or (known is not None and header[0] in known):
        return None
    for mark, word in WORDS.items():
        parts = header[0].split(mark)
        if len(parts) > 1 and (known is None or any(part in known for part in parts)):
            return word
    return None
