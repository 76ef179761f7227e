"""The bytes of one DICOM file as a data set, with what a hostile file could cost bounded.

Source: DICOM PS3.10 section 7.1 (file meta information), PS3.5 annex A (transfer syntaxes).
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pydicom import config
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filereader import data_element_generator, read_dataset
from pydicom.tag import BaseTag, Tag
from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSTransferSyntaxes,
    JPEGTransferSyntaxes,
    RLELossless,
)

from preprocess_service.pipeline.errors import ScanError, UnreadableScanError

NATIVE = {ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian}
COMPRESSED = {RLELossless, JPEG2000Lossless, JPEG2000, *JPEGLSTransferSyntaxes, *JPEGTransferSyntaxes}

_FIRST_ELEMENT = 132
_GROUP_LENGTH = Tag(0x0002, 0x0000)
_GROUP_LENGTH_ELEMENT_BYTES = 12
_TRANSFER_SYNTAX = Tag(0x0002, 0x0010)
_PIXEL_DATA_GROUP = 0x7FE0
_UID_PATTERN = re.compile(r"[0-9][0-9.]{0,63}")

# pydicom would else repeat values it doubts, a patient's among them, in warnings.
config.settings.reading_validation_mode = config.IGNORE


@contextmanager
def reading(file_name: str, what: str) -> Iterator[None]:
    """Whatever a damaged file makes the libraries raise becomes a ScanError that says nothing of its contents."""
    try:
        yield
    except ScanError:
        raise
    except Exception as exc:
        raise UnreadableScanError(
            file_name, "corrupt_dicom", f"{what} is damaged or not DICOM", "Export the series again"
        ) from exc


def read_header(file_name: str, content: bytes, max_bytes: int, tags: list[BaseTag | int]) -> Dataset:
    """What `tags` name of the data elements before the pixel data; `file_meta` holds the transfer syntax.

    max_bytes: a deflated data set may not grow beyond it. Raises UnreadableScanError.
    """
    return _read(file_name, content, max_bytes, tags, lambda tag, vr, length: tag.group >= _PIXEL_DATA_GROUP)


def read_image(file_name: str, content: bytes, max_bytes: int, tags: list[BaseTag | int]) -> Dataset:
    """The same and the pixel data; of a deflated file, inflated. Raises UnreadableScanError."""
    return _read(file_name, content, max_bytes, [*tags, Tag("PixelData")], None)


def uid(dataset: Dataset, keyword: str) -> str:
    """A UID, which alone of the strings in a file goes into messages. Raises ValueError where it is none."""
    value = str(dataset.get(keyword) or "")
    if not _UID_PATTERN.fullmatch(value):
        raise ValueError(f"{keyword} is not a UID")
    return value


def _read(
    file_name: str,
    content: bytes,
    max_bytes: int,
    tags: list[BaseTag | int],
    stop_when: Callable[[BaseTag, str | None, int], bool] | None,
) -> Dataset:
    transfer_syntax, offset = _file_meta(content)
    if transfer_syntax not in NATIVE | COMPRESSED:
        if not _UID_PATTERN.fullmatch(transfer_syntax):
            raise ValueError("names no transfer syntax")
        raise UnreadableScanError(
            file_name,
            "unsupported_transfer_syntax",
            f"the images have transfer syntax {transfer_syntax}",
            "Export the series uncompressed, in Explicit VR Little Endian",
        )
    stream = io.BytesIO(content)
    stream.seek(offset)
    if transfer_syntax == DeflatedExplicitVRLittleEndian:
        stream = io.BytesIO(_inflate(content[offset:], max_bytes))
        transfer_syntax = ExplicitVRLittleEndian
    dataset = read_dataset(
        stream,
        transfer_syntax.is_implicit_VR,
        transfer_syntax.is_little_endian,
        stop_when=stop_when,
        specific_tags=tags,
    )
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = transfer_syntax
    return dataset


def _file_meta(content: bytes) -> tuple[UID, int]:
    """The transfer syntax, and where the data set begins."""
    stream = io.BytesIO(content)
    stream.seek(_FIRST_ELEMENT)
    elements: dict[BaseTag, bytes] = {
        element.tag: bytes(element.value or b"")
        for element in data_element_generator(stream, False, True, stop_when=lambda tag, *_: tag.group != 2)
    }
    offset = stream.tell()
    if _GROUP_LENGTH in elements:
        length = int.from_bytes(elements[_GROUP_LENGTH], "little")
        offset = _FIRST_ELEMENT + _GROUP_LENGTH_ELEMENT_BYTES + length
    return UID(elements.get(_TRANSFER_SYNTAX, b"").decode("ascii").rstrip("\0 ")), offset


def _inflate(data: bytes, max_bytes: int) -> bytes:
    inflated = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, max_bytes + 1)
    if len(inflated) > max_bytes:
        raise ValueError("inflates to more than the limit")
    return inflated
