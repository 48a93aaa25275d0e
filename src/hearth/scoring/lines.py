"""Text files of any size in pieces of whole lines, each of which knows the line that it starts on."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from hearth.errors import DataError

LONGEST = (
    4 << 20
)  # bytes of one line, or of a quoted field with line ends; more is a file of another kind, or a forgotten quote
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Piece:
    """Whole lines; ``first`` is the number of the first, from 1."""

    data: bytes
    first: int


class Lines:
    """Hands out a binary stream in pieces. With ``quoted``, a line end between quotation marks ends no piece.

    Raises:
        DataError: a line, or a quoted field, is longer than ``LONGEST``.
    """

    def __init__(self, stream: BinaryIO, *, quoted: bool) -> None:
        self._stream, self._quoted, self._line = stream, quoted, 1

    def take(self, count: int) -> Piece:
        """About ``count`` lines more; empty at the end of the stream."""
        first, taken = self._line, list[bytes]()
        while len(taken) < count and (line := self._next()):
            taken.append(line)
        data = b"".join(taken)
        if self._quoted and data.count(b'"') % 2:
            data += self._rest_of_field()
        return Piece(data.removeprefix(_BOM) if first == 1 else data, first)

    def pieces(self, count: int) -> Iterator[Piece]:
        """The rest of the stream, ``count`` lines at a time."""
        while (piece := self.take(count)).data:
            yield piece

    def _next(self) -> bytes:
        line = self._stream.readline(LONGEST)
        if len(line) == LONGEST:
            raise DataError(
                f"line {self._line} is longer than {LONGEST >> 20} MiB: is the file of the format that is expected?"
            )
        self._line += 1
        return line

    def _rest_of_field(self) -> bytes:
        start, rest, size = self._line - 1, list[bytes](), 0
        while (line := self._next()) and size < LONGEST:
            rest.append(line)
            size += len(line)
            if line.count(b'"') % 2:
                return b"".join(rest)
        raise DataError(
            f"a quotation mark on line {start} or shortly before it is not closed: "
            "put a field that holds one in quotes, and double it"
        )


def records(piece: Piece) -> Iterator[tuple[int, list[str]]]:
    """The rows of a piece of CSV with the line that each starts on; empty lines are left out."""
    reader = csv.reader(io.StringIO(text(piece), newline=""))
    before = 0
    try:
        for fields in reader:
            if fields:
                yield piece.first + before, fields
            before = reader.line_num
    except csv.Error as error:
        raise DataError(f"line {piece.first + before} cannot be read as CSV: {error}") from error


def text(piece: Piece) -> str:
    """The piece as text.

    Raises:
        DataError: it is not UTF-8; names the line.
    """
    try:
        return piece.data.decode()
    except UnicodeDecodeError as error:
        line = piece.first + piece.data.count(b"\n", 0, error.start)
        raise DataError(f"line {line} is not UTF-8: save the file in UTF-8") from error
