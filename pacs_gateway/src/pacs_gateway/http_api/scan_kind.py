"""What an uploaded file is, told by its first bytes."""

from __future__ import annotations

import gzip
import zlib
from enum import StrEnum
from pathlib import Path

_NIFTI_1, _NIFTI_2 = b"n+1\0", b"n+2\0"
_HEADER_BYTES = 540


class ScanKind(StrEnum):
    """``NIFTI_GZ`` and ``NIFTI``: one file, compressed or not. ``DICOM``: a file, or a zip of many."""

    NIFTI_GZ = "nifti_gz"
    NIFTI = "nifti"
    DICOM = "dicom"


def scan_kind(path: Path) -> ScanKind | None:
    """None where it is neither NIfTI nor DICOM nor a zip. Raises OSError."""
    with path.open("rb") as file:
        start = file.read(_HEADER_BYTES)
    if start.startswith(b"PK\x03\x04") or start[128:132] == b"DICM":
        return ScanKind.DICOM
    if _is_nifti(start):
        return ScanKind.NIFTI
    try:
        with gzip.open(path) as file:
            return ScanKind.NIFTI_GZ if _is_nifti(file.read(_HEADER_BYTES)) else None
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return None


def _is_nifti(start: bytes) -> bool:
    """Single-file NIfTI-1 (magic at byte 344) or NIfTI-2 (magic at byte 4)."""
    return start[344:348] == _NIFTI_1 or start[4:8] == _NIFTI_2
