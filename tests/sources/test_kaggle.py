"""Kaggle's protocol, spoken by its real client to a server on this machine."""

import base64
import io
import json
import socket
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from kagglesdk import kaggle_env

from hearth.errors import SourceError
from hearth.params import KaggleSource
from hearth.sources import kaggle

TABLE = b"a,y\n1,2\n"
SOURCE = KaggleSource(dataset="owner/some-data", file="table.csv")
API = "/api/v1/datasets.DatasetApiService/"


def zipped(**files: bytes) -> bytes:
    """An archive; ``_`` in a name is its dot."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, content in files.items():
            bundle.writestr(name.replace("_", "."), content)
    return archive.getvalue()


@dataclass
class Kaggle:
    """What the server answers, and what it was asked: path, body, ``Authorization``."""

    described: bytes = b'{"ref": "owner/some-data", "currentVersionNumber": 3}'
    kind: str = "application/json"
    status: int = 200
    archive: bytes = field(default_factory=lambda: zipped(table_csv=TABLE, other_csv=b"?"))
    missing: int = 0  # bytes of the archive that never arrive
    silent: threading.Event | None = None
    asked: list[tuple[str, dict[str, object], str | None]] = field(default_factory=list)


class Server(ThreadingHTTPServer):
    """Kaggle on this machine, at a port that is free."""

    def __init__(self, kaggle: Kaggle) -> None:
        self.kaggle = kaggle
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    """Answers as the API does: JSON, a redirection to the archive, JSON that tells an error."""

    server: Server

    def do_POST(self) -> None:
        """A call of the API."""
        kaggle = self.server.kaggle
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        kaggle.asked.append((self.path.removeprefix(API), body, self.headers["Authorization"]))
        if kaggle.silent:
            kaggle.silent.wait(10)
        elif kaggle.status != 200:
            self.answer(kaggle.status, b'{"code": %d, "message": "no"}' % kaggle.status)
        elif self.path == f"{API}GetDataset":
            self.answer(200, kaggle.described, **{"Content-Type": kaggle.kind})
        else:
            self.answer(302, b"", Location="/storage/archive.zip?signature=1")

    def do_GET(self) -> None:
        """The archive."""
        kaggle = self.server.kaggle
        kaggle.asked.append((self.path, {}, None))
        length = str(len(kaggle.archive) + kaggle.missing)
        self.answer(200, kaggle.archive, **{"Content-Type": "application/zip", "Content-Length": length})

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        """Send an answer."""
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep the tests' output clean."""


def point_at(port: int, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """The client's own test environment, at a port of our choice, with no account and no proxy."""
    for name in ("KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_API_TOKEN", "KAGGLE_KERNEL_RUN_TYPE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "TEST")
    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.TEST, f"http://127.0.0.1:{port}")


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kaggle]:
    """A server that the client is pointed at."""
    fake = Kaggle()
    with Server(fake) as http:
        point_at(http.server_port, monkeypatch, tmp_path / "home")
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield fake
        http.shutdown()
        thread.join()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where downloads go."""
    (tmp_path / "downloads").mkdir()
    return tmp_path / "downloads"


def refusal(folder: Path, source: KaggleSource = SOURCE) -> str:
    """What is told of a download that fails."""
    with pytest.raises(SourceError) as error:
        kaggle.download(source, folder)
    return str(error.value)


def test_the_newest_version_is_found_and_downloaded(server: Kaggle, folder: Path) -> None:
    """Without an account the newest version is asked for, downloaded as that version, and told."""
    fetched = kaggle.download(SOURCE, folder)

    assert fetched.path.read_bytes() == TABLE
    assert (fetched.source, fetched.where, fetched.version) == ("kaggle", "owner/some-data/table.csv", "3")
    assert list(folder.iterdir()) == [fetched.path]
    slugs = {"ownerSlug": "owner", "datasetSlug": "some-data"}
    assert [(path, body) for path, body, _ in server.asked] == [
        ("GetDataset", slugs),
        ("DownloadDataset", slugs | {"datasetVersionNumber": 3}),
        ("/storage/archive.zip?signature=1", {}),
    ]
    assert {account for _, _, account in server.asked} == {None}


def test_a_pinned_version_is_downloaded(server: Kaggle, folder: Path) -> None:
    """A version in the settings is the one asked for and told."""
    fetched = kaggle.download(KaggleSource(dataset="owner/some-data", file="table.csv", version=2), folder)

    assert fetched.version == "2"
    assert server.asked[0][:2] == (
        "DownloadDataset",
        {"ownerSlug": "owner", "datasetSlug": "some-data", "datasetVersionNumber": 2},
    )


def test_an_unversioned_answer_still_downloads(server: Kaggle, folder: Path) -> None:
    """Where Kaggle tells no version number, the newest is downloaded and the version left open."""
    server.described = b'{"ref": "owner/some-data"}'

    assert kaggle.download(SOURCE, folder).version is None


def test_an_account_is_used_where_there_is_one(
    server: Kaggle, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """User name and key, the file of the account page, and a token each reach Kaggle."""

    def account() -> str | None:
        server.asked.clear()
        kaggle.download(SOURCE, folder)
        return server.asked[0][2]

    (tmp_path / "home/.kaggle").mkdir(parents=True)
    (tmp_path / "home/.kaggle/kaggle.json").write_text('{"username": "file", "key": "k"}', encoding="utf-8")
    assert account() == "Basic " + base64.b64encode(b"file:k").decode()
    monkeypatch.setenv("KAGGLE_USERNAME", "me")
    monkeypatch.setenv("KAGGLE_KEY", "k")
    assert account() == "Basic " + base64.b64encode(b"me:k").decode()
    monkeypatch.setenv("KAGGLE_API_TOKEN", "token")
    assert account() == "Bearer token"


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (401, "refuses the account's token: make a new one"),
        (403, "is not open to this request: correct data.kaggle.dataset"),
        (404, "is not on Kaggle: correct data.kaggle.dataset"),
        (429, "asked for too often: wait"),
        (500, "cannot be had at the moment (HTTP 500): try again later"),
    ],
)
def test_each_refusal_says_what_to_do(server: Kaggle, folder: Path, status: int, advice: str) -> None:
    """Every status that Kaggle refuses with has advice of its own, and leaves no file."""
    server.status = status

    message = refusal(folder)

    assert "owner/some-data" in message
    assert advice in message
    assert not list(folder.iterdir())


def test_a_file_that_the_archive_lacks_is_refused(server: Kaggle, folder: Path) -> None:
    """The message lists what the data set holds, safely."""
    server.archive = zipped(other_csv=b"?", **{"evil\x1b[2J": b"?"})

    message = refusal(folder)

    assert "holds no 'table.csv': set data.kaggle.file to one of" in message
    assert r"'other.csv', 'evil\x1b[2J'" in message


@pytest.mark.parametrize("damage", ["text", "cut", "flipped", "empty"])
def test_a_broken_archive_is_refused(server: Kaggle, folder: Path, damage: str) -> None:
    """What is no archive, or not a whole one, is told as broken."""
    whole = bytearray(zipped(table_csv=TABLE * 1000))
    flipped = whole[:60] + bytes([whole[60] ^ 255]) + whole[61:]
    server.archive = bytes({"text": b"<html>", "cut": whole[:-30], "flipped": flipped, "empty": b""}[damage])

    assert "archive of owner/some-data is broken" in refusal(folder)


def test_a_download_that_breaks_off_is_refused(server: Kaggle, folder: Path) -> None:
    """Fewer bytes than announced are a network's fault, not a table."""
    server.missing = 10

    assert "broke off" in refusal(folder)


def test_a_silent_server_is_left(server: Kaggle, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that accepts and never answers does not hold the stage for ever."""
    server.silent = threading.Event()
    monkeypatch.setattr(kaggle, "PATIENCE", 0.05)

    message = refusal(folder)
    server.silent.set()

    assert "cannot be reached, or broke off (ReadTimeout)" in message


def test_offline_says_what_to_do(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing listening the message names the network and the way without it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    point_at(port, monkeypatch, tmp_path)

    message = refusal(folder)

    assert "cannot be reached" in message
    assert "set data.source: csv" in message


@pytest.mark.parametrize("kind", ["application/json", "text/html"])
def test_an_answer_that_is_not_kaggles_is_refused(server: Kaggle, folder: Path, kind: str) -> None:
    """A gateway's own page in the API's place is told as Kaggle out of reach."""
    server.kind = kind
    server.described = b"<html>log in</html>"

    assert "Kaggle cannot be reached" in refusal(folder)


def test_the_newest_version_is_asked_for_alone(server: Kaggle) -> None:
    """Nothing is downloaded to know its number; where Kaggle gives none there is none."""
    assert kaggle.newest(SOURCE) == 3
    server.described = b'{"ref": "owner/some-data"}'
    assert kaggle.newest(SOURCE) is None
    assert [path for path, *_ in server.asked] == ["GetDataset", "GetDataset"]


def test_a_refusal_to_tell_the_newest_version_is_explained(server: Kaggle) -> None:
    """As one to send it."""
    server.status = 404
    with pytest.raises(SourceError, match="is not on Kaggle"):
        kaggle.newest(SOURCE)
