"""Frames put in order on one grid: i along the columns, j along the rows, k along the normal.

The rules of DICOM PS3.3 C.7.6.2.1.1, and what goes wrong in practice: order is that of ImagePositionPatient projected
on the normal, whatever names, numbers and frame order say; every gap is looked at; thickness is not spacing.
"""

from __future__ import annotations

from dataclasses import dataclass

import nibabel as nib
import numpy as np
import numpy.typing as npt

from preprocess_service.pipeline.decode.dicom.frames import Frame
from preprocess_service.pipeline.decode.dicom.volumes import several_volumes
from preprocess_service.pipeline.decode.spacing_limits import MAX_SPACING_MM, MIN_SPACING_MM
from preprocess_service.pipeline.errors import ScanGeometryError

Vectors = npt.NDArray[np.float64]

# Patient coordinates of DICOM run to the left, back and head; those of NIfTI to the right, front and head.
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
# Direction cosines as scanners round them.
_COSINE_TOLERANCE = 1e-3
_SPACING_TOLERANCE = 1e-3
# Two slices nearer than this are two pictures of one place.
_SAME_PLACE_MM = 0.01
# How far a slice may lie from where even steps put it: a share of the step, and the rounding of its position.
_STEP_TOLERANCE = 0.02
_ROUNDING_MM = 0.01
# Sideways per step along the normal; 0.02 is 1.1 degrees.
_TILT_TOLERANCE = 0.02
_FARTHEST_MM = 1e6


@dataclass(frozen=True, slots=True, eq=False)
class SliceStack:
    """Frames in order of k. affine: 4x4, voxel index to RAS millimetres, exact in float32, as its NIfTI header is."""

    frames: tuple[Frame, ...]
    affine: npt.NDArray[np.float64]
    spacing_mm: tuple[float, float, float]
    nifti_header: bytes


def stack_frames(file_name: str, frames: list[Frame], rows: int, columns: int) -> SliceStack:
    """Puts two or more frames of one size in order. Raises ScanGeometryError where they make no even stack."""
    row_cosines, column_cosines, (row_mm, column_mm) = _plane(file_name, frames)
    normal = np.cross(row_cosines, column_cosines)
    positions = np.array([frame.position_mm for frame in frames])
    order = np.argsort(positions @ normal, kind="stable")
    ordered = [frames[index] for index in order]
    step = _even_step(file_name, ordered, positions[order], normal)
    affine = np.eye(4)
    # The row cosines point along a row, which is from column to column.
    affine[:3, :3] = np.column_stack([row_cosines * column_mm, column_cosines * row_mm, step])
    affine[:3, 3] = positions[order[0]]
    header = _nifti_header((columns, rows, len(frames)), _LPS_TO_RAS @ affine)
    i_mm, j_mm, k_mm = (float(size) for size in header["pixdim"][1:4])
    return SliceStack(
        frames=tuple(ordered),
        affine=np.asarray(header.get_best_affine(), dtype=np.float64),
        spacing_mm=(i_mm, j_mm, k_mm),
        nifti_header=bytes(header.binaryblock),
    )


def _plane(file_name: str, frames: list[Frame]) -> tuple[Vectors, Vectors, tuple[float, float]]:
    """Row and column cosines and the pixel spacing that all frames share."""
    if any(
        frame.position_mm is None or frame.row_cosines is None or frame.pixel_spacing_mm is None for frame in frames
    ):
        raise ScanGeometryError(
            file_name,
            "absent_affine",
            "an image gives no position, orientation or pixel spacing, so left and right are unknown",
            "Send the series as the scanner made it",
        )
    orientations = np.array([[frame.row_cosines, frame.column_cosines] for frame in frames])
    spacings = np.array([frame.pixel_spacing_mm for frame in frames])
    if not ((spacings >= MIN_SPACING_MM) & (spacings <= MAX_SPACING_MM)).all():
        raise ScanGeometryError(
            file_name,
            "bad_spacing",
            f"the pixel spacing lies outside {MIN_SPACING_MM:g} to {MAX_SPACING_MM:g} mm",
            "Export the series again",
        )
    lengths = np.linalg.norm(orientations, axis=-1)
    across = np.abs((orientations[:, 0] * orientations[:, 1]).sum(axis=-1))
    far = max(np.abs(frame.position_mm).max() for frame in frames if frame.position_mm is not None) > _FARTHEST_MM
    if far or np.abs(lengths - 1).max() > _COSINE_TOLERANCE or across.max() > _COSINE_TOLERANCE:
        raise ScanGeometryError(
            file_name,
            "bad_affine",
            "an image's row and column directions are not of length 1 at right angles, or it lies kilometres away",
            "Export the series again",
        )
    if np.abs(orientations - orientations[0]).max() > _COSINE_TOLERANCE:
        raise _mixed(file_name, "directions")
    if not np.allclose(spacings, spacings[0], rtol=_SPACING_TOLERANCE, atol=0):
        raise _mixed(file_name, "pixel spacings")
    return orientations[0, 0], orientations[0, 1], (float(spacings[0, 0]), float(spacings[0, 1]))


def _mixed(file_name: str, what: str) -> ScanGeometryError:
    return ScanGeometryError(
        file_name,
        "mixed_slices",
        f"the slices of the series have different {what}, as in a localizer",
        "Send one series of parallel slices",
    )


def _even_step(file_name: str, frames: list[Frame], positions: Vectors, normal: Vectors) -> Vectors:
    """The vector from one slice to the next. positions: (n, 3) in order along the normal."""
    gaps = np.diff(positions @ normal)
    if gaps.min() < _SAME_PLACE_MM:
        raise several_volumes(file_name, frames, positions @ normal, _SAME_PLACE_MM)
    step_mm = float(np.median(gaps))
    if not MIN_SPACING_MM <= step_mm <= MAX_SPACING_MM:
        raise ScanGeometryError(
            file_name, "bad_spacing", f"the slices lie {step_mm:.3g} mm apart", "Export the series again"
        )
    tolerance_mm = _STEP_TOLERANCE * step_mm + _ROUNDING_MM
    worst = int(np.argmax(np.abs(gaps - step_mm)))
    if abs(gaps[worst] - step_mm) > tolerance_mm:
        raise _uneven(file_name, worst, float(gaps[worst]), step_mm)
    step = (positions[-1] - positions[0]) / (len(positions) - 1)
    sideways = step - (step @ normal) * normal
    if np.linalg.norm(sideways) > _TILT_TOLERANCE * step_mm:
        degrees = np.degrees(np.arctan2(np.linalg.norm(sideways), step @ normal))
        raise ScanGeometryError(
            file_name,
            "tilted_slices",
            f"the slices are stacked {degrees:.1f} degrees off their normal, as with gantry tilt",
            "Resample the series to a rectangular grid first, e.g. with dcm2niix",
        )
    expected = positions[0] + np.arange(len(positions))[:, None] * step
    off_mm = np.linalg.norm(positions - expected, axis=1)
    if off_mm.max() > tolerance_mm:
        raise ScanGeometryError(
            file_name,
            "uneven_slices",
            f"slice {int(np.argmax(off_mm)) + 1} lies {off_mm.max():.2f} mm off the line of the others",
            "Send one acquisition, as the scanner made it",
        )
    return np.asarray(step)


def _uneven(file_name: str, before: int, gap_mm: float, step_mm: float) -> ScanGeometryError:
    """before: slices on the near side of the gap, less one."""
    missing = round(gap_mm / step_mm) - 1
    if missing >= 1 and abs(gap_mm - (missing + 1) * step_mm) <= 2 * _STEP_TOLERANCE * gap_mm + _ROUNDING_MM:
        return ScanGeometryError(
            file_name,
            "absent_slices",
            f"between slices {before + 1} and {before + 2} of those that came, {missing} are missing "
            f"({gap_mm:.2f} mm apart, others {step_mm:.2f} mm)",
            "Send the whole series",
        )
    return ScanGeometryError(
        file_name,
        "uneven_slices",
        f"slices {before + 1} and {before + 2} lie {gap_mm:.2f} mm apart, others {step_mm:.2f} mm",
        "Send one acquisition with even spacing",
    )


def _nifti_header(shape: tuple[int, int, int], affine: npt.NDArray[np.float64]) -> nib.Nifti1Header:
    header = nib.Nifti1Header()
    header.set_data_shape(shape)
    header.set_data_dtype(np.float32)
    header.set_zooms(np.linalg.norm(affine[:3, :3], axis=0))
    header.set_qform(affine, code="scanner", strip_shears=True)
    header.set_sform(affine, code="scanner")
    header.set_xyzt_units("mm")
    return header
