"""Whether a file has become another."""

from collections.abc import Sequence
from pathlib import Path

Seen = tuple[int, int, int] | None


class Watch:
    """Looks at files by what ``stat`` says; a file that is not there is told from one that is."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = tuple(paths)
        self._seen = self._look()

    def changed(self) -> bool:
        """Whether a file is another than at the last look. One that vanished is no change: its successor will be."""
        now = self._look()
        fresh = any(new is not None and new != old for new, old in zip(now, self._seen, strict=True))
        if fresh:
            self._seen = now
        return fresh

    def touch(self, path: Path) -> None:
        """Make one of the files another for whoever else looks at it. Here it is no change, but for one that came before."""
        at = self._paths.index(path)
        known = _stat(path) == self._seen[at]
        path.touch()
        if known:
            self._seen = (*self._seen[:at], _stat(path), *self._seen[at + 1 :])

    def _look(self) -> tuple[Seen, ...]:
        return tuple(_stat(path) for path in self._paths)


def _stat(path: Path) -> Seen:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
