"""CSV and Parquet files, here and elsewhere."""

import socket
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hearth.errors import SourceError
from hearth.sources import csvfile, files
from hearth.sources.fetched import Fetched

TABLE = pa.table(
    {
        'a "b", c': [1.5, None, 1e300, 0.1 + 0.2],
        "text": pa.array(["x", None, 'q"uote,\n', "NA"]),
        "kind": pa.array(["p", "q", None, "p"]).dictionary_encode(),
        "flag": [True, None, False, True],
        "whole": [1, 2**60, None, -3],
        "when": pa.array([0, 1, None, 2], pa.timestamp("s")),
    }
)


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    """A file system that fsspec reaches by URL."""
    system = fsspec.filesystem("memory")
    yield system
    system.store.clear()


def test_a_parquet_file_is_read_to_the_last_digit(tmp_path: Path) -> None:
    """Its values are those of its columns, as text: what the check of every source starts from."""
    pq.write_table(TABLE, tmp_path / "t.parquet", row_group_size=3)
    fetched = files.parquet_file(str(tmp_path / "t.parquet"), tmp_path)
    assert (fetched.source, fetched.where) == ("parquet", str(tmp_path / "t.parquet"))
    text = csvfile.read(fetched.path).table
    assert text.column_names == TABLE.column_names
    assert [value and float(value) for value in text[0].to_pylist()] == [1.5, "", 1e300, 0.1 + 0.2]
    assert text["text"].to_pylist() == ["x", "", 'q"uote,\n', "NA"]
    assert text["kind"].to_pylist() == ["p", "q", "", "p"]
    assert text["flag"].to_pylist() == ["true", "", "false", "true"]
    assert text["whole"].to_pylist() == ["1", str(2**60), "", "-3"]
    assert text["when"].to_pylist()[0].startswith("1970-01-01")


def test_a_file_elsewhere_is_downloaded(memory: fsspec.AbstractFileSystem, tmp_path: Path) -> None:
    """By any URL that fsspec understands; what is told is the URL."""
    memory.pipe("/data/t.csv", b"a,y\n1,2\n")
    assert files.csv_file("memory://data/t.csv", tmp_path) == Fetched(
        path=tmp_path / "table.csv", source="csv", where="memory://data/t.csv"
    )
    assert (tmp_path / "table.csv").read_bytes() == b"a,y\n1,2\n"
    with memory.open("/data/t.parquet", "wb") as file:
        pq.write_table(TABLE.select(["whole"]), file)
    assert files.parquet_file("memory://data/t.parquet", tmp_path).path.read_text().splitlines()[1:3] == ["1", str(2**60)]


def test_a_file_that_is_here_is_not_copied(tmp_path: Path) -> None:
    """It is read where it lies."""
    (tmp_path / "t.csv").touch()
    assert files.csv_file(str(tmp_path / "t.csv"), tmp_path / "none").path == tmp_path / "t.csv"


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """A folder, served over HTTP."""
    (tmp_path / "web").mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "web"))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_page_is_downloaded_or_told_missing(web: str, tmp_path: Path) -> None:
    """Over HTTP as from a bucket."""
    pytest.importorskip("aiohttp", reason="fsspec reads http:// with aiohttp")
    (tmp_path / "web" / "t.csv").write_text("a,y\n1,2\n")
    assert files.csv_file(f"{web}/t.csv", tmp_path).path.read_text() == "a,y\n1,2\n"
    with pytest.raises(SourceError, match=r"data\.csv\.path: http.*none\.csv does not exist"):
        files.csv_file(f"{web}/none.csv", tmp_path)


def test_a_server_out_of_reach_is_no_missing_file(tmp_path: Path) -> None:
    """Nobody is told to correct a path that is right."""
    pytest.importorskip("aiohttp", reason="fsspec reads http:// with aiohttp")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        with pytest.raises(SourceError, match=r"cannot be had \(.*[Cc]onnect.*\): are the path, the network"):
            files.csv_file(f"http://127.0.0.1:{taken.getsockname()[1]}/t.csv", tmp_path)


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("memory://none.csv", "does not exist: correct the path"),
        ("nosuch://a/b.csv", "cannot be had"),
        ("local:///no/such/t.csv", "does not exist"),
        ("zip://inner.csv::/no/such.zip", "does not exist"),
    ],
)
def test_what_cannot_be_had_says_what_to_do(tmp_path: Path, where: str, said: str) -> None:
    """By the key that names it."""
    with pytest.raises(SourceError, match=r"data\.csv\.path") as refusal:
        files.csv_file(where, tmp_path)
    assert said in str(refusal.value)


def test_a_protocol_without_its_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install."""

    def lacking(*_: object) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec, "open", lacking)
    with pytest.raises(SourceError, match=r"s3:// needs another package: pip install s3fs"):
        files.csv_file("s3://bucket/t.csv", tmp_path)


@pytest.mark.parametrize("content", [b"", b"a,y\n1,2\n", b"PAR1" + b"\0" * 40 + b"PAR1"])
def test_what_is_no_parquet_is_refused(tmp_path: Path, content: bytes) -> None:
    """Empty, of another kind, broken."""
    (tmp_path / "t.parquet").write_bytes(content)
    with pytest.raises(SourceError, match=r"data\.parquet\.path: .* is no Parquet file"):
        files.parquet_file(str(tmp_path / "t.parquet"), tmp_path)


def test_a_column_of_lists_is_named(tmp_path: Path) -> None:
    """No row of a table of features holds another table."""
    pq.write_table(pa.table({"a": [1, 2], "many": [[1], [2, 3]]}), tmp_path / "t.parquet")
    with pytest.raises(SourceError, match=r"leave out or convert 'many'"):
        files.parquet_file(str(tmp_path / "t.parquet"), tmp_path)
