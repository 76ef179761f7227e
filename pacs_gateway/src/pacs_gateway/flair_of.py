"""The FLAIR of what a caller sent, who has no command line to choose a series on."""

from __future__ import annotations

from pathlib import Path

from hunet_client.dicom.series_source import SeriesInDoubtError, SeriesSource, open_series
from hunet_client.errors import InputError


def flair_of(scan: Path, name: str) -> SeriesSource:
    """scan: a zip or a file of DICOM; name: what its sender calls it. Raises InputError."""
    try:
        return open_series(scan)
    except SeriesInDoubtError as error:
        raise InputError(name, error.what, f"Send the FLAIR series alone:\n{error.candidates}") from error
    except InputError as error:
        raise InputError(name, error.what, error.fix) from error
