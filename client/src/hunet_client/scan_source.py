"""Where a scan's bytes come from."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from pathlib import Path

import anyio

from hunet_client.errors import InputError

CHUNK_BYTES = 1024 * 1024


class ScanSource:
    """A scan file, or its bytes; can be read from its beginning more than once.

    Raises InputError when there is nothing to read.
    """

    def __init__(self, scan: str | os.PathLike[str] | bytes, file_name: str | None = None) -> None:
        """`file_name` is what errors and the report call the scan; by default the file's own name."""
        self._scan = scan if isinstance(scan, bytes) else Path(scan)
        if isinstance(self._scan, bytes):
            self.file_name = file_name or "scan.nii.gz"
            return
        self.file_name = file_name or self._scan.name
        if not self._scan.exists():
            raise InputError(str(self._scan), "no such file", "Check the path")
        if not self._scan.is_file():
            raise InputError(str(self._scan), "is not a file", "Name one .nii or .nii.gz file")

    async def chunks(self) -> AsyncGenerator[bytes]:
        """The file's bytes in order, at most 1 MiB at a time, read as they are asked for."""
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
