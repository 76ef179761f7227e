"""What can be wrong with a scan, or with predictions on their way back.

ScanError
├── UnreadableScanError   not a scan file this service reads, truncated, corrupt
├── ScanTooLargeError     over a limit on bytes, voxels or dimensions
├── ScanGeometryError     the voxel grid is unusable: dimensions, spacing, affine, units
└── ScanContentError      the voxel values are unusable: NaN, constant, a label mask, CT
RestoreError              the manifest or the predictions do not fit each other
"""

from __future__ import annotations


class ScanError(ValueError):
    """A scan that cannot be used: which file, what is wrong, what to do.

    `reason_code` is stable and meant for machines; docs/preprocessing.md lists every one.
    """

    def __init__(self, file_name: str, reason_code: str, what: str, fix: str) -> None:
        super().__init__(f"{file_name}: {what}. {fix}.")
        self.file_name = file_name
        self.reason_code = reason_code
        self.what = what
        self.fix = fix


class UnreadableScanError(ScanError):
    """Not a scan file this service reads, truncated or corrupt."""


class ScanTooLargeError(ScanError):
    """Over a limit on bytes, voxels or dimensions."""


class ScanGeometryError(ScanError):
    """Unusable dimensions, spacing, affine or units."""


class ScanContentError(ScanError):
    """Unusable voxel values."""


class RestoreError(ValueError):
    """Predictions or a manifest that cannot be turned into a volume: what is wrong, what to do."""

    def __init__(self, reason_code: str, what: str, fix: str) -> None:
        super().__init__(f"{what}. {fix}.")
        self.reason_code = reason_code
        self.what = what
        self.fix = fix
