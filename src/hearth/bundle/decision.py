"""From what a classifier's trees say to the probabilities and the label that are answered."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

# The threshold at which the label of two classes is the more probable one.
EVEN = 0.5


@dataclass(frozen=True, slots=True)
class Decision:
    """``temperature`` divides the margins of the classes; of two, the second is the label above ``threshold``.

    Source of the temperature: Guo et al. (2017), ICML, On calibration of modern neural networks. It changes how sure the
    answers are, and of no row which class is the most probable.

    Raises:
        ValueError: the temperature is not positive and finite, or the threshold is no probability below 1.
    """

    temperature: float = 1.0
    threshold: float = EVEN

    def __post_init__(self) -> None:
        """Refuse what no calibration gives."""
        if not (0 < self.temperature < np.inf and 0 <= self.threshold < 1):
            raise ValueError("a temperature is positive and finite, a threshold at least 0 and below 1")

    @classmethod
    def of(cls, metadata: Mapping[str, object]) -> "Decision":
        """What a bundle's metadata say; without a word of it margins stay as they are and the most probable class is the label.

        Raises:
            TypeError: an entry is no object, or holds no number.
            ValueError: a number is out of its range.
        """
        return cls(_number(metadata, "calibration", "temperature", 1.0), _number(metadata, "threshold", "value", EVEN))

    def labels(self, probabilities: Vector) -> NDArray[np.intp]:
        """The code of each row's label, shape (n,)."""
        return labels(probabilities, self.threshold)


def labels(probabilities: Vector, threshold: float = EVEN) -> NDArray[np.intp]:
    """The most probable class of each row (n, k), the first of equals; of two the second where above another threshold."""
    two = probabilities.shape[1] == 2 and threshold != EVEN
    codes: NDArray[np.intp] = (probabilities[:, 1] > threshold).astype(np.intp) if two else probabilities.argmax(axis=1)
    return codes


def _number(metadata: Mapping[str, object], part: str, name: str, default: float) -> float:
    entry = metadata.get(part, {})
    value = entry.get(name, default) if isinstance(entry, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{part}.{name} is not a number")
    return float(value)
