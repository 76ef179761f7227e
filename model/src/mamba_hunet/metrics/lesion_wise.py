"""Agreement counted in lesions: how many were found, and how many marks are lesions."""

from dataclasses import dataclass
from typing import Final

import cc3d
import numpy as np
from numpy.typing import NDArray

from mamba_hunet.metrics.masks import Mask, as_masks

# As in the postprocessing: voxels that touch by a face, an edge or a corner are one lesion.
CONNECTIVITY: Final = 26


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
    mask, truth = _as_volumes(mask, truth)
    true_lesions, found_lesions = _count_touched(truth, mask)
    predicted_lesions, correct_lesions = _count_touched(mask, truth)
    return LesionDetection(true_lesions, found_lesions, predicted_lesions, correct_lesions)


def split_by_contact(mask: NDArray, other: NDArray) -> tuple[Mask, Mask]:
    """The lesions of ``mask`` that share a voxel with ``other``, and those that share none, as two masks (i, j, k).

    Raises ValueError when the shapes differ or the masks are not volumes.
    """
    mask, other = _as_volumes(mask, other)
    labels, _ = _label(mask)
    touching = mask & np.isin(labels, labels[mask & other])
    return touching, mask & ~touching


def _count_touched(mask: Mask, other: Mask) -> tuple[int, int]:
    """Number of lesions in ``mask``, and how many of them share a voxel with ``other``."""
    labels, count = _label(mask)
    return count, len(np.unique(labels[mask & other]))


def _label(mask: Mask) -> tuple[NDArray[np.unsignedinteger], int]:
    labels, count = cc3d.connected_components(mask, connectivity=CONNECTIVITY, return_N=True)
    return labels, int(count)


def _as_volumes(mask: NDArray, other: NDArray) -> tuple[Mask, Mask]:
    mask, other = as_masks(mask, other)
    if mask.ndim != 3:
        raise ValueError(f"lesions are counted in volumes (i, j, k), not in shape {mask.shape}")
    return mask, other
