"""Reads a scan file of any supported format, one module a format, told apart by content and not by name."""

from __future__ import annotations

import io
from pathlib import Path

from preprocess_service.pipeline.content import check_content
from preprocess_service.pipeline.decode import dicom, nifti
from preprocess_service.pipeline.decode.source import ByteStream, ScanSource
from preprocess_service.pipeline.errors import UnreadableScanError
from preprocess_service.pipeline.scan import Limits, Scan

_SNIFFED_BYTES = 132


def read_scan(data: bytes | Path | ByteStream, *, file_name: str, limits: Limits | None = None) -> Scan:
    """Decodes a scan and checks that its grid and its values are usable.

    data: the file's bytes, its path, or a stream that is read once from front to end, in small pieces.
    file_name: used in error messages only.
    Raises ScanError.
    """
    if isinstance(data, Path):
        with data.open("rb") as stream:
            return _read_stream(stream, file_name, limits or Limits())
    return _read_stream(io.BytesIO(data) if isinstance(data, bytes) else data, file_name, limits or Limits())


def _read_stream(stream: ByteStream, file_name: str, limits: Limits) -> Scan:
    source = ScanSource(stream, file_name, limits)
    start = source.peek(_SNIFFED_BYTES)
    if nifti.is_nifti(start):
        scan = nifti.read_nifti(source)
    elif dicom.is_dicom(start) or dicom.is_zip(start):
        scan = dicom.read_dicom(source)
    else:
        raise UnreadableScanError(
            file_name,
            "not_a_scan",
            "this is neither NIfTI nor DICOM",
            "Send a .nii or .nii.gz file (NIfTI-1 or NIfTI-2), or a zip of one DICOM series",
        )
    check_content(scan)
    return scan
