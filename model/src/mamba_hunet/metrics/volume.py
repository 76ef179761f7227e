"""Agreement in lesion volume, the figure that a clinical trial follows. Where the voxels lie plays no part."""

import numpy as np
from numpy.typing import NDArray

from mamba_hunet.metrics.masks import as_masks


def volume_ml(mask: NDArray, spacing_mm: tuple[float, float, float]) -> float:
    """Marked volume in ml."""
    return int(np.count_nonzero(mask)) * float(np.prod(spacing_mm)) / 1000.0


def volume_error_ml(mask: NDArray, truth: NDArray, spacing_mm: tuple[float, float, float]) -> float:
    """Marked volume minus true volume in ml: positive when too much is marked.

    Raises ValueError when the shapes differ.
    """
    mask, truth = as_masks(mask, truth)
    return volume_ml(mask, spacing_mm) - volume_ml(truth, spacing_mm)


def relative_volume_error(mask: NDArray, truth: NDArray) -> float | None:
    """Volume error as a part of the true volume: -1 when nothing is marked, +1 when twice as much is.

    Both empty: 0. Only the truth empty: none, since there is no volume to be a part of.
    Raises ValueError when the shapes differ.
    """
    mask, truth = as_masks(mask, truth)
    marked, true = int(np.count_nonzero(mask)), int(np.count_nonzero(truth))
    if true == 0:
        return None if marked else 0.0
    return (marked - true) / true
