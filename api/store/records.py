"""What goes into the store and what comes back of it."""

import json
import os
import re
import time
from dataclasses import dataclass
from typing import Literal

from hearth.errors import HearthError

Outcome = Literal["stored", "same", "conflict", "unknown"]
_ROW = re.compile(r"([0-9a-f]{43})(?:\.(0|[1-9][0-9]{0,8}))?", re.ASCII)
_EXACT = 2**53  # up to here a float that is whole is one integer and no other


class StoreError(HearthError):
    """The store cannot be opened: its URL, its driver, a permission, or a schema that is not ours."""


class StoreDown(StoreError):
    """The store does not answer at the moment; nothing was changed that would not be changed by asking again."""


class StoreReadOnly(StoreError):
    """The store is there, and this user may only read it."""


@dataclass(frozen=True, slots=True)
class Record:
    """One answered call of ``rows`` rows.

    ``at`` is in unix seconds, ``model`` the digest of the bundle. ``features`` is JSON by column, ``{"RM": [6.5, null]}``;
    ``scores`` a JSON list of one number a row, or of one list of probabilities a row.
    """

    id: str
    at: float
    key: str
    model: str
    rows: int
    features: str
    scores: str


@dataclass(frozen=True, slots=True)
class Truth:
    """What a predicted row turned out to be; ``id`` is that of the row."""

    id: str
    actual: float | str | bool


@dataclass(frozen=True, slots=True, order=True)
class Row:
    """Where a truth belongs: a record and the index of a row in it."""

    prediction: str
    index: int


def new_id() -> str:
    """An id that nobody can guess, in hex: 128 random bits after the time in milliseconds, 11 digits.

    The time makes ids of a moment neighbours in their index, whose pages would otherwise all be written to in turn.
    """
    return f"{time.time_ns() // 1_000_000:011x}{os.urandom(16).hex()}"


def row_of(text: str) -> tuple[str, int | None] | None:
    """The record and the index that an id names; the index is None for a bare id, the whole None where no id has this form."""
    found = _ROW.fullmatch(text)
    if found is None:
        return None
    record, index = found.groups()
    return record, None if index is None else int(index)


def actual_text(actual: float | str | bool) -> str:
    """The one JSON text of a truth: 24 and 24.0 are the same number, 1 and true are not the same truth.

    Raises:
        ValueError: the number is not finite.
    """
    if isinstance(actual, float) and actual.is_integer() and abs(actual) < _EXACT:
        return str(int(actual))
    return json.dumps(actual, allow_nan=False)
