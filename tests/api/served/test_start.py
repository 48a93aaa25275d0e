"""How the service starts, and how it refuses to: exit code 1 and one message that says what to do."""

import json
import os
import pty
import re
import resource
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from tests.api.served.conftest import Redis
from tests.api.servers import HEARTH, HOST, PATIENCE, ROW, Server, clean_environment, free_port, serving, until, uvicorn

from api.keys import SCOPES, Key, hashed, new_key

pytestmark = pytest.mark.journey

KEY = Key(name="one", scopes=frozenset(SCOPES), expires=None, sha256=hashed(new_key())).line
NO_REDIS, NO_POSTGRES = "redis://127.0.0.1:1", "postgresql://nobody:hush@127.0.0.1:1/none"


AT_FAULT = (
    "MAX_ROWS",
    "TIMEOUT",
    "LOG_LEVEL",
    "CORS_ORIGINS",
    "TRUSTED_PROXIES",
    "KEEP_DAYS",
    "RATE_LIMIT",
    "WRONG_KEY_LIMIT",
)


def refused(bundle: Path, options: Sequence[str], settings: Mapping[str, str]) -> str:
    """What ``hearth serve`` says when it does not start."""
    common = {"HEARTH_BUNDLE": str(bundle), "HEARTH_API_KEYS": KEY, "HEARTH_LOG_LEVEL": "warning"}
    ended = subprocess.run(
        [HEARTH, "serve", "--port", str(free_port()), *options],
        env=clean_environment() | common | dict(settings),
        cwd=bundle.parent,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (1, ""), ended.stderr
    return ended.stderr


REFUSALS: Mapping[str, tuple[Sequence[str], Mapping[str, str], Sequence[str]]] = {
    "no keys off a terminal": ((), {"HEARTH_API_KEYS": ""}, ["HEARTH_API_KEYS", "hearth keys new", "hearth serve --make-key"]),
    "a malformed key": ((), {"HEARTH_API_KEYS": "one:predict"}, ["HEARTH_API_KEYS", "1"]),
    "keys twice": ((), {"HEARTH_API_KEYS_FILE": "keys.txt"}, ["HEARTH_API_KEYS", "not both"]),
    "a key for others": (
        ("--make-key",),
        {"HEARTH_API_KEYS": "", "HEARTH_HOST": "0.0.0.0"},  # noqa: S104 - it is refused
        ["this machine alone", "hearth keys new"],
    ),
    "no key file": ((), {"HEARTH_API_KEYS": "", "HEARTH_API_KEYS_FILE": "none.txt"}, ["none.txt", "No such file"]),
    "two workers without Redis": (("--workers", "2"), {"HEARTH_DATABASE_URL": NO_POSTGRES}, ["HEARTH_REDIS_URL"]),
    "two workers on SQLite": ((), {"HEARTH_WORKERS": "2", "HEARTH_REDIS_URL": NO_REDIS}, ["HEARTH_DATABASE_URL", "PostgreSQL"]),
    "no PostgreSQL for two workers": (
        ("--workers", "2"),
        {"HEARTH_DATABASE_URL": NO_POSTGRES, "HEARTH_REDIS_URL": "redis://127.0.0.1:6379"},
        ["127.0.0.1:1", "HEARTH_DATABASE_URL"],
    ),
    "no store of a known kind": ((), {"HEARTH_DATABASE_URL": "mysql://hush@x/y"}, ["sqlite:///", "postgresql://"]),
    "no Redis URL": ((), {"HEARTH_REDIS_URL": "hush"}, ["HEARTH_REDIS_URL", "redis://"]),
    "no bundle": (("--bundle", "nowhere"), {}, ["nowhere", "cannot be read"]),
    "options at fault": (("--port", "99999", "--workers", "0"), {}, ["- --port: ", "- --workers: "]),
    "settings at fault": (
        (),
        {
            "HEARTH_MAX_ROWS": "0",
            "HEARTH_TIMEOUT": "long",
            "HEARTH_LOG_LEVEL": "loud",
            "HEARTH_CORS_ORIGINS": "*",
            "HEARTH_TRUSTED_PROXIES": "here",
            "HEARTH_KEEP_DAYS": "-1",
            "HEARTH_RATE_LIMIT": "many",
            "HEARTH_WRONG_KEY_LIMIT": "0/minute",
        },
        [
            "HEARTH_MAX_ROWS",
            "HEARTH_TIMEOUT",
            "HEARTH_LOG_LEVEL",
            "HEARTH_CORS_ORIGINS",
            "HEARTH_TRUSTED_PROXIES",
            "HEARTH_KEEP_DAYS",
        ],
    ),
}


DRIVERS = {"no PostgreSQL for two workers": "psycopg", "no Redis URL": "redis"}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_start_that_would_not_be_safe_is_refused(regression_folder: Path, case: str) -> None:
    """With one message that names what to set, without a stack trace and without what was set."""
    if case in DRIVERS:
        pytest.importorskip(DRIVERS[case], reason="its driver is not installed: pip install 'hearth[cluster]'")
    options, settings, words = REFUSALS[case]
    said = refused(regression_folder, options, settings)
    assert [word for word in words if word not in said] == []
    assert "Traceback" not in said
    assert "hush" not in said
    assert said.startswith("hearth: ")
    assert len([line for line in said.splitlines() if not line.startswith("  - ")]) == 1, said


def test_a_key_file_at_fault_is_refused(regression_folder: Path, tmp_path: Path) -> None:
    """By its line; what stands there is not repeated."""
    file = tmp_path / "keys.txt"
    file.write_text(f"# ours\n{KEY}\ntwo:predict:soon:hush\n", encoding="utf-8")
    said = refused(regression_folder, (), {"HEARTH_API_KEYS": "", "HEARTH_API_KEYS_FILE": str(file)})
    assert said.startswith(f"hearth: {file}, line 3: ")
    assert "hush" not in said
    assert said.count("\n") == 1


def test_a_damaged_bundle_is_refused(bundle: Path) -> None:
    """By the name of the file."""
    (bundle / "model.ubj").write_bytes(b"nothing")
    said = refused(bundle, (), {})
    assert "model.ubj" in said
    assert said.count("\n") == 1


def test_a_port_in_use_is_refused(regression_folder: Path) -> None:
    """By its number."""
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        said = refused(regression_folder, ("--port", str(port)), {})
    assert said == f"hearth: {HOST}:{port} cannot be listened on: Address already in use\n"


def test_uvicorn_starts_no_service_without_keys(regression_folder: Path, tmp_path: Path) -> None:
    """It ends and says why, without a stack trace."""
    server = Server(tmp_path, {"HEARTH_BUNDLE": str(regression_folder), "HEARTH_API_KEYS": ""})
    server.command = uvicorn(server.port)
    try:
        assert server.launch().wait() != 0
    finally:
        server.kill()
    assert "HEARTH_API_KEYS" in server.log
    assert "Traceback" not in server.log


def test_uvicorn_starts_no_workers_that_share_nothing(regression_folder: Path, tmp_path: Path) -> None:
    """Each would let the whole limit through: `hearth serve --workers` is named instead."""
    server = Server(tmp_path, {"HEARTH_BUNDLE": str(regression_folder), "HEARTH_DATABASE_URL": f"sqlite:///{tmp_path}/s.db"})
    server.command = uvicorn(server.port, "--workers", "2")
    try:
        server.launch().wait()
        assert server.ready()[0] == 0
    finally:
        server.kill()
    assert "hearth serve --workers" in server.log
    assert "Traceback" not in server.log


def run_as_told(text: str) -> dict[str, object]:
    """Run the curl line that the service printed, by a shell, and read its answer."""
    line = next(line for line in text.splitlines() if line.startswith("curl "))
    ended = subprocess.run(["/bin/sh", "-c", line.rstrip()], capture_output=True, check=True, timeout=PATIENCE)
    answer: dict[str, object] = json.loads(ended.stdout)
    return answer


def test_a_key_is_made_for_a_run_and_the_printed_line_works(regression_folder: Path, tmp_path: Path, sqlite: str) -> None:
    """With --make-key, off a terminal."""
    settings = {"HEARTH_BUNDLE": str(regression_folder), "HEARTH_DATABASE_URL": sqlite, "HEARTH_API_KEYS": ""}
    port = free_port()
    with serving(tmp_path, settings, port=port, command=(HEARTH, "serve", "--make-key", "--port", str(port))) as server:
        server.until(lambda: "curl " in server.log)
        answer = run_as_told(server.log)
        assert answer["id"]
        assert isinstance(answer["prediction"], float)
        key = re.search(r"X-API-Key: (\S+)'", server.log)
        assert key is not None
        with server.client(key[1]) as client:
            assert client.get("/model/info").status == 200
            assert client.post("/admin/reload").status == 200
        with server.client() as client:
            assert client.predict().status == 401
        assert server.stop() == 0


def test_a_log_that_cannot_be_written_changes_no_answer(regression_folder: Path, tmp_path: Path, sqlite: str) -> None:
    """The disk that it goes to is full, or who read it is gone: requests are answered, and housekeeping goes on."""
    settings = {"HEARTH_BUNDLE": str(regression_folder), "HEARTH_DATABASE_URL": sqlite, "HEARTH_LOG_LEVEL": "info"}
    port = free_port()
    command = ("/bin/sh", "-c", f"exec {HEARTH} serve --port {port} 2>/dev/full")
    with serving(tmp_path, settings, port=port, command=command) as server, server.client() as client:
        for _ in range(3):
            assert client.predict().status == 200
            assert client.post("/predict/batch", {"instances": [ROW]}).status == 200
            assert client.get("/nothing").status == 404
        assert server.stop() == 0


def test_a_server_has_all_descriptors_that_it_may_have(regression_folder: Path, tmp_path: Path, sqlite: str) -> None:
    """A shell that gives few by default does not decide how many clients may wait."""
    settings = {"HEARTH_BUNDLE": str(regression_folder), "HEARTH_DATABASE_URL": sqlite}
    port = free_port()
    command = ("/bin/sh", "-c", f"ulimit -S -n 128; exec {HEARTH} serve --port {port}")
    with serving(tmp_path, settings, port=port, command=command) as server:
        assert server.process is not None
        few, most = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
        assert few == most > 128


def test_a_proxy_may_serve_it_below_a_path(regression_folder: Path, tmp_path: Path, sqlite: str) -> None:
    """Whether the proxy takes the path away or leaves it; the page asks below it, where a browser finds it."""
    settings = {"HEARTH_BUNDLE": str(regression_folder), "HEARTH_DATABASE_URL": sqlite, "HEARTH_ROOT_PATH": "/models/one"}
    with serving(tmp_path, settings) as server, server.client() as client:
        for path in ("", "/models/one"):
            assert client.post(f"{path}/predict", ROW).status == 200
            assert client.get(f"{path}/openapi.json").json()["servers"] == [{"url": "/models/one"}]
            links = re.findall(r"(?:href|src)=\"(/[^\"]+)|url: '([^']+)", client.get(f"{path}/docs").body.decode())
            assert len(links) == 4
            assert all("".join(link).startswith("/models/one/") for link in links)
        assert client.get("/models/onehealth").status == 404
        assert 'route="/predict"' in client.get("/metrics").body.decode()


@pytest.mark.postgres
@pytest.mark.redis
def test_the_printed_line_works_with_two_workers(regression_folder: Path, postgres: str, redis: Redis, tmp_path: Path) -> None:
    """As soon as it is printed."""
    settings = {"HEARTH_BUNDLE": str(regression_folder), "HEARTH_DATABASE_URL": postgres, "HEARTH_REDIS_URL": redis.url}
    server = Server(tmp_path, settings | {"HEARTH_API_KEYS": ""})
    server.command = (HEARTH, "serve", "--make-key", "--workers", "2", "--port", str(server.port))
    try:
        server.launch().until(lambda: server.log.endswith("\n\n"))
        assert run_as_told(server.log)["id"]
        assert server.stop() == 0
    finally:
        server.kill()


def test_on_a_terminal_a_key_is_made(regression_folder: Path, tmp_path: Path, sqlite: str) -> None:
    """`make serve` with no configuration at all: the printed line works, Ctrl-C ends it with exit code 0."""
    ours, theirs = pty.openpty()
    environment = clean_environment() | {"HEARTH_BUNDLE": str(regression_folder), "HEARTH_DATABASE_URL": sqlite}
    process = subprocess.Popen(
        [HEARTH, "serve", "--port", "0"],
        env=environment,
        cwd=tmp_path,
        stdout=theirs,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    os.close(theirs)
    os.set_blocking(ours, False)
    said = bytearray()

    def printed() -> bool:
        try:
            said.extend(os.read(ours, 65_536))
        except BlockingIOError:
            assert process.poll() is None, process.stderr and process.stderr.read()
        return b"curl " in said and said.endswith(b"\n\r\n")

    try:
        until(printed)
        assert run_as_told(said.decode())["id"]
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        if process.stderr is not None:
            process.stderr.close()
