"""Two masks made comparable."""

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


def as_masks(mask: NDArray, truth: NDArray) -> tuple[Mask, Mask]:
    """Both as booleans, true where a value is not zero. Raises ValueError when the shapes differ."""
    mask, truth = np.asarray(mask), np.asarray(truth)
    if mask.shape != truth.shape:
        raise ValueError(f"mask {mask.shape} and truth {truth.shape} are not on one grid")
    return mask != 0, truth != 0
