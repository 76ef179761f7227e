"""The head on a grid of about 4 mm: where it is, where the air is, and which of it is surely brain.

Deep inside the upper head lies brain and nothing else, with the skull on or off and whatever the contrast, so that
statistics of this core need no segmentation.
"""

from __future__ import annotations

from dataclasses import dataclass

import nibabel as nib
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from preprocess_service.pipeline.scan import Scan

_BLOCK_MM = 4.0
# The head's outline relative to brain tissue's grey value.
_HEAD_FRACTION = 0.3
# The core begins at this share of the head's greatest depth: past scalp and skull, and past most of the cortex.
_CORE_DEPTH = 0.35
# Face and neck lie further below the top of the head.
_CORE_BELOW_TOP_MM = 100.0
_MIN_PLANE_FRACTION = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class CoarseHead:
    """The scan in blocks, along the scan's own axes (i, j, k).

    values: block means, relative to tissue's grey value, float32; head, core: bool of the same shape.
    block: voxels in a block along i, j, k. `superior_axis` and `superior_sign`: where the top of the head is.
    """

    values: npt.NDArray[np.float32]
    head: npt.NDArray[np.bool_]
    core: npt.NDArray[np.bool_]
    block: tuple[int, int, int]
    superior_axis: int
    superior_sign: int


def find_coarse_head(scan: Scan, tissue_value: float) -> CoarseHead:
    """The head of a scan whose tissue has this grey value."""
    i, j, k = (
        min(size, max(1, round(_BLOCK_MM / mm))) for size, mm in zip(scan.data.shape, scan.spacing_mm, strict=True)
    )
    values = _block_means(scan.data, (i, j, k)) / np.float32(tissue_value)
    orientation = nib.io_orientation(scan.affine)
    axis = int(np.flatnonzero(orientation[:, 0] == 2)[0])
    sign = int(orientation[axis, 1])
    head = _solid(values > _HEAD_FRACTION, axis)
    block_mm = (i * scan.spacing_mm[0], j * scan.spacing_mm[1], k * scan.spacing_mm[2])
    return CoarseHead(
        values=values,
        head=head,
        core=_core(head, block_mm, axis, sign),
        block=(i, j, k),
        superior_axis=axis,
        superior_sign=sign,
    )


def _block_means(volume: npt.NDArray[np.float32], block: tuple[int, int, int]) -> npt.NDArray[np.float32]:
    """Means over whole blocks, in float32; what is left over at the far ends is not looked at."""
    counts = [size // step for size, step in zip(volume.shape, block, strict=True)]
    means = np.empty(counts, dtype=np.float32)
    # Slab by slab along the axis that is slowest in memory, which reads the volume once from front to end.
    slow = int(np.argmax(np.abs(volume.strides)))
    inner = [axis for axis in range(3) if axis != slow]
    slabs, targets = np.moveaxis(volume, slow, 0), np.moveaxis(means, slow, 0)
    rows, columns = (counts[axis] for axis in inner)
    row_step, column_step = (block[axis] for axis in inner)
    for number in range(counts[slow]):
        slab = slabs[number * block[slow] : (number + 1) * block[slow]].mean(axis=0)
        tiles = slab[: rows * row_step, : columns * column_step].reshape(rows, row_step, columns, column_step)
        targets[number] = tiles.mean(axis=(1, 3))
    return means


def _solid(bright: npt.NDArray[np.bool_], superior_axis: int) -> npt.NDArray[np.bool_]:
    """The largest connected piece, its holes in axial planes filled."""
    planes = np.moveaxis(bright, superior_axis, 0)
    filled = np.stack([ndimage.binary_fill_holes(plane) for plane in planes])
    labels, count = ndimage.label(filled)
    if count > 1:
        filled = labels == np.bincount(labels.ravel())[1:].argmax() + 1
    return np.moveaxis(filled, 0, superior_axis)


def _core(
    head: npt.NDArray[np.bool_], block_mm: tuple[float, float, float], superior_axis: int, superior_sign: int
) -> npt.NDArray[np.bool_]:
    if not head.any() or head.all():
        return head.copy()
    areas = np.moveaxis(head, superior_axis, 0).sum(axis=(1, 2))
    planes = np.flatnonzero(areas > _MIN_PLANE_FRACTION * areas.max())
    top = planes[-1] if superior_sign > 0 else planes[0]
    below_top_mm = np.abs(np.arange(len(areas)) - top) * block_mm[superior_axis]
    upper = np.moveaxis(head, superior_axis, -1) & (below_top_mm < _CORE_BELOW_TOP_MM)
    depth_mm = ndimage.distance_transform_edt(head, sampling=block_mm) * np.moveaxis(upper, -1, superior_axis)
    return depth_mm >= _CORE_DEPTH * depth_mm.max()
