"""Files that are either whole or absent: JSON with stable bytes, folders swapped into place."""

import ctypes
import errno
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


def rounded(value: object, digits: int = 6) -> object:
    """The same JSON value with every float cut to ``digits`` significant digits; a float that is not finite is null.

    Another processor's last bit then changes no file.
    """
    if isinstance(value, float):
        return float(f"{value:.{digits}g}") if value - value == 0 else None
    if isinstance(value, Mapping):
        return {key: rounded(item, digits) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [rounded(item, digits) for item in value]
    return value


def to_json(value: object) -> str:
    """JSON text with stable bytes: keys in the order given, floats exact, one newline at the end.

    Raises:
        ValueError: a float is not finite.
    """
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


@contextmanager
def replacing_file(path: Path) -> Iterator[Path]:
    """Yield an empty file that takes the place of ``path`` when the block ends well, and vanishes when it does not."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        _sync(temporary)
        temporary.replace(path)
        _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a whole file or nothing: to a temporary neighbour first, then moved over ``path``. Lines end with LF."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, value: object, digits: int | None = 6) -> None:
    """Write JSON atomically, floats to ``digits`` significant digits; ``None`` keeps them exact."""
    write_text(path, to_json(value if digits is None else rounded(value, digits)))


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the place of ``folder`` when the block ends well, and vanishes when it does not.

    At every moment ``folder`` is the old one or the new one, whole, also when the process is killed (on Linux; elsewhere
    there is an instant without either). A link to a folder stays, and leads to the new one.
    """
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        yield temporary
        temporary.chmod(0o755)
        for path in [*temporary.rglob("*"), temporary]:
            _sync(path)
        _move(temporary, folder)
        _sync(folder.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _move(new: Path, place: Path) -> None:
    """Put ``new`` where nothing is, or else swap the two; also while others do the same."""
    try:
        new.rename(place)  # over nothing, or over an empty folder
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        _exchange(new, place)


def _exchange(new: Path, old: Path) -> None:
    """Swap two folders in one step, by Linux's renameat2(2)."""
    if sys.platform == "linux":
        rename = ctypes.CDLL(None, use_errno=True).renameat2
        if rename(_AT_FDCWD, os.fsencode(new), _AT_FDCWD, os.fsencode(old), _RENAME_EXCHANGE) == 0:
            return
    retired = Path(tempfile.mkdtemp(dir=old.parent, prefix=f".{old.name}.")) / old.name
    old.rename(retired)
    new.rename(old)
    shutil.rmtree(retired.parent)
