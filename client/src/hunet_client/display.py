"""How a volume is shown: its slices turned the way radiologists hang them, with the ends of their axes named.

Axial and coronal slices have the patient's right on the left of the picture; axial ones have anterior at the
top, coronal and sagittal ones superior; sagittal ones have anterior on the left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import nibabel as nib
import numpy as np
from numpy.typing import ArrayLike, NDArray

_ENDS = (("L", "R"), ("P", "A"), ("I", "S"))
# For slices along R-L, A-P and S-I: the world axes of rows and columns, each with its end at the top or left.
_HANGING = {
    0: ((2, "S"), (1, "A")),
    1: ((2, "S"), (0, "R")),
    2: ((1, "A"), (0, "R")),
}
Plane = Literal["axial", "coronal", "sagittal"]
_PLANES: tuple[Plane, Plane, Plane] = ("sagittal", "coronal", "axial")


@dataclass(frozen=True)
class Hanging:
    """From a volume (i, j, k) to upright slices (rows, columns), for one slice axis of the volume.

    ``plane``: the name of the nearest anatomical plane. ``top``, ``bottom``, ``left``, ``right``: which end
    of the patient lies there (R, L, A, P, S or I). ``pixel_mm``: height and width of a pixel. ``ascending``:
    whether the slice number grows towards the patient's right, front or head.
    """

    plane: Plane
    slice_axis: int
    row_axis: int
    column_axis: int
    flip_rows: bool
    flip_columns: bool
    pixel_mm: tuple[float, float]
    top: str
    bottom: str
    left: str
    right: str
    ascending: bool

    def slice(self, volume: NDArray, number: int) -> NDArray:
        """(rows, columns): slice ``number`` of a volume (i, j, k), counted along the volume's own axis."""
        # Not numpy.take, which first copies a whole volume that is not in C order.
        picture = np.moveaxis(volume, self.slice_axis, 0)[number]
        if self.row_axis > self.column_axis:
            picture = picture.T
        return picture[:: -1 if self.flip_rows else 1, :: -1 if self.flip_columns else 1]


def hang(affine: ArrayLike, spacing_mm: tuple[float, float, float], slice_axis: int) -> Hanging:
    """How to hang the slices along ``slice_axis`` of a volume with this affine, (4, 4) to RAS+ mm.

    Oblique axes go by the world axis they lie nearest to.
    """
    orientation = nib.io_orientation(np.asarray(affine))
    world_of = [int(world) for world in orientation[:, 0]]
    (row_world, top), (column_world, left) = _HANGING[world_of[slice_axis]]
    row_axis, column_axis = world_of.index(row_world), world_of.index(column_world)
    return Hanging(
        plane=_PLANES[world_of[slice_axis]],
        slice_axis=slice_axis,
        row_axis=row_axis,
        column_axis=column_axis,
        flip_rows=_start(row_world, orientation[row_axis, 1]) != top,
        flip_columns=_start(column_world, orientation[column_axis, 1]) != left,
        pixel_mm=(spacing_mm[row_axis], spacing_mm[column_axis]),
        top=top,
        bottom=_opposite(top),
        left=left,
        right=_opposite(left),
        ascending=bool(orientation[slice_axis, 1] > 0),
    )


def _start(world_axis: int, direction: float) -> str:
    """The end of the patient at index 0 of an array axis that runs along ``direction`` of a world axis."""
    return _ENDS[world_axis][0 if direction > 0 else 1]


def _opposite(end: str) -> str:
    low, high = next(ends for ends in _ENDS if end in ends)
    return high if end == low else low
