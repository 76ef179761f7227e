"""From what a caller names to a scan that can be sent; what it is, its content says."""

from __future__ import annotations

import os
from pathlib import Path

from hunet_client.dicom.files import is_dicom_or_zip
from hunet_client.errors import InputError, UsageError
from hunet_client.scan_source import FileSource, ScanSource


def open_scan(
    scan: str | os.PathLike[str] | bytes, *, file_name: str | None = None, series_uid: str | None = None
) -> ScanSource:
    """A NIfTI file, or the bytes of any scan, as it is; of a folder, zip or file of DICOM, the FLAIR series.

    file_name: what a NIfTI file, or bytes, are called; a series is called by its UID. series_uid: decides which series
    of a folder, zip or file. Raises InputError when there is nothing to read, UsageError when it is in doubt
    which series is the FLAIR, and then lists the candidates, or when there are no series to choose from.
    """
    if isinstance(scan, bytes):
        if series_uid is not None:
            what = "is given as bytes, of which no series is chosen"
            raise UsageError(file_name or "scan", what, "Give its path, or leave series_uid out")
        return FileSource(scan, file_name)
    path = Path(scan)
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError) as exc:
        raise InputError(str(path), "no such file", "Check the path") from exc
    except OSError as exc:
        raise InputError(str(path), f"cannot be read: {exc.strerror}", "Check its permissions") from exc
    if path.is_dir() or is_dicom_or_zip(path):
        # Not at the top: most scans are NIfTI, and pydicom takes a while.
        from hunet_client.dicom.series_source import open_series

        return open_series(path, series_uid)
    if series_uid is not None:
        raise UsageError(str(path), "is no DICOM, and has no series to choose from", "Leave --series out")
    return FileSource(path, file_name)
