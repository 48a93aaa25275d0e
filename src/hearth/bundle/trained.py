"""What a model was trained on, and what of a row lies outside."""

from collections.abc import Mapping, Sequence
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from hearth.bundle.transform import Matrix
from hearth.schema import Contract, Feature


class Range(TypedDict):
    """The least and the greatest number of a feature in the training rows."""

    min: float
    max: float


class Values(TypedDict):
    """What a category or a boolean was in the training rows, in the order of the codes."""

    values: list[str] | list[bool]


class Trained:
    """Judges coded rows by what ``metadata.json`` says under ``trained``; nothing in it changes after construction.

    A feature without an entry, and a missing value, lie nowhere outside.

    Raises:
        TypeError: the whole or an entry is no object.
        ValueError: an entry is not one of its feature's.
    """

    def __init__(self, contract: Contract, entries: object) -> None:
        if not isinstance(entries, Mapping):
            raise TypeError("trained is not an object")
        known = [(at, feature, entries[feature.name]) for at, feature in enumerate(contract.used) if feature.name in entries]
        self._bounds = [(at, feature.name, *_bounds(feature, entry)) for at, feature, entry in known]
        self._low, self._high = np.full(len(contract.names), -np.inf), np.full(len(contract.names), np.inf)
        for at, _, low, high, _ in self._bounds:
            self._low[at], self._high[at] = low, high
        self._unseen = [(at, list(unseen)) for at, *_, unseen in self._bounds if unseen]

    def outside(self, values: Sequence[float]) -> list[str]:
        """The features of one coded row whose value no training row came near: in the contract's order."""
        return [
            name
            for at, name, low, high, unseen in self._bounds
            if values[at] < low or values[at] > high or values[at] in unseen
        ]

    def outside_rows(self, x: Matrix) -> NDArray[np.bool_]:
        """Which values of coded rows lie outside, shape (n, len(contract.names))."""
        outside: NDArray[np.bool_] = (x < self._low) | (x > self._high)
        for at, unseen in self._unseen:
            outside[:, at] |= np.isin(x[:, at], unseen)
        return outside


def trained_on(contract: Contract, names: Sequence[str], x: Matrix) -> dict[str, Range | Values]:
    """Of each of the features ``names`` what coded rows ``x`` (n, len(contract.names)) hold.

    None of a feature that is always missing, or is computed from others.
    """
    columns = {feature.name: (feature, x[:, at][~np.isnan(x[:, at])]) for at, feature in enumerate(contract.used)}
    return {name: _entry(*columns[name]) for name in names if name in columns and len(columns[name][1])}


def _entry(feature: Feature, values: NDArray[np.float64]) -> Range | Values:
    if feature.numeric:
        return {"min": float(values.min()), "max": float(values.max())}
    codes = [int(code) for code in np.unique(values)]
    return {"values": [feature.values[code] for code in codes] if feature.values else [bool(code) for code in codes]}


def _bounds(feature: Feature, entry: object) -> tuple[float, float, frozenset[float]]:
    """The least and the greatest value, and the codes between that were not seen."""
    if not isinstance(entry, Mapping):
        raise TypeError(f"trained.{feature.name} is not an object")
    try:
        if feature.numeric:
            return float(entry["min"]), float(entry["max"]), frozenset()
        seen = {feature.code(value) for value in entry["values"]}
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"trained.{feature.name} has not what a {feature.type} needs") from error
    return -np.inf, np.inf, frozenset(map(float, range(len(feature.values) or 2))) - seen
