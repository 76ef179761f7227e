"""Voxels and affine of a NIfTI-1 or NIfTI-2 file. Header extensions are passed over, as in the service."""

from __future__ import annotations

import gzip
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from hunet_client.errors import InputError

GZIP_MAGIC = b"\x1f\x8b"
_NIFTI_ERRORS = (
    nib.filebasedimages.ImageFileError,
    nib.spatialimages.HeaderDataError,
    nib.wrapstruct.WrapStructError,
)
_NO_EXTENSIONS = bytes(4)


@dataclass(frozen=True, eq=False)
class NiftiVolume:
    """`voxels`: (i, j, k); `affine`: (4, 4) to RAS+ mm."""

    voxels: NDArray[np.float32]
    affine: NDArray[np.float64]


def read_nifti(scan: str | os.PathLike[str] | bytes) -> NiftiVolume:
    """A NIfTI file, or the bytes of one.

    Axes of length 1 beyond the third are dropped. Raises InputError where there is no single volume.
    """
    name = "scan" if isinstance(scan, bytes) else str(scan)
    try:
        content = scan if isinstance(scan, bytes) else Path(scan).read_bytes()
        if content.startswith(GZIP_MAGIC):
            content = gzip.decompress(content)
        image_class = _image_class(content)
        image = image_class.from_bytes(_without_extensions(content, image_class))
        voxels = image.get_fdata(dtype=np.float32)
    except (OSError, EOFError, OverflowError, zlib.error, ValueError, *_NIFTI_ERRORS) as exc:
        raise InputError(name, f"cannot be read: {exc}", "Give a NIfTI file, .nii or .nii.gz") from exc
    if voxels.ndim < 3 or any(length != 1 for length in voxels.shape[3:]):
        raise InputError(name, f"is not a single volume: its shape is {voxels.shape}", "Give one 3-D volume")
    return NiftiVolume(voxels.reshape(voxels.shape[:3]), np.asarray(image.affine))


def _without_extensions(content: bytes, image_class: type[nib.Nifti1Image]) -> bytes:
    """With the voxels right after the header, which is also where an offset of 0 says they are.

    nibabel refuses a whole scan for one damaged extension.
    """
    header = image_class.header_class(content[: image_class.header_class.sizeof_hdr])
    first_voxel_byte = float(header["vox_offset"]) or header.single_vox_offset
    if not header.is_single or not header.single_vox_offset <= first_voxel_byte <= len(content):
        # Left to nibabel, which says what is wrong.
        return content
    header["vox_offset"] = header.single_vox_offset
    return bytes(header.binaryblock) + _NO_EXTENSIONS + content[int(first_voxel_byte) :]


def _image_class(content: bytes) -> type[nib.Nifti1Image] | type[nib.Nifti2Image]:
    """By the header's own size, its first four bytes in either byte order."""
    sizes = int.from_bytes(content[:4], "little"), int.from_bytes(content[:4], "big")
    return nib.Nifti2Image if nib.Nifti2Header.sizeof_hdr in sizes else nib.Nifti1Image
