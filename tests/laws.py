"""How many examples of a law are drawn: the share that HEARTH_TEST_EXAMPLES names, else all."""

import os

SHARE = float(os.environ.get("HEARTH_TEST_EXAMPLES", "1"))


def drawn(examples: int = 100) -> int:
    """So many of these, and never fewer than ten."""
    return max(10, round(examples * SHARE))
