"""Files and standard streams: what is scored is opened here, what is written appears whole or not at all."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from hearth.artifacts import replacing_file
from hearth.errors import HearthError
from hearth.scoring.chunk import Format

STREAM = Path("-")
_FORMATS: dict[str, Format] = {".csv": "csv", ".parquet": "parquet", ".pq": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl"}


def format_of(path: Path, given: Format | None) -> Format:
    """The format by the suffix of a file; of a standard stream ``given``, or CSV.

    Raises:
        HearthError: the suffix says nothing and no format is given.
    """
    kind = _FORMATS.get(path.suffix.lower(), given)
    if kind is None and path != STREAM:
        raise HearthError(f"{path}: the suffix says no format; name the file .csv, .parquet or .jsonl, or give --format")
    return kind or "csv"


@contextmanager
def reading(path: Path, kind: Format) -> Iterator[tuple[BinaryIO, int | None]]:
    """The bytes of a file or of standard input, and how many they are, where that is known.

    Raises:
        HearthError: the file cannot be opened.
    """
    with _source(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        if kind != "parquet" or stream.seekable():
            yield stream, size or None
            return
        with tempfile.TemporaryFile() as copy:  # Parquet is read from its end
            shutil.copyfileobj(stream, copy)
            yield copy, None


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """A stream that takes the place of ``path`` when the block ends well; standard output, pipes and devices at once.

    Raises:
        HearthError: nothing can be written there.
    """
    if path == STREAM:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if path.exists() and not path.is_file():
        with _opened(path, "wb") as stream:
            yield stream
        return
    if not path.parent.is_dir():
        raise HearthError(f"{path}: there is no folder {path.parent}; make it first")
    with replacing_file(path) as temporary, _opened(temporary, "wb") as stream:
        yield stream


@contextmanager
def _source(path: Path) -> Iterator[BinaryIO]:
    if path == STREAM:
        yield sys.stdin.buffer
    else:
        with _opened(path, "rb") as stream:
            yield stream


def _opened(path: Path, mode: str) -> BinaryIO:
    try:
        return open(path, mode)  # type: ignore[return-value]  # noqa: PTH123 - the caller closes it
    except OSError as error:
        raise HearthError(f"{path} cannot be opened: {error.strerror}") from error
