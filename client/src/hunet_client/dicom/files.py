"""The DICOM files in a folder, however deep, or in a zip; known by their content and never by name."""

from __future__ import annotations

import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from hunet_client.errors import InputError

_MAGIC = b"DICM"
_MAGIC_OFFSET = 128
_ZIP_MAGIC = b"PK\x03\x04"
# The service takes no more of a whole scan. A zip says of each file how large it is, and holds no more of it.
MAX_FILE_BYTES = 512 * 1024 * 1024
# What reading a file, or a file in a zip, may end in.
UNREADABLE = (OSError, EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, RuntimeError)


@dataclass(frozen=True)
class StoredFile:
    """One file. `open` gives its bytes from the beginning, each time anew."""

    open: Callable[[], BinaryIO]


def is_dicom_or_zip(path: Path) -> bool:
    """Whether a file's content says so; False where it cannot be read."""
    try:
        with path.open("rb") as file:
            start = file.read(_MAGIC_OFFSET + len(_MAGIC))
    except OSError:
        return False
    return start[_MAGIC_OFFSET:] == _MAGIC or start.startswith(_ZIP_MAGIC)


def dicom_files(path: Path) -> list[StoredFile]:
    """The DICOM files in a folder or zip, or the one that `path` is. Raises InputError where there is none."""
    try:
        found = [file for file in _stored_files(path) if _is_dicom(file)]
    except UNREADABLE as exc:
        raise InputError(str(path), f"cannot be read: {exc}", "Check its permissions, or copy it again") from exc
    if not found and _is_damaged_zip(path):
        raise InputError(str(path), "the zip is damaged or incomplete", "Copy it again")
    if not found:
        raise InputError(str(path), "there are no DICOM files in it", "Name a DICOM folder, or a .nii or .nii.gz file")
    return found


def _stored_files(path: Path) -> Iterator[StoredFile]:
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.is_file():
                yield StoredFile(lambda file=file: file.open("rb"))  # type: ignore[misc]
    elif zipfile.is_zipfile(path):
        archive = zipfile.ZipFile(path)
        for member in archive.infolist():
            if member.file_size > MAX_FILE_BYTES:
                what = f"holds a file of {member.file_size / 2**20:.0f} MiB"
                raise InputError(str(path), what, f"Send {MAX_FILE_BYTES // 2**20} MiB a file at most")
            if not member.is_dir():
                yield StoredFile(lambda member=member: cast(BinaryIO, archive.open(member)))  # type: ignore[misc]
    else:
        yield StoredFile(lambda: path.open("rb"))


def _is_damaged_zip(path: Path) -> bool:
    if path.is_dir() or zipfile.is_zipfile(path):
        return False
    with path.open("rb") as file:
        return file.read(len(_ZIP_MAGIC)) == _ZIP_MAGIC


def _is_dicom(file: StoredFile) -> bool:
    with file.open() as stream:
        return stream.read(_MAGIC_OFFSET + len(_MAGIC))[_MAGIC_OFFSET:] == _MAGIC
