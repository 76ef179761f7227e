"""Which planes a scan is read in.

A slice network sees no neighbours: a fold of cortex cut along its floor looks like a lesion. Cut in another plane it
looks like what it is. So a scan whose voxels are about as long as wide is read axially, coronally and sagittally, and
the three probabilities are averaged (as Prasoon et al., MICCAI 2013, read knees); one with thick slices is read in
their own plane.
"""

from __future__ import annotations

from typing import get_args

import numpy as np
from numpy.typing import ArrayLike

from hunet_client.display import Plane, hang

# Longer voxels are too coarse to be read across their length.
LONGEST_VOXEL_MM = 2.0


def further_planes(affine: ArrayLike, spacing_mm: tuple[float, float, float], slice_axis: int) -> tuple[Plane, ...]:
    """The planes to read a scan in besides the one across `slice_axis`: both others, or none.

    affine: (4, 4), voxel indices to RAS+ millimetres. spacing_mm: edge lengths of a voxel along i, j, k.
    """
    if max(spacing_mm) >= LONGEST_VOXEL_MM:
        return ()
    own = plane_across(affine, spacing_mm, slice_axis)
    return tuple(plane for plane in get_args(Plane) if plane != own)


def plane_across(affine: ArrayLike, spacing_mm: tuple[float, float, float], slice_axis: int) -> Plane:
    """The anatomical plane that slices across an axis of the volume lie nearest to."""
    return hang(np.asarray(affine), spacing_mm, slice_axis).plane
