"""The files of an upload: the members of a zip, or one DICOM file by itself.

Names inside a zip are never looked at, let alone used as paths. Source of the file format: DICOM PS3.10, section 7.
"""

from __future__ import annotations

import io
import lzma
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from preprocess_service.pipeline.errors import ScanTooLargeError, UnreadableScanError
from preprocess_service.pipeline.scan import Limits

_DICOM_MAGIC = b"DICM"
_DICOM_MAGIC_OFFSET = 128
_ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06")
_ZIP_ENTRY_MAGIC = b"PK\x01\x02"
_ENCRYPTED = 0x1
# What a damaged zip makes zipfile and its codecs raise.
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    NotImplementedError,
    ValueError,
)
# Room for a series that was exported twice over, and for what archives put beside it.
_FILES_PER_SLICE = 4


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """One file. `number` counts from 1 in the order of the upload; `read` gives its bytes, each time anew."""

    number: int
    read: Callable[[], bytes]


def is_dicom(start: bytes) -> bool:
    """Whether a file that starts with these bytes (at least 132) says that it is DICOM."""
    return start[_DICOM_MAGIC_OFFSET:][:4] == _DICOM_MAGIC


def is_zip(start: bytes) -> bool:
    """Whether a file that starts with these bytes (at least 4) says that it is a zip."""
    return start.startswith(_ZIP_MAGICS)


def uploaded_files(file_name: str, content: bytes, limits: Limits) -> list[UploadedFile]:
    """The files in a zip, or the DICOM file that `content` itself is; nothing is unzipped yet.

    Raises ScanError for a zip that is damaged or encrypted, or holds too much.
    """
    if not is_zip(content):
        return [UploadedFile(1, lambda: content)]
    max_files = _FILES_PER_SLICE * limits.max_dimension
    # Counted before they are listed, since a list of millions costs gigabytes; pixels may hold the mark by chance.
    if content.count(_ZIP_ENTRY_MAGIC) > 2 * max_files:
        raise _too_many(file_name, max_files)
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
        members = [member for member in archive.infolist() if not member.is_dir()]
    # zipfile lets several kinds of error through for damaged directories.
    except Exception as exc:
        raise _corrupt(file_name) from exc
    if len(members) > max_files:
        raise _too_many(file_name, max_files)
    if sum(member.file_size for member in members) > limits.max_decompressed_bytes:
        raise ScanTooLargeError(
            file_name,
            "file_too_large",
            f"the zip announces more than {limits.max_decompressed_bytes} bytes of files",
            "Send one series, or raise the service's limit",
        )
    if any(member.flag_bits & _ENCRYPTED for member in members):
        raise UnreadableScanError(file_name, "corrupt_zip", "the zip is encrypted", "Send it without a password")
    return [UploadedFile(number, _reader(file_name, archive, member)) for number, member in enumerate(members, start=1)]


def _reader(file_name: str, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Callable[[], bytes]:
    def read() -> bytes:
        try:
            with archive.open(member) as stream:
                # With the size, since zipfile would else unzip beyond what it announced; the checksum is verified.
                content = stream.read(member.file_size)
        except _UNREADABLE as exc:
            raise _corrupt(file_name) from exc
        if len(content) < member.file_size:
            raise _corrupt(file_name)
        return content

    return read


def _corrupt(file_name: str) -> UnreadableScanError:
    return UnreadableScanError(
        file_name, "corrupt_zip", "the zip is damaged or incomplete", "Make it again, without compression"
    )


def _too_many(file_name: str, max_files: int) -> ScanTooLargeError:
    return ScanTooLargeError(
        file_name, "too_many_files", f"the zip holds more than {max_files} files", "Send the files of one series"
    )
