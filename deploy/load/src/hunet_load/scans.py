"""Scans of several sizes, cut out of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nibabel
from hunet_client.errors import InputError, UsageError
from nibabel.filebasedimages import ImageFileError


@dataclass(frozen=True)
class Scan:
    """``content``: a NIfTI file. ``slices``: along its third axis."""

    slices: int
    content: bytes


def cut_scans(path: Path, sizes: Sequence[int]) -> list[Scan]:
    """The middle slices of a NIfTI file, as many as each size says. Raises InputError, UsageError."""
    try:
        image = nibabel.nifti1.load(path)
    except (ImageFileError, FileNotFoundError, OSError) as error:
        raise InputError(str(path), f"cannot be read as NIfTI: {error}", "Give a FLAIR as .nii or .nii.gz") from error
    depth = int(image.shape[2]) if len(image.shape) >= 3 else 0
    for size in sizes:
        if not 1 <= size <= depth:
            raise UsageError(f"--slices {size}", f"{path} has {depth} slices", "Choose fewer")
    return [_middle(image, depth, size) for size in sizes]


def _middle(image: nibabel.Nifti1Image, depth: int, size: int) -> Scan:
    first = (depth - size) // 2
    return Scan(size, image.slicer[:, :, first : first + size].to_bytes())
