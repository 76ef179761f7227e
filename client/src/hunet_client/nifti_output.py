"""Result volumes as NIfTI files that lie on the scan's grid bit for bit."""

from __future__ import annotations

import gzip
import io
from typing import TypeVar

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from hunet_client.errors import ResponseError

RESEARCH_USE_ONLY = "research use only"

Voxels = TypeVar("Voxels", np.uint8, np.float32)


def mask_file(mask: NDArray[np.uint8], scan_header: bytes) -> bytes:
    """A `.nii.gz` of a mask. mask: (i, j, k) uint8; scan_header: the scan's own NIfTI-1 or NIfTI-2 header."""
    return _nifti_gz(mask, scan_header, f"MS lesion mask, {RESEARCH_USE_ONLY}")


def probability_file(probability: NDArray[np.float32], scan_header: bytes) -> bytes:
    """A `.nii.gz` of lesion probabilities. probability: (i, j, k) float32; scan_header as for `mask_file`."""
    return _nifti_gz(probability, scan_header, f"MS lesion probability, {RESEARCH_USE_ONLY}")


def _nifti_gz(voxels: NDArray[Voxels], scan_header: bytes, description: str) -> bytes:
    header = _read_header(scan_header)
    if tuple(header.get_data_shape()) != voxels.shape:
        raise ResponseError("manifest", f"its NIfTI header is of another grid than its shape {voxels.shape}")
    header.set_data_dtype(voxels.dtype)
    header.set_slope_inter(1.0, 0.0)
    header["descrip"] = description.encode()
    # What viewers take as black and white: 0 and 1, not the scan's own range.
    header["cal_min"], header["cal_max"] = 0.0, 1.0
    # No affine is given, so that nibabel leaves sform, qform and pixdim as they are in the header.
    image = _IMAGE_CLASS[type(header)](voxels, None, header)
    file = io.BytesIO()
    # No time and no name inside, so that the same result is the same file.
    with gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=4, mtime=0) as compressed:
        compressed.write(image.to_bytes())
    return file.getvalue()


_IMAGE_CLASS = {nib.Nifti1Header: nib.Nifti1Image, nib.Nifti2Header: nib.Nifti2Image}
_HEADER_CLASS = {kind.sizeof_hdr: kind for kind in _IMAGE_CLASS}


def _read_header(scan_header: bytes) -> nib.Nifti1Header:
    kind = _HEADER_CLASS.get(len(scan_header))
    if kind is None:
        raise ResponseError("manifest", "carries no NIfTI header", "Update the preprocessing service")
    return kind(scan_header, check=False)
