"""From the coded matrix of the contract to the columns that a booster sees: imputation, scaling, encoding."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hearth.schema import Contract

Matrix = NDArray[np.float64]
Encoding = Literal["onehot", "ordinal"]


@dataclass(frozen=True, slots=True)
class Transform:
    """What was fitted on training rows, a value a feature.

    ``fill`` stands in for a missing value (NaN leaves it missing), then ``(x - shift) / scale``. ``levels`` is the number
    of categories that become one column each; 0 leaves the feature one column.
    """

    features: tuple[str, ...]
    fill: tuple[float, ...]
    shift: tuple[float, ...]
    scale: tuple[float, ...]
    levels: tuple[int, ...]

    @property
    def widths(self) -> tuple[int, ...]:
        """Columns that each feature becomes."""
        return tuple(level or 1 for level in self.levels)

    @property
    def encodes(self) -> bool:
        """Whether any feature becomes several columns."""
        return any(self.levels)

    def subset(self, names: Sequence[str]) -> "Transform":
        """The same transform of some of the features, in the order of ``names``.

        Raises:
            ValueError: a name is not among ``features``.
        """
        at = [self.features.index(name) for name in names]
        pick = {key: tuple(getattr(self, key)[i] for i in at) for key in ("fill", "shift", "scale", "levels")}
        return Transform(features=tuple(names), **pick)

    def columns(self, contract: Contract) -> NDArray[np.intp]:
        """Positions of ``features`` in the contract's completed matrix."""
        return np.array([contract.columns.index(name) for name in self.features], dtype=np.intp)

    def check(self, contract: Contract) -> None:
        """Refuse a transform that is not one of this contract's.

        Raises:
            ValueError: naming ``transform.json`` and what is wrong in it.
        """
        features = {feature.name: feature for feature in contract.seen}
        lengths = {len(part) for part in (self.fill, self.shift, self.scale, self.levels)}
        levels = (features[name].values if name in features else () for name in self.features)
        faults = {
            "features are not the contract's, each once": not self.features
            or len(set(self.features)) != len(self.features)
            or not features.keys() >= set(self.features),
            "there is not one value for each feature": lengths != {len(self.features)},
            "a number is not finite": bool(np.isinf(self.fill).any() or not np.isfinite([*self.shift, *self.scale]).all()),
            "scale is not positive": min(self.scale, default=0) <= 0,
            "levels are not the categories": any(n not in (0, len(v)) for n, v in zip(self.levels, levels, strict=False)),
        }
        for fault, found in faults.items():
            if found:
                raise ValueError(f"transform.json: {fault}")

    def apply(self, x: Matrix) -> Matrix:
        """Transform coded values, shape (n, len(features)) in the order of ``features``; returns (n, sum(widths)).

        A missing category is NaN in each of its columns, a category that no training row had is a column of its own.
        """
        fill = np.array(self.fill)
        filled = np.where(np.isnan(x), fill, x) if not np.isnan(fill).all() else x
        scaled: Matrix = (filled - np.array(self.shift)) / np.array(self.scale)
        if not self.encodes:
            return scaled
        return np.hstack([_onehot(scaled[:, i], level) for i, level in enumerate(self.levels)])

    def gather(self, x: Matrix) -> Matrix:
        """Sum what belongs to one feature: shape (..., sum(widths)) to (..., len(features))."""
        if not self.encodes:
            return x
        starts = np.cumsum((0, *self.widths[:-1]))
        summed: Matrix = np.add.reduceat(x, starts, axis=-1)
        return summed

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values, a missing fill as null."""
        return {
            "features": list(self.features),
            "fill": [None if np.isnan(value) else value for value in self.fill],
            "shift": list(self.shift),
            "scale": list(self.scale),
            "levels": list(self.levels),
        }

    @classmethod
    def from_dict(cls, raw: Mapping[str, Sequence[object]]) -> "Transform":
        """Read what ``to_dict`` wrote."""
        return cls(
            features=tuple(str(name) for name in raw["features"]),
            fill=tuple(float("nan") if value is None else float(value) for value in raw["fill"]),  # type: ignore[arg-type]
            shift=tuple(float(value) for value in raw["shift"]),  # type: ignore[arg-type]
            scale=tuple(float(value) for value in raw["scale"]),  # type: ignore[arg-type]
            levels=tuple(int(value) for value in raw["levels"]),  # type: ignore[call-overload]
        )


def _onehot(column: Matrix, level: int) -> Matrix:
    if level == 0:
        return column[:, None]
    hot: Matrix = (column[:, None] == np.arange(level)).astype(np.float64)
    hot[np.isnan(column)] = np.nan
    return hot
