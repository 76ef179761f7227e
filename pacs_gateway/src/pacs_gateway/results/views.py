"""A segmentation as the files that the web page shows."""

from __future__ import annotations

import gzip

import nibabel
import numpy as np
from hunet_client.nifti_output import mask_file
from hunet_client.overlay import segmentation_overlay
from hunet_client.report import build_report
from hunet_client.segmentation import Segmentation
from numpy.typing import NDArray

_LEVELS = 255


def view_files(segmentation: Segmentation, volume: NDArray[np.float32]) -> dict[str, bytes]:
    """Mask, probability, report and picture by file name.

    The probability is uint8 with a slope of 1/255: a quarter of the size, and as fine as a reader can set a threshold.

    Args:
        volume: the scan's voxels (i, j, k) on the segmentation's grid.
    """
    header = segmentation.manifest.nifti_header
    return {
        "mask.nii.gz": mask_file(segmentation.mask, header),
        "probability.nii.gz": _coarse_probability(segmentation),
        "report.json": build_report(segmentation).to_json().encode(),
        "overlay.png": segmentation_overlay(volume, segmentation),
    }


def flair_file(segmentation: Segmentation, volume: NDArray[np.float32]) -> bytes:
    """The scan as NIfTI on the segmentation's grid, for scans that came as DICOM."""
    return _compressed(nibabel.Nifti1Image(volume, segmentation.affine))


def _coarse_probability(segmentation: Segmentation) -> bytes:
    levels = np.round(segmentation.probability * _LEVELS).astype(np.uint8)
    # Of the mask's header, which lies on the scan's grid bit for bit.
    mask = nibabel.Nifti1Image.from_bytes(gzip.decompress(mask_file(levels, segmentation.manifest.nifti_header)))
    mask.header["descrip"] = b"MS lesion probability, research use only"
    raw = nibabel.Nifti1Image(levels.reshape(mask.shape), None, mask.header)
    raw.header.set_slope_inter(1.0 / _LEVELS, 0.0)
    return _compressed(raw)


def _compressed(image: nibabel.Nifti1Image) -> bytes:
    return gzip.compress(image.to_bytes(), compresslevel=4, mtime=0)
