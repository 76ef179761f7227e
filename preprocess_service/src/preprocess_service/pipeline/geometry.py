"""Where the network's slices lie in a scan, and the way there and back.

Anatomy has one orientation on every slice, whatever the file's: rows and columns run against the axes of RAS.

    plane     rows                  columns
    axial     anterior, posterior   right, left
    coronal   superior, inferior    right, left
    sagittal  superior, inferior    anterior, posterior

The slice number is the scan's own index along the slice axis. An oblique scan keeps its own planes: its axes
are named by the world axes they are closest to, and nothing is resampled across slices.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from statistics import median
from typing import TypeVar

import nibabel as nib
import numpy as np
import numpy.typing as npt
from scipy import sparse

from preprocess_service.pipeline.resampling import resample, to_native_matrix, to_network_matrix

CANVAS_PIXELS = 256
CANVAS_SPACING_MM = 1.0
# Spacing along the coarsest axis, relative to the other two, from which on it is the slice axis.
_ANISOTROPY = 1.5
_LEFT_RIGHT, _POSTERIOR_ANTERIOR, _INFERIOR_SUPERIOR = 0, 1, 2

Voxel = TypeVar("Voxel", bound=np.generic)
Bounds = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]


class SlicePlane(StrEnum):
    """Plane of the network's slices; AUTO: through the coarsest axis, axial if voxels are near isotropic."""

    AUTO = "auto"
    AXIAL = "axial"
    CORONAL = "coronal"
    SAGITTAL = "sagittal"


class InPlaneMode(StrEnum):
    """RESAMPLE_1MM: 1 mm pixels about the head; RESIZE: the whole slice stretched to the canvas."""

    RESAMPLE_1MM = "resample_1mm"
    RESIZE = "resize"


# World axis that each plane's slices, rows and columns lie along.
_WORLD_AXES = {
    SlicePlane.AXIAL: (_INFERIOR_SUPERIOR, _POSTERIOR_ANTERIOR, _LEFT_RIGHT),
    SlicePlane.CORONAL: (_POSTERIOR_ANTERIOR, _INFERIOR_SUPERIOR, _LEFT_RIGHT),
    SlicePlane.SAGITTAL: (_LEFT_RIGHT, _INFERIOR_SUPERIOR, _POSTERIOR_ANTERIOR),
}


@dataclass(frozen=True, slots=True)
class SliceGeometry:
    """Where network slices lie in the voxel array (i, j, k); field for field the protocol's SliceGeometry.

    slice_axis, row_axis, column_axis: a permutation of 0, 1, 2.
    row_step, column_step: size of a network pixel in native pixels.
    row_origin, column_origin: centre of network pixel (0, 0) in native pixels, after the flips.
    """

    slice_axis: int
    row_axis: int
    column_axis: int
    flip_rows: bool
    flip_columns: bool
    slice_count: int
    native_rows: int
    native_columns: int
    row_step: float
    column_step: float
    row_origin: float
    column_origin: float


def plan_slices(
    shape: tuple[int, int, int],
    affine: npt.NDArray[np.float64],
    *,
    plane: SlicePlane = SlicePlane.AUTO,
    in_plane_mode: InPlaneMode = InPlaneMode.RESAMPLE_1MM,
    head_bounds: Bounds | None = None,
) -> SliceGeometry:
    """Chooses the slice plane and lays the canvas about the head.

    affine: 4x4, voxel index to world RAS millimetres.
    head_bounds: first and last voxel index of the head along i, j, k; the whole volume if none.
    """
    spacing_mm = nib.affines.voxel_sizes(affine)
    orientation = nib.io_orientation(affine)
    world_of_axis = [int(world) for world in orientation[:, 0]]
    if plane is SlicePlane.AUTO:
        plane = _natural_plane(spacing_mm, world_of_axis)
    slice_axis, row_axis, column_axis = (world_of_axis.index(world) for world in _WORLD_AXES[plane])
    bounds = head_bounds or tuple((0, size - 1) for size in shape)
    flips = [bool(direction > 0) for direction in orientation[:, 1]]
    lines = [
        _lay_canvas(
            shape[axis],
            float(spacing_mm[axis]),
            bounds[axis],
            flips[axis],
            in_plane_mode,
            keep_first=world_of_axis[axis] == _INFERIOR_SUPERIOR,
        )
        for axis in (row_axis, column_axis)
    ]
    return SliceGeometry(
        slice_axis=slice_axis,
        row_axis=row_axis,
        column_axis=column_axis,
        flip_rows=flips[row_axis],
        flip_columns=flips[column_axis],
        slice_count=shape[slice_axis],
        native_rows=shape[row_axis],
        native_columns=shape[column_axis],
        row_step=lines[0][0],
        column_step=lines[1][0],
        row_origin=lines[0][1],
        column_origin=lines[1][1],
    )


def is_in_natural_plane(geometry: SliceGeometry, affine: npt.NDArray[np.float64]) -> bool:
    """Whether AUTO would have chosen the slices' plane: of a scan that is read in several, one is. affine: (4, 4)."""
    world_of_axis = [int(world) for world in nib.io_orientation(affine)[:, 0]]
    plane = _natural_plane(nib.affines.voxel_sizes(affine), world_of_axis)
    return bool(_WORLD_AXES[plane][0] == world_of_axis[geometry.slice_axis])


def oriented(volume: npt.NDArray[Voxel], geometry: SliceGeometry) -> npt.NDArray[Voxel]:
    """A view (slice, row, column) of a volume (i, j, k), anatomically oriented."""
    view = volume.transpose(geometry.slice_axis, geometry.row_axis, geometry.column_axis)
    rows = slice(None, None, -1 if geometry.flip_rows else 1)
    columns = slice(None, None, -1 if geometry.flip_columns else 1)
    return view[:, rows, columns]


def to_network(native_slices: npt.NDArray[np.float32], geometry: SliceGeometry) -> npt.NDArray[np.float32]:
    """Oriented native slices (..., rows, columns) on the canvas (..., 256, 256); 0 outside the scan.

    Linear, and anti-aliased where native pixels are smaller than the network's.
    """
    return resample(native_slices, *_to_network_matrices(geometry))


def to_native(network_slices: npt.NDArray[np.float32], geometry: SliceGeometry) -> npt.NDArray[np.float32]:
    """Network slices (..., 256, 256) on oriented native pixels (..., rows, columns); 0 off the canvas."""
    return resample(network_slices, *_to_native_matrices(geometry))


def _natural_plane(spacing_mm: npt.NDArray[np.float64], world_of_axis: list[int]) -> SlicePlane:
    coarsest = int(np.argmax(spacing_mm))
    others = median(float(size) for axis, size in enumerate(spacing_mm) if axis != coarsest)
    if spacing_mm[coarsest] <= _ANISOTROPY * others:
        return SlicePlane.AXIAL
    return next(plane for plane, worlds in _WORLD_AXES.items() if worlds[0] == world_of_axis[coarsest])


def _lay_canvas(
    size: int, spacing_mm: float, bounds: tuple[int, int], flip: bool, mode: InPlaneMode, *, keep_first: bool
) -> tuple[float, float]:
    """Step and origin of the canvas along one axis, in native pixels counted after the flip.

    keep_first: what is too long for the canvas begins with its first pixel: a head and its neck with the vertex.
    """
    if mode is InPlaneMode.RESIZE:
        step = size / CANVAS_PIXELS
        return step, 0.5 * step - 0.5
    step = CANVAS_SPACING_MM / spacing_mm
    first, last = (size - 1 - bounds[1], size - 1 - bounds[0]) if flip else bounds
    origin = (first + last) / 2 - step * (CANVAS_PIXELS - 1) / 2
    if keep_first:
        origin = min(origin, first)
    # On a native pixel, so that a scan of 1 mm pixels is cut out and not interpolated.
    return step, float(round(origin))


@lru_cache(maxsize=16)
def _to_network_matrices(geometry: SliceGeometry) -> tuple[sparse.csr_array, sparse.csr_array]:
    return (
        to_network_matrix(geometry.native_rows, CANVAS_PIXELS, geometry.row_step, geometry.row_origin),
        to_network_matrix(geometry.native_columns, CANVAS_PIXELS, geometry.column_step, geometry.column_origin),
    )


@lru_cache(maxsize=16)
def _to_native_matrices(geometry: SliceGeometry) -> tuple[sparse.csr_array, sparse.csr_array]:
    return (
        to_native_matrix(geometry.native_rows, CANVAS_PIXELS, geometry.row_step, geometry.row_origin),
        to_native_matrix(geometry.native_columns, CANVAS_PIXELS, geometry.column_step, geometry.column_origin),
    )
