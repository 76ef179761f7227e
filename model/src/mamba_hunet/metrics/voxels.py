"""Agreement counted in voxels of a volume, or in pixels of a slice.

With TP, FP, FN, TN the numbers of voxels that are marked and true, marked only, true only, and neither. One pair of
masks has IoU = Dice / (2 - Dice). That function is convex and never above Dice, so by Jensen's inequality means over
any one set of slices or patients satisfy

    mean Dice / (2 - mean Dice) <= mean IoU <= mean Dice.

The table of the Mamba-HUNet paper prints pairs of Dice and IoU that no one set of slices can have: one of the two must
be of other masks, or averaged in another way.

Each function takes two masks of one shape, any number of dimensions, and raises ValueError when the shapes differ.
"""

import numpy as np
from numpy.typing import NDArray

from mamba_hunet.metrics.masks import Mask, as_masks


def dice(mask: NDArray, truth: NDArray) -> float:
    """Dice similarity, 2 TP / (2 TP + FP + FN), in [0, 1]. Both empty: 1. One empty: 0."""
    mask, truth = as_masks(mask, truth)
    return _share(2 * _count(mask & truth), _count(mask) + _count(truth))


def iou(mask: NDArray, truth: NDArray) -> float:
    """Intersection over union (Jaccard), TP / (TP + FP + FN), in [0, 1]. Both empty: 1. One empty: 0."""
    mask, truth = as_masks(mask, truth)
    return _share(_count(mask & truth), _count(mask | truth))


def sensitivity(mask: NDArray, truth: NDArray) -> float:
    """Part of the true voxels that is marked, TP / (TP + FN). Nothing true: 1, since there is nothing to miss."""
    mask, truth = as_masks(mask, truth)
    return _share(_count(mask & truth), _count(truth))


def specificity(mask: NDArray, truth: NDArray) -> float:
    """Part of the healthy voxels that is left unmarked, TN / (TN + FP). Nothing healthy: 1.

    Every voxel of the grid counts, air too, so the value is near 1 for any mask that is small on the grid; it tells
    little apart where lesions fill a thousandth of a scan.
    """
    mask, truth = as_masks(mask, truth)
    return _share(_count(~mask & ~truth), _count(~truth))


def _count(voxels: Mask) -> int:
    return int(np.count_nonzero(voxels))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0
