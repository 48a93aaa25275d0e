"""CSV and Parquet files, here or wherever fsspec reaches: S3, Google Cloud Storage, Azure, HTTP, SFTP."""

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from hearth.errors import SourceError
from hearth.sources import written
from hearth.sources.fetched import Fetched, local

PACKAGES = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "abfs": "adlfs", "az": "adlfs", "http": "aiohttp", "https": "aiohttp"}


def csv_file(where: str, folder: Path, root: Path = Path()) -> Fetched:
    """The CSV file at ``data.csv.path``: a path from ``root``, or a URL that is downloaded into ``folder``.

    Raises:
        SourceError: it is not there, or cannot be had.
    """
    return _here("csv", where, folder / "table.csv", root)


def parquet_file(where: str, folder: Path, root: Path = Path()) -> Fetched:
    """The Parquet file at ``data.parquet.path``, as ``csv_file``, written as CSV into ``folder``.

    Raises:
        SourceError: it is not there, cannot be had, is no Parquet, or holds lists or objects.
    """
    fetched = _here("parquet", where, folder / "table.parquet", root)
    path = folder / "table.csv"
    try:
        with pq.ParquetFile(fetched.path) as file:
            written.from_arrow(file.iter_batches(), file.schema_arrow, path, where)
    except (pa.ArrowInvalid, OSError) as error:
        raise SourceError(f"data.parquet.path: {where} is no Parquet file that can be read: {error}") from error
    return Fetched(path=path, source="parquet", where=where)


def remote(where: str) -> bool:
    """Whether a place is a URL and not a path."""
    return "://" in where


def _here(source: str, where: str, path: Path, root: Path) -> Fetched:
    if not remote(where):
        return local(source, where, root)
    _download(source, where, path)
    return Fetched(path=path, source=source, where=where)


def _download(source: str, where: str, path: Path) -> None:
    import fsspec  # noqa: PLC0415 - a file that is here needs none

    protocol = where.partition("://")[0]
    try:
        with fsspec.open(where, "rb") as file, path.open("wb") as copy:
            shutil.copyfileobj(file, copy, 1 << 20)
    except ImportError as error:
        package = PACKAGES.get(protocol, f"what fsspec needs for {protocol}://")
        raise SourceError(f"data.{source}.path: {protocol}:// needs another package: pip install {package}") from error
    except (OSError, ValueError, RuntimeError) as error:  # what file systems raise is theirs: these are the bases
        raise SourceError(f"data.{source}.path: {where} {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """Why a file cannot be had; fsspec takes a server that is out of reach for a file that does not exist."""
    cause = error.__cause__
    if isinstance(error, FileNotFoundError) and (not isinstance(cause, OSError) or isinstance(cause, FileNotFoundError)):
        return "does not exist: correct the path"
    told = cause if isinstance(error, FileNotFoundError) else error
    reason = str(told).splitlines()[0][:200] if str(told) else type(told).__name__
    return f"cannot be had ({reason}): are the path, the network and the credentials in the environment right?"
