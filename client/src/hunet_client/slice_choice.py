"""Which slices of a scan to show."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Slices nearer than this part of the volume look alike: one of them is enough.
MIN_GAP = 0.02


def choose_slices(labels: NDArray[np.uint32], head: NDArray[np.bool_], slice_axis: int, most: int) -> list[int]:
    """Up to ``most`` slice numbers, ascending: those that show lesions, then an even choice.

    labels: (i, j, k), 0 outside lesions; head: (i, j, k), true where there is something to see.
    """
    areas = _areas(labels, slice_axis)
    chosen: list[int] = []
    unseen = areas.copy()
    # Each slice in turn is the one that shows most of the lesions that no chosen slice shows.
    while len(chosen) < most and unseen.any():
        best = int(unseen.sum(axis=1).argmax())
        chosen.append(best)
        unseen[:, areas[best] > 0] = 0
    gap = max(1, round(MIN_GAP * len(areas)))
    for number in np.argsort(-areas.sum(axis=1), kind="stable").tolist():
        if len(chosen) == most or not areas[number].any():
            break
        if all(abs(number - other) > gap for other in chosen):
            chosen.append(number)
    chosen += _even(head, slice_axis, most - len(chosen), chosen)
    return sorted(chosen)


def _areas(labels: NDArray[np.uint32], slice_axis: int) -> NDArray[np.int64]:
    """(slices, lesions): voxels of each lesion in each slice."""
    slices, lesions = labels.shape[slice_axis], int(labels.max(initial=0))
    voxels = np.nonzero(labels)
    flat = voxels[slice_axis] * lesions + labels[voxels].astype(np.int64) - 1
    return np.bincount(flat, minlength=slices * lesions).reshape(slices, lesions)


def _even(head: NDArray[np.bool_], slice_axis: int, count: int, taken: list[int]) -> list[int]:
    """Slices spread through the head, none of them taken already."""
    other_axes = tuple(axis for axis in range(3) if axis != slice_axis)
    filled = np.count_nonzero(head, axis=other_axes)
    numbers = np.flatnonzero(filled > 0.25 * filled.max()) if filled.any() else np.arange(head.shape[slice_axis])
    free = [number for number in numbers.tolist() if number not in taken]
    if count <= 0 or not free:
        return []
    places = np.linspace(0, len(free) - 1, min(count, len(free)) + 2)[1:-1]
    return sorted({free[round(place)] for place in places.tolist()})
