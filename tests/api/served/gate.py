"""A wire between a server and its database that can be cut."""

import contextlib
import socket
import threading
from typing import Self

from tests.api.servers import HOST


class Gate:
    """Passes TCP on to ``target``. Closed with ``silent`` it swallows what comes; else it hangs up and refuses."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self._open = threading.Event()
        self._open.set()
        self._refusing = self._ended = False
        self._links: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self, *, silent: bool) -> None:
        """Cut it."""
        self._refusing = not silent
        self._open.clear()
        if not silent:
            self._hang_up()

    def open(self) -> None:
        """Mend it. What was swallowed stays so: connections from before are dead."""
        self._refusing = False
        self._hang_up()
        self._open.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._hang_up()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while not self._ended:
                near, _ = self._listener.accept()
                if self._refusing:
                    near.close()
                    continue
                far = socket.create_connection(self._target)
                self._links += [near, far]
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._pass, args=pair, daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                if self._open.is_set():
                    sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)

    def _hang_up(self) -> None:
        links, self._links = self._links, []
        for link in links:
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
            link.close()
