"""What a connection knows of a head never outlives what changes with time: keys, limits, the model."""

import json
import socket
from pathlib import Path

import pytest
from tests.api.servers import HOST, ROW, serving, until

from api.keys import Key, hashed, new_key

pytestmark = pytest.mark.journey


def status(link: socket.socket, key: str) -> int:
    """Ask for a row in one packet, of the same bytes each time, and read the whole answer."""
    body = json.dumps(ROW).encode()
    head = f"POST /predict HTTP/1.1\r\nHost: a\r\nX-API-Key: {key}\r\nContent-Length: {len(body)}\r\n\r\n"
    link.sendall(head.encode() + body)
    got = b""
    while b"\r\n\r\n" not in got:
        got += link.recv(2**16)
    told, _, rest = got.partition(b"\r\n\r\n")
    length = int(told.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    while len(rest) < length:
        rest += link.recv(2**16)
    return int(told.split()[1])


def test_a_key_that_is_taken_away_opens_nothing_on_a_connection_that_knows_it(
    regression_folder: Path, tmp_path: Path, sqlite: str
) -> None:
    """Nor does its old limit hold; and it is good again when it is given back."""
    secret, file = new_key(), tmp_path / "keys.txt"

    def configure(key: str, limit: str) -> None:
        line = Key(name="one", scopes=frozenset({"predict"}), expires=None, sha256=hashed(key), limit=limit).line
        file.write_text(f"{line}\n", encoding="ascii")

    configure(secret, "1000/minute")
    settings = {"HEARTH_API_KEYS": "", "HEARTH_API_KEYS_FILE": str(file), "HEARTH_WRONG_KEY_LIMIT": "100000/minute"}
    with (
        serving(tmp_path, settings | {"HEARTH_BUNDLE": str(regression_folder), "HEARTH_DATABASE_URL": sqlite}) as server,
        socket.create_connection((HOST, server.port), timeout=10) as link,
    ):
        assert [status(link, secret) for _ in range(3)] == [200] * 3
        configure(new_key(), "1000/minute")
        until(lambda: status(link, secret) == 401)
        configure(secret, "3/hour")
        until(lambda: status(link, secret) == 200)
        until(lambda: status(link, secret) == 429)
