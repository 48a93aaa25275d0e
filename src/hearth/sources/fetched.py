"""What a source hands on, and the sources that are already here: the copy in git and a file of the user's own."""

from dataclasses import dataclass
from pathlib import Path

from hearth.errors import SourceError


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A CSV file on this machine and where it comes from; ``version`` is the source's own, where it keeps versions."""

    path: Path
    source: str
    where: str
    version: str | None = None


def local(source: str, where: str, root: Path = Path()) -> Fetched:
    """Take the file at ``where``, a path from ``root`` (the working folder), as ``data.<source>.path`` names it.

    Raises:
        SourceError: no file is there.
    """
    path = root / where
    if path.is_dir():
        raise SourceError(f"data.{source}.path: {where} is a folder; name the CSV file in it")
    if not path.is_file():
        raise SourceError(f"data.{source}.path: {where} does not exist; put the CSV file there or correct the path")
    return Fetched(path=path, source=source, where=where)
