"""A scan made in memory, as if it had been read from a NIfTI file."""

from __future__ import annotations

import hashlib

import nibabel as nib
import numpy as np
import numpy.typing as npt

from preprocess_service.pipeline.scan import Scan, ScanFormat


def scan_from_array(data: npt.NDArray[np.generic], affine: npt.NDArray[np.float64], *, file_name: str) -> Scan:
    """Wraps grey values (i, j, k) of any real type on the grid of a 4x4 affine; one slice is enough.

    Nothing is checked; the digest is that of the float32 values.
    """
    values = np.asfortranarray(data, dtype=np.float32)
    image = nib.Nifti1Image(values, affine)
    digest = hashlib.sha256(values.T.tobytes())
    i, j, k = (float(size) for size in nib.affines.voxel_sizes(image.affine))
    return Scan(
        file_name=file_name,
        format=ScanFormat.NIFTI,
        data=values,
        affine=np.asarray(image.affine, dtype=np.float64),
        spacing_mm=(i, j, k),
        nifti_header=bytes(image.header.binaryblock),
        sha256=digest.hexdigest(),
        byte_count=values.nbytes,
    )
