"""From the mask's grid to the series' frames, and the proof that both lie in the same place."""

from __future__ import annotations

import numpy as np
from hunet_client.errors import InputError
from hunet_client.segmentation import Segmentation
from numpy.typing import NDArray

from pacs_gateway.results.frame_attributes import FrameAttributes
from pacs_gateway.results.source_series import SourceSeries

# Of the shortest edge of a voxel: far below a swap, a flip or a shift by one, far above rounded positions.
TOLERANCE = 0.1
_LPS_FROM_RAS = np.array([-1.0, -1.0, 1.0])


def frames_of(volume: NDArray) -> NDArray:
    """(k, rows, columns): the frames of a volume (i, j, k); i counts columns and j rows."""
    return np.ascontiguousarray(volume.transpose(2, 1, 0))


def lps_from_ras(point_mm: tuple[float, float, float]) -> NDArray[np.float64]:
    """(3,): a point of the affine's world in DICOM's: to the Left, Posterior, Superior."""
    return _LPS_FROM_RAS * np.array(point_mm)


def check_same_grid(series: SourceSeries, segmentation: Segmentation) -> None:
    """Compares the corners of every slice as the mask's affine and as the images place them (PS3.3, C.7.6.2.1.1).

    Raises InputError when shapes differ or a corner is more than a tenth of a voxel's shortest edge off.
    """
    shape = segmentation.mask.shape
    fix = "Order the images as the mask's slices are, each once, and give the mask that was made from them"
    if shape != series.shape:
        raise InputError(series.name, f"is {series.shape} voxels large, the mask is {shape}", fix)
    corners = np.array([(i, j) for i in (0, shape[0] - 1) for j in (0, shape[1] - 1)], dtype=np.float64)
    worst_mm, worst_slice = 0.0, 0
    for k, frame in enumerate(series.frames):
        voxels = np.column_stack([corners, np.full(len(corners), float(k))])
        by_mask = (voxels @ segmentation.affine[:3, :3].T + segmentation.affine[:3, 3]) * _LPS_FROM_RAS
        off_mm = float(np.linalg.norm(by_mask - _places(frame.attributes, corners), axis=1).max())
        if off_mm > worst_mm:
            worst_mm, worst_slice = off_mm, k
    if worst_mm > TOLERANCE * min(segmentation.spacing_mm):
        what = f"its slice {worst_slice} lies up to {worst_mm:.3g} mm from where the mask's affine places it"
        raise InputError(series.name, what, fix)


def _places(frame: FrameAttributes, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 3) LPS millimetres of pixels (n, 2), given as column and row (PS3.3, equation C.7.6.2.1-1)."""
    along_row, along_column = np.array(frame.orientation[:3]), np.array(frame.orientation[3:])
    row_mm, column_mm = frame.spacing_mm
    return np.array(frame.position_mm) + pixels[:, :1] * column_mm * along_row + pixels[:, 1:] * row_mm * along_column
