"""OpenML's protocol, spoken by scikit-learn's client to a server on this machine."""

import gzip
import hashlib
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sklearn.datasets import _openml

from hearth.errors import SourceError
from hearth.sources import openml

ARFF = b"""@RELATION t
@ATTRIBUTE 'long name' REAL
@ATTRIBUTE kind {p,'q r'}
@ATTRIBUTE y INTEGER
@DATA
1.5,p,10
?,'q r',11
0.25,?,12
"""
COLUMNS = (("long name", "numeric"), ("kind", "nominal"), ("y", "numeric"))


@dataclass
class OpenML:
    """What the server answers, and the paths that it was asked."""

    port: int = 0
    form: str = "ARFF"
    sum: str = hashlib.md5(ARFF, usedforsecurity=False).hexdigest()
    refused: int = 0
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str) -> bytes:
        """The body of a path of the API."""
        if "/download/" in path:
            return ARFF
        if "/features/" in path:
            told = {"is_ignore": "false", "is_row_identifier": "false", "number_of_missing_values": "0"}
            columns = [
                {"index": str(i), "name": name, "data_type": kind, "is_target": str(name == "y").lower(), **told}
                for i, (name, kind) in enumerate(COLUMNS)
            ]
            return json.dumps({"data_features": {"feature": columns}}).encode()
        if "/qualities/" in path:
            return json.dumps({"data_qualities": {"quality": [{"name": "NumberOfInstances", "value": "3.0"}]}}).encode()
        described = {
            "id": "7", "name": "t", "version": "1", "format": self.form, "status": "active", "description": "",
            "url": f"http://127.0.0.1:{self.port}/data/v1/download/7/t.arff", "md5_checksum": self.sum,
        }  # fmt: skip
        return json.dumps({"data_set_description": described}).encode()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenML]:
    """A server that the client is pointed at."""
    fake = OpenML()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            fake.asked.append(self.path)
            body = gzip.compress(fake.answer(self.path))
            self.send_response(fake.refused or 200)
            self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        fake.port = http.server_port
        point_at(http.server_port, monkeypatch)
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield fake
        http.shutdown()
        thread.join()


def point_at(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point the client at a port of this machine, and let it wait for nothing."""
    monkeypatch.setattr(_openml.time, "sleep", lambda _: None)
    for name in ("_DATA_INFO", "_DATA_FEATURES", "_DATA_QUALITIES"):
        monkeypatch.setattr(_openml, name, getattr(_openml, name).replace("https://www.openml.org", f"http://127.0.0.1:{port}"))


def refusal(folder: Path) -> str:
    """What is told of a download that fails."""
    with pytest.raises(SourceError) as error:
        openml.download(7, folder)
    return str(error.value)


def test_a_table_is_downloaded_by_its_number(server: OpenML, tmp_path: Path) -> None:
    """All its columns, the target among them; a gap is an empty field."""
    fetched = openml.download(7, tmp_path)
    assert fetched.path.read_text().splitlines() == ['"long name","kind","y"', '1.5,"p",10', ',"q r",11', "0.25,,12"]
    assert (fetched.source, fetched.version, fetched.where) == ("openml", "7", "https://www.openml.org/d/7")
    assert server.asked[0] == "/api/v1/json/data/7"
    assert server.asked[-1] == "/data/v1/download/7/t.arff"


def test_a_number_that_is_not_there_is_told(server: OpenML, tmp_path: Path) -> None:
    """OpenML answers 412 to what it does not know."""
    server.refused = 412
    assert "data.openml.id: OpenML has no table 7 that is active" in refusal(tmp_path)


def test_a_table_that_was_altered_on_the_way_is_refused(server: OpenML, tmp_path: Path) -> None:
    """Its bytes are not those of its sum."""
    server.sum = "0" * 32
    assert "data.openml.id: table 7 cannot be used" in refusal(tmp_path)


def test_a_sparse_table_is_refused(server: OpenML, tmp_path: Path) -> None:
    """It has no columns in our sense."""
    server.form = "Sparse_ARFF"
    assert "data.openml.id: table 7 cannot be used: Sparse" in refusal(tmp_path)


def test_offline_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The network, or the file by hand."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    point_at(port, monkeypatch)
    assert "OpenML cannot be reached" in (told := refusal(tmp_path))
    assert "set data.source: csv" in told
