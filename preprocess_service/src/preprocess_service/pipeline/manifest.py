"""All that is needed to go from predictions back to the scan's grid, and to say how its slices were made."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version

from preprocess_service.pipeline.geometry import InPlaneMode, SliceGeometry
from preprocess_service.pipeline.intensity import Intensity
from preprocess_service.pipeline.quality.result import Quality, QualityFlag
from preprocess_service.pipeline.scan import DicomSource, ScanFormat

MANIFEST_VERSION = 1
_SOFTWARE = ("hunet-preprocess-service", "numpy", "scipy", "nibabel")
_DICOM_SOFTWARE = ("pydicom", "pyjpegls", "python-gdcm")


@dataclass(frozen=True, slots=True)
class Manifest:
    """Field for field the protocol's Manifest.

    shape: voxels along i, j, k; spacing_mm: millimetres along each.
    affine: 4x4 voxel index to world RAS millimetres, row by row, 16 numbers.
    nifti_header: 348 or 540 bytes, see `Scan`.
    software: distribution names and versions, sorted.
    dicom: the series and its frames; none but of DICOM.
    """

    manifest_version: int
    input_sha256: str
    input_bytes: int
    format: ScanFormat
    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    affine: tuple[float, ...]
    nifti_header: bytes
    geometry: SliceGeometry
    intensity: Intensity
    in_plane_mode: InPlaneMode
    quality: Quality
    quality_flags: tuple[QualityFlag, ...]
    software: tuple[tuple[str, str], ...]
    dicom: DicomSource | None = None


def software_versions(scan_format: ScanFormat) -> tuple[tuple[str, str], ...]:
    """Name and version of each distribution whose version can change the slices of a scan of this format."""
    names = _SOFTWARE + (_DICOM_SOFTWARE if scan_format is ScanFormat.DICOM else ())
    return tuple((name, version(name)) for name in sorted(names))
