"""A decoded scan, and how large one may be."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt


class ScanFormat(StrEnum):
    """File format a scan came in."""

    NIFTI = "nifti"
    DICOM = "dicom"


@dataclass(frozen=True, slots=True)
class SourceFrame:
    """One frame of a DICOM image; frames are counted from 1, and a single-frame image has one."""

    sop_instance_uid: str
    frame_number: int


@dataclass(frozen=True, slots=True)
class DicomSource:
    """The series that a scan was read from. frames: one for each k, in order."""

    study_instance_uid: str
    series_instance_uid: str
    frames: tuple[SourceFrame, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """Largest scan that is accepted; each is checked before the memory it would take is allocated."""

    max_scan_bytes: int = 512 * 2**20
    max_decompressed_bytes: int = 1100 * 2**20
    max_voxels: int = 512**3
    max_dimension: int = 2048


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """One scan as it lies in its file.

    data: (i, j, k) float32, scaled values in the file's own voxel order; of a DICOM series i is the column, j the
        row, k the slice in ascending projection of ImagePositionPatient on the normal.
    affine: 4x4 float64, voxel index to world RAS millimetres.
    spacing_mm: voxel size along i, j, k.
    nifti_header: 348 or 540 bytes, the header of a 3-D image on this grid, without free text.
    sha256: digest of the file as received, hexadecimal; byte_count is its size.
    dicom: where the slices came from; none but of DICOM.
    """

    file_name: str
    format: ScanFormat
    data: npt.NDArray[np.float32]
    affine: npt.NDArray[np.float64]
    spacing_mm: tuple[float, float, float]
    nifti_header: bytes
    sha256: str
    byte_count: int
    dicom: DicomSource | None = None
