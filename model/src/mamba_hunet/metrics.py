"""How well a lesion mask agrees with the truth: by voxel, by lesion and by volume.

All masks are volumes (i, j, k) on one grid; a voxel is lesion where its value is not zero. What holds when a
mask is empty is part of each definition: a scan without lesions on which nothing is marked is a perfect
result, not a missing one.
"""

from dataclasses import dataclass
from typing import Final

import cc3d
import numpy as np
from numpy.typing import NDArray

# As in the postprocessing: voxels that touch by a face, an edge or a corner are one lesion.
CONNECTIVITY: Final = 26


def dice(mask: NDArray, truth: NDArray) -> float:
    """Dice similarity: 2 |mask and truth| / (|mask| + |truth|), in [0, 1].

    Both empty: 1. One empty: 0. Raises ValueError when the shapes differ.
    """
    mask, truth = _as_masks(mask, truth)
    marked = np.count_nonzero(mask) + np.count_nonzero(truth)
    if marked == 0:
        return 1.0
    return 2.0 * np.count_nonzero(mask & truth) / marked


def volume_error_ml(mask: NDArray, truth: NDArray, spacing_mm: tuple[float, float, float]) -> float:
    """Marked volume minus true volume in ml: positive when too much is marked.

    Raises ValueError when the shapes differ.
    """
    mask, truth = _as_masks(mask, truth)
    voxels = int(np.count_nonzero(mask)) - int(np.count_nonzero(truth))
    return voxels * float(np.prod(spacing_mm)) / 1000.0


@dataclass(frozen=True, slots=True)
class LesionDetection:
    """Counts of 26-connected lesions, and the rates that follow from them.

    A true lesion is found when at least one of its voxels is marked. A predicted lesion is correct when at
    least one of its voxels is truly lesion. One predicted lesion may find several true ones, and the other
    way round, so ``found_lesions`` and ``correct_lesions`` can differ.
    """

    true_lesions: int
    found_lesions: int
    predicted_lesions: int
    correct_lesions: int

    @property
    def sensitivity(self) -> float:
        """Part of the true lesions that is found; 1 when there are none to miss."""
        return self.found_lesions / self.true_lesions if self.true_lesions else 1.0

    @property
    def precision(self) -> float:
        """Part of the predicted lesions that is correct; 1 when nothing is predicted."""
        return self.correct_lesions / self.predicted_lesions if self.predicted_lesions else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of sensitivity and precision: 1 when both masks are empty, 0 when only one is."""
        total = self.sensitivity + self.precision
        return 2.0 * self.sensitivity * self.precision / total if total else 0.0


def lesion_detection(mask: NDArray, truth: NDArray) -> LesionDetection:
    """Which lesions were found and which marks are lesions, by the rule of ``LesionDetection``.

    Raises ValueError when the shapes differ or the masks are not volumes.
    """
    mask, truth = _as_masks(mask, truth)
    if mask.ndim != 3:
        raise ValueError(f"lesions are counted in volumes (i, j, k), not in shape {mask.shape}")
    true_lesions, found_lesions = _count_touched(truth, mask)
    predicted_lesions, correct_lesions = _count_touched(mask, truth)
    return LesionDetection(true_lesions, found_lesions, predicted_lesions, correct_lesions)


def _count_touched(mask: NDArray[np.bool_], other: NDArray[np.bool_]) -> tuple[int, int]:
    """Number of lesions in ``mask``, and how many of them share a voxel with ``other``."""
    labels, count = cc3d.connected_components(mask, connectivity=CONNECTIVITY, return_N=True)
    return int(count), len(np.unique(labels[mask & other]))


def _as_masks(mask: NDArray, truth: NDArray) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    mask, truth = np.asarray(mask), np.asarray(truth)
    if mask.shape != truth.shape:
        raise ValueError(f"mask {mask.shape} and truth {truth.shape} are not on one grid")
    return mask != 0, truth != 0
