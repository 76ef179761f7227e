"""What the gateway must know of a received instance, read with nothing in it believed."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from io import BytesIO

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from pacs_gateway.storage.refusals import InstanceRefusedError, StoreStatus
from pacs_gateway.storage.uids import is_uid

# PS3.10 7.1: 128 bytes, `DICM`, then (0002,0000) UL, whose value is the length of the rest of the meta information.
_GROUP_LENGTH_END = 144
_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")


@dataclass(frozen=True)
class InstanceHeader:
    """`content_digest`: SHA-256 of transfer syntax and pixels; where there are no pixels, the UID alone decides."""

    sop_uid: str
    study_uid: str
    series_uid: str
    sop_class_uid: str
    content_digest: str
    manufacturer: str


def read_header(content: bytes, *, max_bytes: int) -> InstanceHeader:
    """`content`: a whole DICOM file (PS3.10). Raises InstanceRefusedError."""
    try:
        dataset = _read(content, max_bytes)
        texts = {
            keyword: str(dataset.get(keyword) or "").strip("\0 ")
            for keyword in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "SOPClassUID")
        }
        manufacturer = str(dataset.get("Manufacturer"))
        digest = _content_digest(dataset)
    except InstanceRefusedError:
        raise
    except Exception as error:
        # pydicom raises whatever a damaged file leads it to.
        raise InstanceRefusedError(StoreStatus.CANNOT_UNDERSTAND, "the data set cannot be read") from error
    for keyword, text in texts.items():
        if not is_uid(text):
            raise InstanceRefusedError(StoreStatus.DATA_SET_DOES_NOT_MATCH, f"{keyword} is absent or no UID")
    return InstanceHeader(
        sop_uid=texts["SOPInstanceUID"],
        study_uid=texts["StudyInstanceUID"],
        series_uid=texts["SeriesInstanceUID"],
        sop_class_uid=texts["SOPClassUID"],
        content_digest=digest,
        manufacturer=manufacturer,
    )


def _read(content: bytes, max_bytes: int) -> Dataset:
    if content[128:132] != b"DICM":
        raise InstanceRefusedError(StoreStatus.CANNOT_UNDERSTAND, "no DICOM file: the prefix DICM is missing")
    offset = _GROUP_LENGTH_END + int.from_bytes(content[140:144], "little")
    meta = dcmread(BytesIO(content[:offset]), specific_tags=[]).file_meta
    if UID(meta.TransferSyntaxUID) == DeflatedExplicitVRLittleEndian:
        _refuse_bomb(content[offset:], max_bytes)
    return dcmread(BytesIO(content))


def _refuse_bomb(deflated: bytes, max_bytes: int) -> None:
    """A deflated data set may not be larger than a plain one."""
    inflated = zlib.decompressobj(-zlib.MAX_WBITS).decompress(deflated, max_bytes + 1)
    if len(inflated) > max_bytes:
        raise InstanceRefusedError(StoreStatus.OUT_OF_RESOURCES, "the data set is too large")


def _content_digest(dataset: Dataset) -> str:
    digest = hashlib.sha256(str(dataset.file_meta.TransferSyntaxUID).encode())
    for element in (dataset.get_item(keyword) for keyword in _PIXELS if keyword in dataset):
        # Raw as received: nothing is decoded.
        digest.update(element.value if isinstance(element.value, bytes) else str(element.value).encode())
    return digest.hexdigest()
