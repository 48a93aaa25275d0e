"""Kaggle, by the client library of its own command-line tool, with an account where there is one and without elsewhere.

The ``kaggle`` package logs in while it is imported and ends the process where that fails, so what is used here is the
``kagglesdk`` beneath it. That takes ``KAGGLE_API_TOKEN``, ``~/.kaggle/access_token``, ``KAGGLE_USERNAME`` with
``KAGGLE_KEY`` or ``~/.kaggle/kaggle.json``, in this order, and with none of them asks as anyone may.
"""

import json
import os
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import requests
from kagglesdk import KaggleClient
from kagglesdk.datasets.types.dataset_api_service import ApiDownloadDatasetRequest, ApiGetDatasetRequest

from hearth.errors import SourceError
from hearth.params import KaggleSource
from hearth.sources.fetched import Fetched

PATIENCE = 60.0  # seconds that Kaggle may be silent; its client would wait for ever

_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
_OTHERWISE = "or download the file by hand, set data.source: csv and name it in data.csv.path"
_REFUSALS = {
    401: "refuses the account's token: make a new one on kaggle.com under Settings, API, or remove it (public data need none)",
    403: "is not open to this request: correct data.kaggle.dataset (owner/name); if it is private or wants consent, "
    "set KAGGLE_USERNAME and KAGGLE_KEY of an account that may read it",
    404: "is not on Kaggle: correct data.kaggle.dataset (owner/name) or data.kaggle.version",
    429: "has been asked for too often: wait some minutes, then try again",
}


def download(source: KaggleSource, folder: Path) -> Fetched:
    """Download ``source.file`` of a dataset into ``folder``, at the pinned version or else at the newest.

    Raises:
        SourceError: Kaggle is out of reach, silent or refuses; the archive is broken or does not hold the file.
    """
    archive = folder / "archive.zip"
    with _explained(source), _client() as client:
        version = source.version or _newest(client, source)
        _save(client, source, version, archive)
    path = folder / "table.csv"
    _extract(archive, source, path)
    archive.unlink()
    where = f"{source.dataset}/{source.file}"
    return Fetched(path=path, source="kaggle", where=where, version=str(version) if version else None)


def newest(source: KaggleSource) -> int | None:
    """The number of a dataset's newest version, where Kaggle numbers them.

    Raises:
        SourceError: Kaggle is out of reach, silent or refuses.
    """
    with _explained(source), _client() as client:
        return _newest(client, source)


@contextmanager
def _client() -> Iterator[KaggleClient]:
    account = {"username": os.environ.get("KAGGLE_USERNAME"), "password": os.environ.get("KAGGLE_KEY")}
    with KaggleClient(user_agent="hearth", **account) as client:
        session = client.http_client()._session  # its only way to a time limit
        session.send = partial(session.send, timeout=PATIENCE)
        yield client


def _newest(client: KaggleClient, source: KaggleSource) -> int | None:
    request = ApiGetDatasetRequest()
    request.owner_slug, request.dataset_slug = source.dataset.split("/")
    return client.datasets.dataset_api_client.get_dataset(request).current_version_number or None


def _save(client: KaggleClient, source: KaggleSource, version: int | None, archive: Path) -> None:
    request = ApiDownloadDatasetRequest()
    request.owner_slug, request.dataset_slug = source.dataset.split("/")
    request.dataset_version_number = version
    with client.datasets.dataset_api_client.download_dataset(request) as response, archive.open("wb") as file:
        for chunk in response.iter_content(1 << 20):
            file.write(chunk)


def _extract(archive: Path, source: KaggleSource, path: Path) -> None:
    try:
        with zipfile.ZipFile(archive) as bundle:
            if source.file not in bundle.namelist():
                raise SourceError(_absent(source, bundle.namelist()))
            with bundle.open(source.file) as member, path.open("wb") as file:
                shutil.copyfileobj(member, file, 1 << 20)
    except _BROKEN as error:
        raise SourceError(f"Kaggle's archive of {source.dataset} is broken ({error}): try again, {_OTHERWISE}") from error


def _absent(source: KaggleSource, names: list[str]) -> str:
    some = ", ".join(repr(name)[:80] for name in names[:10]) or "nothing"
    return f"{source.dataset} on Kaggle holds no {source.file!r}: set data.kaggle.file to one of what it holds: {some}"


@contextmanager
def _explained(source: KaggleSource) -> Iterator[None]:
    """Say what to do about a failed request."""
    try:
        yield
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        reason = _REFUSALS.get(status, f"cannot be had at the moment (HTTP {status}): try again later, {_OTHERWISE}")
        raise SourceError(f"Kaggle: {source.dataset} {reason}") from error
    except (requests.RequestException, json.JSONDecodeError) as error:
        raise SourceError(
            f"Kaggle cannot be reached, or broke off ({type(error).__name__}): check the network and try again, {_OTHERWISE}"
        ) from error
