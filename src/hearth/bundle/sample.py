"""Some rows that stand for all."""

import numpy as np
from numpy.typing import NDArray


def spread(rows: int, most: int) -> NDArray[np.intp]:
    """Positions of at most ``most`` of so many rows, evenly spread over all."""
    return np.unique(np.linspace(0, rows - 1, min(rows, most)).astype(np.intp))
