"""Where in a volume the head is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from preprocess_service.pipeline.geometry import Bounds

# A plane belongs to the head when it holds this fraction of the fullest plane's bright voxels.
_MIN_PLANE_FRACTION = 0.02


def find_head(volume: npt.NDArray[np.float32], threshold: float) -> Bounds:
    """First and last voxel index of the head along i, j, k: planes with enough voxels over `threshold`."""
    # Slab by slab along the axis that is slowest in memory: each is one stretch, and its mask is small.
    memory_order = np.argsort([-abs(stride) for stride in volume.strides])
    slabs = volume.transpose(memory_order)
    counts = [np.zeros(size, dtype=np.int64) for size in slabs.shape]
    for index, slab in enumerate(slabs):
        bright = slab > threshold
        counts[0][index] = bright.sum()
        counts[1] += bright.sum(axis=1)
        counts[2] += bright.sum(axis=0)
    i, j, k = (_extent(counts[place]) for place in np.argsort(memory_order))
    return i, j, k


def _extent(counts: npt.NDArray[np.int64]) -> tuple[int, int]:
    occupied = np.flatnonzero(counts > _MIN_PLANE_FRACTION * counts.max())
    if occupied.size == 0:
        return 0, counts.size - 1
    return int(occupied[0]), int(occupied[-1])
