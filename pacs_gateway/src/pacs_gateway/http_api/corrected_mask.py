"""A mask that a reader sends, held against the scan that it is of."""

from __future__ import annotations

import gzip
import io
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError
from numpy.typing import NDArray

from pacs_gateway.http_api.problem import ProblemError

# Of a header with extensions; the voxels come on top.
_HEADER_BYTES = 1_000_000
_LARGEST_VOXEL_BYTES = 8
_NO_NIFTI = "it is not a gzipped NIfTI-1 file of the scan's size"
# An offset of the voxels that is no number, or beyond any file, is an OverflowError.
_DAMAGED = (EOFError, OSError, ValueError, OverflowError, HeaderDataError)


@dataclass(frozen=True, eq=False)
class CorrectedMask:
    """mask: (i, j, k) uint8, 1 in lesions; affine: (4, 4) to RAS+ mm.

    header: of the model's own mask, so that nothing of the sender's is kept.
    """

    mask: NDArray[np.uint8]
    header: bytes
    affine: NDArray[np.float64]

    @property
    def volume_ml(self) -> float:
        voxel_ml = abs(float(np.linalg.det(self.affine[:3, :3]))) / 1000.0
        return round(float(np.count_nonzero(self.mask)) * voxel_ml, 6)


def read_corrected_mask(content: bytes, model_mask: Path) -> CorrectedMask:
    """content: gzipped NIfTI on the grid of `model_mask`. Raises ProblemError where it is not."""
    model = nibabel.Nifti1Image.from_filename(model_mask)
    values = _voxels(_opened(content, model), model)
    if not np.isin(values, (0, 1)).all():
        raise _unusable("it has values other than 0 and 1")
    mask = values.astype(np.uint8).reshape(model.shape[:3])
    return CorrectedMask(mask, model.header.binaryblock, np.asarray(model.affine, dtype=np.float64))


def _opened(content: bytes, model: nibabel.Nifti1Image) -> nibabel.Nifti1Image:
    """Only the header is read; no more is unpacked than a file of the model's grid may have."""
    limit = int(np.prod(model.shape)) * _LARGEST_VOXEL_BYTES + _HEADER_BYTES
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as compressed:
            return nibabel.Nifti1Image.from_bytes(compressed.read(limit))
    except (*_DAMAGED, zlib.error, ImageFileError, WrapStructError) as error:
        raise _unusable(_NO_NIFTI) from error


def _voxels(sent: nibabel.Nifti1Image, model: nibabel.Nifti1Image) -> NDArray[Any]:
    """What the header claims is allocated before the voxels are read, so it is held against the model's first."""
    if sent.shape != model.shape or not np.allclose(sent.affine, model.affine, atol=1e-3):
        raise _unusable(f"its grid of {sent.shape} voxels is not the scan's, {model.shape}")
    dtype = sent.get_data_dtype()
    if dtype.kind not in "iuf" or dtype.itemsize > _LARGEST_VOXEL_BYTES:
        raise _unusable("its voxels are not plain numbers of at most 64 bits")
    try:
        return np.asarray(sent.dataobj)
    except _DAMAGED as error:
        raise _unusable(_NO_NIFTI) from error


def _unusable(what: str) -> ProblemError:
    fix = "Change the study's mask.nii.gz and send that: 1 in lesions, 0 elsewhere."
    return ProblemError(422, "Not a mask of this study", what, fix)
