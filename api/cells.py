"""Values of Arrow columns, read from their buffers with every offset checked: a stream may claim anything."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from api.stream import Chunk

Places = NDArray[np.int64]
OTHER = object()  # stands for a value that no contract accepts, so that it need not be made
_NUMBERS = frozenset({"float16", "float32", "float64", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))})
TEXTS = frozenset({"string", "large_string", "string_view", "null"})
_OFFSETS: Mapping[str, str] = {"string": "int32", "large_string": "int64"}
_VIEW = np.dtype([("length", "<i4"), ("prefix", "<i4"), ("buffer", "<i4"), ("offset", "<i4")])
_INLINE = 12  # bytes of a text that a view holds itself


def numbers(chunk: Chunk) -> tuple[NDArray[np.float64], NDArray[np.bool_]] | None:
    """Values and which of them are null; ``None`` for another type than a number.

    Raises:
        ValueError: the column is shorter than it says.
    """
    if chunk.kind not in _NUMBERS or chunk.entries is not None:
        return None
    return _whole(chunk, 1, chunk.kind).astype(np.float64), _missing(chunk)


def values(chunk: Chunk, longest: int) -> list[object]:
    """The values of a column, ``None`` where one is null; texts of more than ``longest`` bytes and other types are ``OTHER``.

    Raises:
        ValueError, IndexError: an offset or an index leads out of the column.
    """
    found: list[object] = [None] * chunk.length
    places = np.flatnonzero(~_missing(chunk))
    for place, value in zip(places.tolist(), _present(chunk, places, longest), strict=True):
        found[place] = value
    return found


def _present(chunk: Chunk, at: Places, longest: int) -> Sequence[object]:
    """The values at these places, none of them null."""
    if chunk.entries is not None:
        return _entries(chunk.entries, _whole(chunk, 1, chunk.kind)[at].astype(np.int64), longest)
    if chunk.kind in _NUMBERS:
        return _whole(chunk, 1, chunk.kind)[at].tolist()  # type: ignore[no-any-return]
    if chunk.kind == "bool":
        return _bits(chunk, 1)[at].tolist()  # type: ignore[no-any-return]
    if chunk.kind in _OFFSETS:
        return _texts(chunk, at, longest)
    return _views(chunk, at, longest) if chunk.kind == "string_view" else [OTHER] * len(at)


def _entries(chunk: Chunk, at: Places, longest: int) -> Sequence[object]:
    """The entries of a dictionary at these indices; only those that are named are looked at."""
    if len(at) and not 0 <= at.min() <= at.max() < chunk.length:
        raise IndexError("an index leads out of the dictionary")
    named, where = np.unique(at, return_inverse=True)
    missing = _missing_of(chunk, named)
    found = iter(_present(chunk, named[~missing], longest))
    known = [None if null else next(found) for null in missing]
    return [known[i] for i in where]


def _texts(chunk: Chunk, at: Places, longest: int) -> Sequence[object]:
    """Offsets may overlap, and name a megabyte ten thousand times: what is too long to be meant is not copied."""
    offsets = np.frombuffer(chunk.buffers[1], dtype=_OFFSETS[chunk.kind])
    data = chunk.buffers[2]
    return [_text(data, *place, longest) for place in zip(offsets[at].tolist(), offsets[at + 1].tolist(), strict=True)]


def _views(chunk: Chunk, at: Places, longest: int) -> Sequence[object]:
    """Short texts lie in the view itself, long ones in one of the buffers after it."""
    views, data = _whole(chunk, 1, _VIEW)[at], chunk.buffers[1]
    found = []
    for place, (length, _, buffer, offset) in zip(at.tolist(), views.tolist(), strict=True):
        if length <= _INLINE:
            found.append(_text(data, 16 * place + 4, 16 * place + 4 + length, longest))
        else:
            found.append(_text(chunk.buffers[2:][max(buffer, 0)], offset, offset + length, longest))
    return found


def _text(data: memoryview, start: int, end: int, longest: int) -> object:
    if not 0 <= start <= end <= len(data):
        raise ValueError("an offset leads out of the texts")
    return str(data[start:end], "utf-8") if end - start <= longest else OTHER


def _missing(chunk: Chunk) -> NDArray[np.bool_]:
    if chunk.kind == "null":
        return np.ones(chunk.length, dtype=np.bool_)
    return ~_bits(chunk, 0) if len(chunk.buffers[0]) else np.zeros(chunk.length, dtype=np.bool_)


def _missing_of(chunk: Chunk, at: Places) -> NDArray[np.bool_]:
    """As above for some values: a dictionary may claim more entries than there is memory for."""
    if chunk.kind == "null" or not len(chunk.buffers[0]):
        return np.full(len(at), chunk.kind == "null")
    packed = np.frombuffer(chunk.buffers[0], dtype=np.uint8)
    return (packed[at >> 3] >> (at & 7)) & 1 == 0  # type: ignore[no-any-return]


def _bits(chunk: Chunk, buffer: int) -> NDArray[np.bool_]:
    packed = np.frombuffer(chunk.buffers[buffer], dtype=np.uint8)
    return _checked(np.unpackbits(packed, bitorder="little", count=min(chunk.length, 8 * len(packed))), chunk).astype(np.bool_)


def _whole(chunk: Chunk, buffer: int, dtype: str | np.dtype[np.void]) -> NDArray[np.generic]:
    return _checked(np.frombuffer(chunk.buffers[buffer], dtype=dtype), chunk)


def _checked(found: NDArray[np.generic], chunk: Chunk) -> NDArray[np.generic]:
    if len(found) < chunk.length:
        raise ValueError("a buffer is too short")
    return found[: chunk.length]
