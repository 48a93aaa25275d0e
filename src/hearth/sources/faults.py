"""What is wrong with a table: in which column, in how many rows, from which line of the file on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

FIRST = 5  # rows that a fault names


@dataclass(frozen=True, slots=True)
class Fault:
    """``count`` rows of ``column`` are at fault, the first of them ``rows`` (from 0); no rows: all of the column is."""

    column: str
    text: str
    rows: tuple[int, ...] = ()
    count: int = 0
    sample: str = ""

    def told(self, lines: Mapping[int, int]) -> str:
        """One line for a person; ``lines`` gives the line of the file that each of ``rows`` starts on."""
        if not self.rows:
            return f"{self.column}: {self.text}"
        where = places(self.count, [lines[row] for row in self.rows])
        return f"{self.column}: {self.text} {where}" + (f", such as {self.sample}" if self.sample else "")


def places(count: int, lines: Sequence[int]) -> str:
    """``in 7 rows (lines 2, 5, ...)``: how many rows, and the first lines of them."""
    plural = "s" * (count > 1)
    listed = ", ".join(map(str, lines)) + (", ..." if count > len(lines) else "")
    return f"in {count} row{plural} (line{plural} {listed})"


def shown(value: object) -> str:
    """A short form of a value out of a file: printable characters alone, and at most 40."""
    text = repr(value if not isinstance(value, str) else value[:40])
    return text if len(text) <= 40 else f"{text[:36]}...'"


def marked(column: str, text: str, bad: pa.ChunkedArray, values: pa.ChunkedArray | None = None) -> list[Fault]:
    """The fault of the rows where ``bad`` is true, with the first of ``values`` there; none where it never is."""
    if not pc.any(bad, min_count=0).as_py():
        return []
    rows = pc.indices_nonzero(bad)
    first = tuple(rows[:FIRST].to_pylist())
    sample = "" if values is None else shown(values[first[0]].as_py())
    return [Fault(column, text, first, len(rows), sample)]
