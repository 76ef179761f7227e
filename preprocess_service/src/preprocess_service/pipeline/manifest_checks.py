"""Whether a manifest that comes back is whole and fits together, before memory is taken for its volume."""

from __future__ import annotations

import math

import nibabel as nib
import numpy as np

from preprocess_service.pipeline.errors import RestoreError
from preprocess_service.pipeline.manifest import MANIFEST_VERSION, Manifest
from preprocess_service.pipeline.scan import Limits

_HEADERS = {348: nib.Nifti1Header, 540: nib.Nifti2Header}


def check_manifest(manifest: Manifest, limits: Limits) -> None:
    """Raises RestoreError for a version, shape, geometry or header that no manifest of this service has."""
    if manifest.manifest_version != MANIFEST_VERSION:
        raise RestoreError(
            "manifest_version",
            f"the manifest has version {manifest.manifest_version}, this service reads {MANIFEST_VERSION}",
            "Preprocess the scan again",
        )
    checks = {
        "shape": _shape_is_sound(manifest, limits),
        "slice geometry": _geometry_is_sound(manifest),
        "affine": all(map(math.isfinite, manifest.affine)),
        "spacing": all(math.isfinite(spacing) and spacing > 0 for spacing in manifest.spacing_mm),
        "source frames": manifest.dicom is None or len(manifest.dicom.frames) == manifest.shape[2],
    }
    for what, sound in checks.items():
        if not sound:
            raise _bad(what)
    if not _header_agrees(manifest):
        raise _bad("NIfTI header")


def _bad(what: str) -> RestoreError:
    return RestoreError(
        "bad_manifest",
        f"the manifest's {what} is impossible or at odds with the rest",
        "Send the manifest as it came from Preprocess",
    )


def _shape_is_sound(manifest: Manifest, limits: Limits) -> bool:
    return (
        min(manifest.shape) >= 1
        and max(manifest.shape) <= limits.max_dimension
        and math.prod(manifest.shape) <= limits.max_voxels
    )


def _geometry_is_sound(manifest: Manifest) -> bool:
    geometry = manifest.geometry
    axes = (geometry.slice_axis, geometry.row_axis, geometry.column_axis)
    steps = (geometry.row_step, geometry.column_step)
    origins = (geometry.row_origin, geometry.column_origin)
    return (
        sorted(axes) == [0, 1, 2]
        and tuple(manifest.shape[axis] for axis in axes)
        == (geometry.slice_count, geometry.native_rows, geometry.native_columns)
        and all(math.isfinite(step) and step > 0 for step in steps)
        and all(map(math.isfinite, origins))
    )


def _header_agrees(manifest: Manifest) -> bool:
    header_type = _HEADERS.get(len(manifest.nifti_header))
    if header_type is None:
        return False
    try:
        header = header_type(manifest.nifti_header, check=False)
        affine = np.asarray(header.get_best_affine(), dtype=np.float64)
    except (nib.spatialimages.HeaderDataError, ValueError):
        return False
    dim = tuple(int(size) for size in header["dim"][1:4])
    return dim == manifest.shape and np.array_equal(affine.ravel(), manifest.affine)
