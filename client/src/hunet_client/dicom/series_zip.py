"""DICOM files as one uncompressed zip, made while it is sent: equal files give equal bytes, and none is held whole."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence

from hunet_client.dicom.files import StoredFile

_PIECE_BYTES = 1024 * 1024
_EPOCH = (1980, 1, 1, 0, 0, 0)
_UNIX = 3


class _Pipe:
    """What a zip is written to: keeps what was not yet taken. It cannot seek, so sizes follow the data."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._waiting_bytes = 0

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        self._waiting_bytes += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self, least_bytes: int) -> Iterator[bytes]:
        """Pieces of at most 1 MiB, once at least so much has been written."""
        if self._waiting_bytes < least_bytes:
            return
        waiting = b"".join(self._pieces)
        self._pieces, self._waiting_bytes = [], 0
        for start in range(0, len(waiting), _PIECE_BYTES):
            yield waiting[start : start + _PIECE_BYTES]


def zip_pieces(files: Sequence[StoredFile]) -> Iterator[bytes]:
    """A zip of the files in their order, in pieces of at most 1 MiB; its names, times and modes are always the same."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as archive:  # type: ignore[call-overload]
        for number, file in enumerate(files, start=1):
            entry = zipfile.ZipInfo(f"{number:06d}.dcm", _EPOCH)
            entry.create_system = _UNIX
            with file.open() as source, archive.open(entry, "w") as target:
                while piece := source.read(_PIECE_BYTES):
                    target.write(piece)
                    yield from pipe.take(_PIECE_BYTES)
    yield from pipe.take(1)
