"""A mask that a reader sends, held against the scan that it is of."""

from __future__ import annotations

import gzip
import io
import zlib
from dataclasses import dataclass
from pathlib import Path

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
    limit = int(np.prod(model.shape)) * _LARGEST_VOXEL_BYTES + _HEADER_BYTES
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as compressed:
            raw = compressed.read(limit)
        sent = nibabel.Nifti1Image.from_bytes(raw)
        values = np.asarray(sent.dataobj)
    except (EOFError, OSError, ValueError, zlib.error, ImageFileError, HeaderDataError, WrapStructError) as error:
        raise _unusable("it is not a gzipped NIfTI-1 file of the scan's size") from error
    if sent.shape != model.shape or not np.allclose(sent.affine, model.affine, atol=1e-3):
        raise _unusable(f"its grid of {sent.shape} voxels is not the scan's, {model.shape}")
    if not np.isin(values, (0, 1)).all():
        raise _unusable("it has values other than 0 and 1")
    mask = values.astype(np.uint8).reshape(model.shape[:3])
    return CorrectedMask(mask, model.header.binaryblock, np.asarray(model.affine, dtype=np.float64))


def _unusable(what: str) -> ProblemError:
    fix = "Change the study's mask.nii.gz and send that: 1 in lesions, 0 elsewhere."
    return ProblemError(422, "Not a mask of this study", what, fix)
