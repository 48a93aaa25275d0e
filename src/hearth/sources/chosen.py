"""The source that the settings choose, and the sum of what it gives."""

import hashlib
from pathlib import Path

from hearth.params import CsvSource, DataParams, KaggleSource, OpenmlSource, ParquetSource, SqlSource
from hearth.sources import files
from hearth.sources.fetched import Fetched, local


def fetch(data: DataParams, folder: Path, root: Path = Path()) -> Fetched:
    """The table's CSV file from ``data.source``; what is downloaded or written goes into ``folder``. Paths begin at ``root``.

    Raises:
        SourceError: it cannot be had; the message says why.
    """
    match getattr(data, data.source):
        case KaggleSource() as chosen:
            from hearth.sources import kaggle  # noqa: PLC0415 - as below: half a second that no other source needs

            return kaggle.download(chosen, folder)
        case OpenmlSource(id=number):
            from hearth.sources import openml  # noqa: PLC0415

            return openml.download(number, folder)
        case SqlSource() as chosen:
            from hearth.sources import sql  # noqa: PLC0415

            return sql.query(chosen, folder)
        case ParquetSource(path=where):
            return files.parquet_file(where, folder, root)
        case CsvSource(path=where):
            return files.csv_file(where, folder, root)
        case other:
            return local(data.source, other.path, root)


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
