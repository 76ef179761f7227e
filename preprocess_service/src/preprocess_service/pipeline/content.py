"""Whether voxel values can be a FLAIR scan's, as far as values alone can tell."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from preprocess_service.pipeline.errors import ScanContentError
from preprocess_service.pipeline.scan import Scan

# A label mask has a handful of values; an 8-bit scan has well over a hundred.
_MIN_DISTINCT_VALUES = 17
# CT keeps air near -1000 HU. MR magnitudes are not negative, save for small overshoots of interpolation.
_CT_AIR_HU = (-3100.0, -200.0)
_MAX_CT_AIR_FRACTION = 0.05
_MAX_NEGATIVE_FRACTION = 0.05
_OVERSHOOT = 0.1
_VOXELS_PER_PIECE = 2**20
_SAMPLED_VOXELS = 200_000


def pieces(volume: npt.NDArray[np.float32]) -> Iterator[npt.NDArray[np.float32]]:
    """The voxels in memory order, in flat pieces small enough to work on without a copy of the volume."""
    flat = volume.ravel(order="K")
    for start in range(0, flat.size, _VOXELS_PER_PIECE):
        yield flat[start : start + _VOXELS_PER_PIECE]


def check_content(scan: Scan) -> None:
    """Raises ScanContentError for non-finite values, a constant volume, a mask, CT, normalised values."""
    bad_voxels = sum(piece.size - int(np.isfinite(piece).sum()) for piece in pieces(scan.data))
    if bad_voxels:
        raise ScanContentError(
            scan.file_name,
            "non_finite_values",
            f"{bad_voxels} of {scan.data.size} voxels are NaN, infinite or beyond float32",
            "Replace them, e.g. by 0 outside the head, or export the scan again",
        )
    distinct = _distinct_values(scan.data)
    if len(distinct) == 1:
        raise ScanContentError(
            scan.file_name,
            "constant_volume",
            f"every voxel is {distinct.pop():g}",
            "Export the scan again; its image data are missing",
        )
    if len(distinct) < _MIN_DISTINCT_VALUES:
        raise ScanContentError(
            scan.file_name,
            "label_mask",
            f"the voxels take only {len(distinct)} different values, as in a segmentation mask",
            "Send the FLAIR scan itself",
        )
    _check_sign(scan)


def _distinct_values(volume: npt.NDArray[np.float32]) -> set[float]:
    """Different voxel values; stops once there are enough for a scan."""
    values: set[float] = set()
    for piece in pieces(volume):
        values.update(np.unique(piece).tolist())
        if len(values) >= _MIN_DISTINCT_VALUES:
            break
    return values


def _bright_value(volume: npt.NDArray[np.float32]) -> float:
    """Near the bright end of the values, whatever a few outliers do; of a sample, by magnitude."""
    step = max(1, volume.size // _SAMPLED_VOXELS)
    sample = np.abs(volume.ravel(order="K")[::step])
    return float(np.percentile(sample[sample > 0], 99)) if sample.any() else 0.0


def _check_sign(scan: Scan) -> None:
    bright = _bright_value(scan.data)
    ct_air = negative = shown = 0
    for piece in pieces(scan.data):
        ct_air += int(((piece >= _CT_AIR_HU[0]) & (piece <= _CT_AIR_HU[1])).sum())
        negative += int((piece < -_OVERSHOOT * bright).sum())
        shown += int(np.count_nonzero(piece))
    # Of those that show anything: a head may fill a small part of its volume.
    if negative <= _MAX_NEGATIVE_FRACTION * shown:
        return
    if ct_air > _MAX_CT_AIR_FRACTION * scan.data.size:
        raise ScanContentError(
            scan.file_name,
            "wrong_modality",
            f"{ct_air / scan.data.size:.0%} of the voxels lie between -3100 and -200, as air does in CT",
            "Send a FLAIR MR scan",
        )
    raise ScanContentError(
        scan.file_name,
        "negative_intensities",
        f"{negative / shown:.0%} of the voxels that are not 0 are clearly negative, as after a normalisation",
        "Send the FLAIR scan as the scanner wrote it",
    )
