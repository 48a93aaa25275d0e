"""Flatbuffers, as much of them as it takes to look into the messages of an Arrow stream before a decoder does."""

import struct
from collections.abc import Iterator


class Table:
    """A table: fields by their place in the schema. Source: flatbuffers internals.

    Raises:
        struct.error, IndexError, ValueError: an offset leads out of the data, or a text is not UTF-8.
    """

    def __init__(self, data: memoryview, at: int) -> None:
        self._data, self._at = data, at
        self._vtable = at - struct.unpack_from("<i", data, at)[0]

    @classmethod
    def root(cls, data: memoryview) -> "Table":
        """The outermost table."""
        return cls(data, struct.unpack_from("<I", data, 0)[0])

    def number(self, form: str, place: int) -> int:
        """An integer field, 0 where it is left out."""
        at = self._field(place)
        return int(struct.unpack_from(form, self._data, at)[0]) if at else 0

    def table(self, place: int) -> "Table | None":
        """A table field."""
        at = self._field(place)
        return Table(self._data, self._target(at)) if at else None

    def length(self, place: int) -> int:
        """How many entries a vector field has, 0 where it is left out."""
        at = self._field(place)
        return int(struct.unpack_from("<I", self._data, self._target(at))[0]) if at else 0

    def tables(self, place: int) -> "Iterator[Table]":
        """The tables of a vector field."""
        count, at = self.length(place), self._field(place)
        first = self._target(at) + 4 if at else 0
        for entry in range(first, first + 4 * count, 4):
            yield Table(self._data, self._target(entry))

    def text(self, place: int) -> str:
        """A text field, empty where it is left out."""
        at = self._field(place)
        first = self._target(at) + 4 if at else 0
        return str(self._slice(first, self.length(place)), "utf-8")

    def structs(self, place: int, form: str) -> "Iterator[tuple[int, ...]]":
        """The entries of a vector field of structs."""
        at = self._field(place)
        first = self._target(at) + 4 if at else 0
        return struct.iter_unpack(form, self._slice(first, self.length(place) * struct.calcsize(form)))

    def _slice(self, first: int, size: int) -> memoryview:
        if first + size > len(self._data):
            raise IndexError(first)
        return self._data[first : first + size]

    def _target(self, at: int) -> int:
        return int(at + struct.unpack_from("<I", self._data, at)[0])

    def _field(self, place: int) -> int:
        if self._vtable < 0:
            raise IndexError(place)
        size = struct.unpack_from("<H", self._data, self._vtable)[0]
        offset = struct.unpack_from("<H", self._data, self._vtable + 4 + 2 * place)[0] if 4 + 2 * place < size else 0
        return self._at + offset if offset else 0
