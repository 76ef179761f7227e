"""Which planes a scan is read in.

A slice network sees no neighbours: a fold of cortex cut along its floor looks like a lesion. Cut in another plane it
looks like what it is. So a scan whose voxels are about as long as wide is read axially, coronally and sagittally, and
the three probabilities are averaged (as Prasoon et al., MICCAI 2013, read knees). One with thick slices can be read in
their own plane only; there it is read once more with left and right exchanged, which a brain hardly minds and chance
marks do not survive.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from hunet_client.display import Plane, hang

# Longer voxels are too coarse to be read across their length.
LONGEST_VOXEL_MM = 2.0

MirroredPlane = Literal["axial_mirrored", "coronal_mirrored"]
# In a plane, as its slices are or with their left and right exchanged.
Reading = Literal[Plane, MirroredPlane]


def further_readings(affine: ArrayLike, spacing_mm: tuple[float, float, float], slice_axis: int) -> tuple[Reading, ...]:
    """How to read a scan besides in the plane across `slice_axis`: in both others, or in the same one mirrored.

    Thick sagittal slices are read once: front and back are not exchangeable.

    affine: (4, 4), voxel indices to RAS+ millimetres. spacing_mm: edge lengths of a voxel along i, j, k.
    """
    own = plane_across(affine, spacing_mm, slice_axis)
    if max(spacing_mm) < LONGEST_VOXEL_MM:
        return tuple(plane for plane in get_args(Plane) if plane != own)
    return tuple(mirrored for mirrored in get_args(MirroredPlane) if plane_of(mirrored) == own)


def plane_across(affine: ArrayLike, spacing_mm: tuple[float, float, float], slice_axis: int) -> Plane:
    """The anatomical plane that slices across an axis of the volume lie nearest to."""
    return hang(np.asarray(affine), spacing_mm, slice_axis).plane


def plane_of(reading: Reading) -> Plane:
    """The plane whose slices a reading is of."""
    return next(plane for plane in get_args(Plane) if reading.startswith(plane))


def is_mirrored(reading: Reading) -> bool:
    """Whether left and right are exchanged in it."""
    return reading in get_args(MirroredPlane)
