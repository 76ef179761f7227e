"""Volumes as SimpleITK images that lie where the scan's affine says, and values of an image at points.

nibabel's world is RAS+ and its arrays are (i, j, k); ITK's world is LPS+ and its arrays are (k, j, i).
"""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from numpy.typing import ArrayLike, NDArray

_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def image_of(volume: NDArray, affine: ArrayLike) -> sitk.Image:
    """volume: (i, j, k); affine: (4, 4), voxel indices to RAS+ mm. Values that are not finite become 0."""
    voxels = np.nan_to_num(volume.astype(np.float32, copy=False), posinf=0.0, neginf=0.0)
    image = sitk.GetImageFromArray(np.ascontiguousarray(voxels.transpose(2, 1, 0)))
    matrix = _RAS_TO_LPS @ np.asarray(affine, dtype=np.float64)
    spacing = np.linalg.norm(matrix[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((matrix[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(matrix[:3, 3].tolist())
    return image


def to_lps(points_mm: NDArray) -> NDArray[np.float64]:
    """Points (n, 3) from RAS+ to LPS+, or back: it is the same."""
    return points_mm * np.array([-1.0, -1.0, 1.0])


def corners_mm(image: sitk.Image) -> NDArray[np.float64]:
    """The outer voxels' centres at the eight corners, (8, 3) LPS+ mm."""
    ends = [(0, size - 1) for size in image.GetSize()]
    return np.array([image.TransformIndexToPhysicalPoint((i, j, k)) for i in ends[0] for j in ends[1] for k in ends[2]])


def upright_grid(low_mm: NDArray, high_mm: NDArray, spacing_mm: float) -> sitk.Image:
    """An empty image with cubic voxels and axes along LPS+ that spans a box."""
    counts = np.ceil((high_mm - low_mm) / spacing_mm).astype(int) + 1
    grid = sitk.Image(counts.tolist(), sitk.sitkUInt8)
    grid.SetOrigin(low_mm.tolist())
    grid.SetSpacing([spacing_mm] * 3)
    return grid


def resampled(
    image: sitk.Image, grid: sitk.Image, grid_to_image: sitk.Transform | None = None, *, outside: float = 0.0
) -> sitk.Image:
    """The image at the voxels of another grid, by linear interpolation; `outside` where it has none."""
    transform = grid_to_image if grid_to_image is not None else sitk.Transform()
    return sitk.Resample(image, grid, transform, sitk.sitkLinear, outside, sitk.sitkFloat32)


def binned(image: sitk.Image, spacing_mm: float) -> sitk.Image:
    """The image with neighbouring voxels averaged, as long as its voxels stay within `spacing_mm`."""
    factors = [max(1, int(spacing_mm / mm + 1e-6)) for mm in image.GetSpacing()]
    factors = [min(factor, size) for factor, size in zip(factors, image.GetSize(), strict=True)]
    return sitk.BinShrink(image, factors)


def values_at(points_mm: NDArray, values: NDArray, grid: sitk.Image) -> NDArray[np.float64]:
    """Linear interpolation of `values` (k, j, i) on an upright grid at points (n, 3) LPS+ mm; at the edge beyond it."""
    place = (points_mm - np.array(grid.GetOrigin())) / np.array(grid.GetSpacing())
    place = np.clip(place, 0.0, np.array(grid.GetSize()) - 1.0)
    low = np.minimum(np.floor(place).astype(int), np.maximum(np.array(grid.GetSize()) - 2, 0))
    share = place - low
    total = np.zeros(len(place))
    for corner in range(8):
        step = np.array([corner & 1, corner >> 1 & 1, corner >> 2])
        i, j, k = np.minimum(low + step, np.array(grid.GetSize()) - 1).T
        total += np.prod(np.where(step, share, 1.0 - share), axis=1) * values[k, j, i]
    return total
