"""How far the outlines of two masks lie apart."""

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mamba_hunet.metrics.masks import as_masks


def hd95_mm(mask: NDArray, truth: NDArray, spacing_mm: Sequence[float]) -> float:
    """95th percentile Hausdorff distance in mm, after MONAI's `compute_hausdorff_distance`.

    The surface of a mask is those of its voxels that have a face on the outside, the grid's border included. From each
    surface voxel the distance to the nearest surface voxel of the other mask is taken between voxel centres; the 95th
    percentile of these, from the mask to the truth and from the truth to the mask, is computed, and the larger of both
    is the result.

    Both empty: 0. One empty: the distance between opposite corners of the grid, which no pair of masks exceeds; so
    finding nothing never looks better than finding something.

    Args:
        mask, truth: volumes (i, j, k) or slices (rows, columns).
        spacing_mm: edge lengths of a voxel, one for each axis.

    Raises:
        ValueError: the shapes differ, or there is not one spacing for each axis.
    """
    mask, truth = as_masks(mask, truth)
    spacing = [float(length) for length in spacing_mm]
    if len(spacing) != mask.ndim:
        raise ValueError(f"{len(spacing)} spacings for masks of {mask.ndim} axes")
    if not mask.any() and not truth.any():
        return 0.0
    if not mask.any() or not truth.any():
        return float(np.linalg.norm((np.array(mask.shape) - 1) * spacing))
    return _monai_hd95(mask, truth, spacing)


def _monai_hd95(mask: NDArray[np.bool_], truth: NDArray[np.bool_], spacing: list[float]) -> float:
    # MONAI imports all of itself, which takes seconds; only who asks for a distance pays for it.
    import torch
    from monai.metrics import compute_hausdorff_distance

    marked, true = (torch.from_numpy(np.ascontiguousarray(part))[None, None] for part in (mask, truth))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of MONAI about its own arguments
        distance = compute_hausdorff_distance(marked, true, include_background=True, percentile=95, spacing=spacing)
    return float(distance)
