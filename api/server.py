"""``hearth serve``: one worker in this process, or several beside it."""

import asyncio
import json
import logging
import os
import shlex
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import uvicorn
from prometheus_client.multiprocess import mark_process_dead
from uvicorn.config import STARTUP_FAILURE, Config
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

from api import descriptors, memory
from api.keys import NO_KEY, SCOPES, Key, KeysError, hashed, new_key
from api.logs import Log
from api.main import Hearth, create_app
from api.model import Model
from api.openapi import example_row
from api.protocol import Protocol
from api.running import tried
from api.security import VARIABLE
from api.service import STAMP, STOPPING
from api.settings import Settings, SettingsError, load
from api.signals import end_well
from hearth.errors import HearthError

LOOPBACK = ("127.0.0.1", "::1", "localhost")
RETRY = 3.0  # seconds from a worker that could not start to the next


class Server(uvicorn.Server):
    """A worker that says on ``/ready`` that it stops before it does, and ends with exit code 0."""

    _draining: threading.Timer | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop: at once the second time, or after the time to drain."""
        app = self.config.app if isinstance(self.config.app, Hearth) else self.config.loaded_app
        service = getattr(app, "service", None)
        if service is None or service.stopping or not service.settings.drain:
            self._stop(sig, frame)
        else:
            self._draining = _later(service.settings.drain, lambda: self._stop(sig, frame))
        if service is not None:
            service.stopping = True

    def _stop(self, sig: int, frame: FrameType | None) -> None:
        if self._draining is not None:
            self._draining.cancel()  # as a second SIGINT it would cut off what is under way
        super().handle_exit(sig, frame)
        self._captured_signals.clear()  # raised again at the end, they would make another exit code


class Workers(Multiprocess):
    """Several workers. SIGHUP has each load the bundle anew, none is restarted for it."""

    def __init__(self, config: Config, listener: socket.socket, settings: Settings, folder: Path) -> None:
        super().__init__(config, [listener])
        self.failed = False
        self._log = Log(settings.log_level)
        self._drain, self._stopping, self._stamp = settings.drain, folder / STOPPING, folder / STAMP
        self._answered: set[Process] = set()
        self._due: dict[Process, float] = {}  # of those that ended, when another takes their place

    def handle_term(self) -> None:
        """Have the workers say on ``/ready`` that they stop, and stop them after the time to drain, or at the second signal."""
        if self._stopping.exists() or not self._told(self._stopping):
            self.should_exit.set()
        _later(self._drain, self.should_exit.set)

    def handle_int(self) -> None:
        """The same."""
        self.handle_term()

    def keep_subprocess_alive(self) -> None:
        """Replace a worker that died; none any more while stopping, whose end is when the last is gone."""
        if self._stopping.exists():
            if not any(process.process.is_alive() for process in self.processes):
                self.should_exit.set()
            return
        for at, process in enumerate(self.processes):
            if not process.is_alive(self.config.timeout_worker_healthcheck):
                self._replace(at, process)
            elif process not in self._answered and process.is_ready():
                self._answered.add(process)

    def _replace(self, at: int, process: Process) -> None:
        if process not in self._due:
            self._due[process] = time.monotonic() + self._buried(process)
        if not self.should_exit.is_set() and time.monotonic() >= self._due[process]:
            del self._due[process]
            self.processes[at] = Process(self.config, self.sockets)
            self.processes[at].start()

    def _buried(self, process: Process) -> float:
        """Seconds until another is started. Where one cannot start and no other answers, all is ended: it is told to who waits.

        While another answers it goes on alone: what keeps one from starting, a store that is down or a bundle at fault, keeps
        none from answering that has started.
        """
        process.kill()  # it may be hung
        process.join()
        mark_process_dead(process.pid)  # type: ignore[no-untyped-call] # its counts stay, its gauges go
        self._answered.discard(process)
        if process.exitcode != STARTUP_FAILURE:
            self._log("warning", "a worker died, another takes its place", pid=process.pid, code=process.exitcode)
            return 0
        if not self._answered:
            self.failed = True
            self.should_exit.set()
        else:
            self._log("error", "a worker did not start, the others go on", pid=process.pid, again_in_seconds=RETRY)
        return RETRY

    def handle_hup(self) -> None:
        """Have each worker look. A signal would end one that is just starting, and fail on one that is gone."""
        self._told(self._stamp)

    def _told(self, file: Path) -> bool:
        """Touch what the workers look at; an error here would end this process and leave them."""
        try:
            file.touch()
        except OSError as error:
            self._log("error", "the folder that the workers share is gone: restart the service", why=error.strerror)
            return False
        return True


def _later(seconds: float, call: Callable[[], None]) -> threading.Timer:
    timer = threading.Timer(seconds, call)
    timer.daemon = True  # it keeps no process that has ended otherwise
    timer.start()
    return timer


def serve(given: Mapping[str, object], *, make_key: bool) -> None:
    """Serve until a signal ends it; ``given`` are settings beside those of the environment.

    Raises:
        HearthError: it would not be safe, or cannot start; the message says what to do.
    """
    end_well()
    memory.one_arena()
    descriptors.all_allowed()
    settings = load(**given)
    key = None if _has_keys(settings) else _made_key(settings.host, make_key)
    if key is not None:
        made = Key(name="this-run", scopes=frozenset(SCOPES), expires=None, sha256=hashed(key))
        given = {**given, "api_keys": made.line}
        settings = load(**given)
    if settings.workers > 1:
        _several(settings, given, key)
    else:
        _one(settings, key)


def _has_keys(settings: Settings) -> bool:
    return bool(settings.api_keys.get_secret_value().strip()) or settings.api_keys_file is not None


def _made_key(host: str, make_key: bool) -> str:
    """A key for this run.

    Raises:
        HearthError: it is not asked for, or the service would be open to other machines.
    """
    if not make_key:
        raise KeysError(f"{VARIABLE} {NO_KEY}; or have one made for this run, on this machine alone: hearth serve --make-key")
    if host not in LOOPBACK:
        raise SettingsError(f"a key made for this run is for this machine alone, not for {host}: hearth keys new NAME")
    return new_key()


def _one(settings: Settings, key: str | None) -> None:
    app = create_app(settings)
    server = Server(_config(app, settings))
    logging.getLogger("uvicorn.error").addFilter(lambda _: app.fault is None)  # who calls tells it, once
    with _listening(settings) as listener, _announced(server, app, _address(listener.getsockname()), key):
        try:
            server.run([listener])
        except SystemExit as error:
            if error.code != STARTUP_FAILURE:  # else it is uvicorn's way to say that the application did not start
                raise
            raise app.fault or HearthError("the service did not start: its log says why") from error


def _several(settings: Settings, given: Mapping[str, object], key: str | None) -> None:
    """Workers read the environment: what was given here goes there."""
    model = asyncio.run(tried(settings))  # what is at fault is told here, once, and not by each worker again and again
    with tempfile.TemporaryDirectory(prefix="hearth-") as folder:
        os.environ |= {"PROMETHEUS_MULTIPROC_DIR": folder, "HEARTH_RUN_DIR": folder}
        os.environ |= {f"HEARTH_{name.upper()}": str(value) for name, value in given.items()}
        config = _config("api.main:app", settings)
        with _listening(settings) as listener:
            _say(greeting(_address(listener.getsockname()), model, key))  # who asks now waits for the first worker
            workers = Workers(config, listener, settings, Path(folder))
            workers.run()
        if workers.failed:
            raise HearthError("a worker did not start: its log says why")


def _listening(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        raise SettingsError(f"{settings.host}:{settings.port} cannot be listened on: {_why(error)}") from error
    listener.set_inheritable(True)
    return listener


def _why(error: OSError) -> str:
    return str(error.strerror).partition(" (while")[0]  # the address is added to it, and said already


def _config(app: Hearth | str, settings: Settings) -> Config:
    return Config(
        app,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        root_path=settings.root_path,
        http=Protocol,
        log_config=None,
        access_log=False,
        proxy_headers=False,  # the edge decides whose headers are believed
        server_header=False,
        ws="none",
        lifespan="on",
        timeout_graceful_shutdown=int(settings.timeout) + 1,
    )


@contextmanager
def _announced(server: Server, app: Hearth, address: str, key: str | None) -> Iterator[None]:
    """Say where the service is and, with a key made for this run, how to ask it, as soon as it answers."""
    done = threading.Event()

    def announce() -> None:
        while not server.started and not done.wait(0.05):
            pass
        if server.started and app.service is not None:
            _say(greeting(address, app.service.models.current, key))

    thread = threading.Thread(target=announce, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def greeting(address: str, model: Model, key: str | None) -> str:
    """What is printed on standard output once the service answers."""
    lines = [f"Hearth answers at {address}, its API page is {address}/docs"]
    if key is not None:
        row = json.dumps(example_row(model), ensure_ascii=False)
        options = [f"-H 'X-API-Key: {key}'", "-H 'Content-Type: application/json'", f"-d {shlex.quote(row)}"]
        lines += ["", "A key was made for this run alone. Try it:", "", f"curl -s {address}/predict {' '.join(options)}", ""]
    return "\n".join(lines) + "\n"


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _address(name: tuple[str | int, ...]) -> str:
    host, port = str(name[0]), name[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
