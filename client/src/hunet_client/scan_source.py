"""Where a scan's bytes come from, and its voxels for the picture."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Protocol

import anyio
import numpy as np
from hunet_protocol.v1 import preprocess_pb2 as pb
from numpy.typing import NDArray

from hunet_client.errors import InputError
from hunet_client.nifti_input import read_nifti

CHUNK_BYTES = 1024 * 1024


class ScanSource(Protocol):
    """One scan; can be read from its beginning more than once, and gives the same bytes each time."""

    @property
    def file_name(self) -> str:
        """What errors and the report call the scan."""

    @property
    def explanation(self) -> str:
        """How the scan was chosen among others, for people; empty where there was no choice."""

    def chunks(self) -> AsyncGenerator[bytes]:
        """The bytes to send, in order, at most 1 MiB at a time, read as they are asked for. Raises InputError."""

    def volume(self, manifest: pb.Manifest) -> NDArray[np.float32]:
        """The voxels (i, j, k) on the manifest's grid, for showing. Raises InputError."""


class FileSource:
    """A scan file, or its bytes, sent as it is. Raises InputError when there is nothing to read."""

    explanation = ""

    def __init__(self, scan: Path | bytes, file_name: str | None = None) -> None:
        """`file_name`: by default the file's own name."""
        self._scan = scan
        if isinstance(scan, bytes):
            self.file_name = file_name or "scan.nii.gz"
            return
        # Names of old file systems may be no UTF-8, as the service and the report need it.
        self.file_name = file_name or os.fsencode(scan.name).decode("utf-8", "replace")
        if not scan.is_file():
            raise InputError(str(scan), "is not a file", "Name one .nii or .nii.gz file, or a folder of DICOM files")

    async def chunks(self) -> AsyncGenerator[bytes]:
        if isinstance(self._scan, bytes):
            for start in range(0, len(self._scan), CHUNK_BYTES):
                yield self._scan[start : start + CHUNK_BYTES]
            return
        try:
            async with await anyio.open_file(self._scan, "rb") as file:
                while chunk := await file.read(CHUNK_BYTES):
                    yield chunk
        except OSError as exc:
            what = f"cannot be read: {exc.strerror}"
            raise InputError(str(self._scan), what, "Check its permissions") from exc

    def volume(self, manifest: pb.Manifest) -> NDArray[np.float32]:
        return read_nifti(self._scan).voxels
