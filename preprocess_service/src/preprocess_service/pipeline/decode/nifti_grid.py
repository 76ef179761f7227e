"""The voxel grid a NIfTI header describes: dimensions, spacing, affine; all checked, none guessed."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import numpy.typing as npt

from preprocess_service.pipeline.decode.spacing_limits import MAX_SPACING_MM, MIN_SPACING_MM
from preprocess_service.pipeline.errors import ScanGeometryError, ScanTooLargeError
from preprocess_service.pipeline.scan import Limits

NiftiHeader = nib.Nifti1Header | nib.Nifti2Header

# Spacing as the header states it and as the affine implies it may differ by rounding, not by more.
_SPACING_TOLERANCE = 0.02
# Cosine between two voxel axes; 0.02 is 1.1 degrees.
_SHEAR_TOLERANCE = 0.02
# No scanner's origin is a kilometre away.
_FARTHEST_MM = 1e6
_MILLIMETRE_CODES = (0, 2)  # unknown is read as millimetres, as every common reader does
_UNIT_NAMES = {1: "metres", 3: "micrometres"}


def read_shape(file_name: str, header: NiftiHeader, limits: Limits, voxel_bytes: int) -> tuple[int, int, int]:
    """Voxels along i, j, k. Raises ScanError where it is not one 3-D volume within the limits."""
    dim = [int(size) for size in header["dim"]]
    if not 1 <= dim[0] <= 7 or any(size < 1 for size in dim[1 : dim[0] + 1]):
        raise ScanGeometryError(
            file_name, "bad_dimensions", f"the header's dimensions are {dim}", "Export the file again"
        )
    sizes = dim[1 : dim[0] + 1]
    if any(size > 1 for size in sizes[3:]):
        raise ScanGeometryError(
            file_name,
            "not_3d",
            f"the image has {len(sizes)} dimensions: {_times(sizes)}",
            "Send one 3-D volume, e.g. one time point or one echo",
        )
    spatial = [*sizes, 1, 1, 1][:3]
    if min(spatial) < 2:
        raise ScanGeometryError(
            file_name, "not_3d", f"the image is a single slice: {_times(spatial)}", "Send the whole 3-D scan"
        )
    voxels = spatial[0] * spatial[1] * spatial[2]
    if (
        max(spatial) > limits.max_dimension
        or voxels > limits.max_voxels
        or voxels * voxel_bytes > limits.max_decompressed_bytes
    ):
        raise ScanTooLargeError(
            file_name,
            "volume_too_large",
            f"the header announces {_times(spatial)} voxels of {voxel_bytes} bytes; the limits "
            f"are {limits.max_dimension} a side, {limits.max_voxels} voxels, "
            f"{limits.max_decompressed_bytes} bytes",
            "Check that the header is right, or raise the service's limits",
        )
    return spatial[0], spatial[1], spatial[2]


def read_spacing_mm(file_name: str, header: NiftiHeader) -> tuple[float, float, float]:
    """Voxel size along i, j, k as the header states it. Raises ScanGeometryError."""
    unit_code = int(header["xyzt_units"]) & 0x07
    if unit_code not in _MILLIMETRE_CODES:
        raise ScanGeometryError(
            file_name,
            "bad_units",
            f"lengths are in {_UNIT_NAMES.get(unit_code, f'unit {unit_code}')}, not millimetres",
            "Rewrite the header in millimetres",
        )
    spacing = [float(size) for size in header["pixdim"][1:4]]
    if not all(MIN_SPACING_MM <= size <= MAX_SPACING_MM for size in spacing):
        raise ScanGeometryError(
            file_name,
            "bad_spacing",
            f"the voxel spacing is {_times(spacing)} mm, outside {MIN_SPACING_MM:g} to {MAX_SPACING_MM:g} mm",
            "Correct the header's pixdim, or export the scan again",
        )
    return spacing[0], spacing[1], spacing[2]


def read_affine(file_name: str, header: NiftiHeader, spacing_mm: tuple[float, float, float]) -> npt.NDArray[np.float64]:
    """Voxel index to world RAS millimetres, 4x4: the sform where there is one, else the qform.

    Raises ScanGeometryError where both are absent, or the one in force is singular, sheared or at odds with
    the spacing.
    """
    if int(header["sform_code"]) <= 0 and int(header["qform_code"]) <= 0:
        raise ScanGeometryError(
            file_name,
            "absent_affine",
            "the header gives neither sform nor qform, so left and right are unknown",
            "Convert the scan from DICOM again with a tool that writes the orientation, e.g. dcm2niix",
        )
    if header["pixdim"][0] == 0:
        header["pixdim"][0] = 1  # the standard reads a qfac of 0 as 1
    try:
        affine = np.asarray(header.get_best_affine(), dtype=np.float64)
    except (nib.spatialimages.HeaderDataError, ValueError) as exc:
        raise ScanGeometryError(
            file_name, "bad_affine", f"the orientation cannot be read ({exc})", "Export the scan again"
        ) from exc
    _check_affine(file_name, affine, spacing_mm)
    return affine


def _check_affine(file_name: str, affine: npt.NDArray[np.float64], spacing_mm: tuple[float, float, float]) -> None:
    # Written so that NaN fails too.
    if not (np.abs(affine) < _FARTHEST_MM).all() or not np.abs(affine[:3, :3]).any(axis=0).all():
        raise ScanGeometryError(
            file_name, "bad_affine", "the affine is singular or not finite", "Export the scan again"
        )
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if not np.allclose(lengths, spacing_mm, rtol=_SPACING_TOLERANCE, atol=0):
        raise ScanGeometryError(
            file_name,
            "spacing_mismatch",
            f"the header states {_times(spacing_mm)} mm voxels and its affine {_times(lengths)} mm",
            "Correct one of them; lesion volumes depend on it",
        )
    axes = affine[:3, :3] / lengths
    cosines = np.abs(axes.T @ axes)[np.triu_indices(3, k=1)]
    if cosines.max() > _SHEAR_TOLERANCE:
        raise ScanGeometryError(
            file_name,
            "sheared_affine",
            f"the voxel axes are not at right angles (cosine {cosines.max():.3f}), as with gantry tilt",
            "Resample the scan to a rectangular grid first",
        )


def _times(sizes: object) -> str:
    return "x".join(f"{size:g}" for size in sizes)  # type: ignore[attr-defined]
