"""Whether there is anything to learn that the last build did not know: at the source."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from hearth.params import DataParams, KaggleSource
from hearth.sources.fetched import local


def source_news(data: DataParams, root: Path, read: Mapping[str, object]) -> str:
    """What is new at the source since the build that ``read`` this (``reports/data.json``); empty where nothing is.

    Kaggle is asked for the number of its newest version alone; a file is read for its sum. Paths begin at ``root``.

    Raises:
        SourceError: Kaggle does not say, or the file is not there.
    """
    chosen = getattr(data, data.source)
    if read.get("source") != data.source:
        return f"the source is {data.source}, the last build's was {read.get('source')}"
    if isinstance(chosen, KaggleSource):
        return _kaggle_news(chosen, read)
    path = local(data.source, str(root / chosen.path)).path
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return "" if digest == read["sha256"] else f"{chosen.path} has changed: SHA-256 {digest[:12]}, {str(read['sha256'])[:12]} before"


def _kaggle_news(chosen: KaggleSource, read: Mapping[str, object]) -> str:
    from hearth.sources.kaggle import newest  # noqa: PLC0415 - half a second that no other source needs

    version = str(chosen.version or newest(chosen))
    where = f"{chosen.dataset}/{chosen.file}"
    if where != read["file"]:
        return f"{where} is read, the last build read {read['file']}"
    return "" if version == read["version"] else f"{where} has version {version}, {read['version']} before"
