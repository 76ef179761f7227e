"""What the gateway must know of a received instance, read with nothing in it believed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO

from hunet_client.dicom.deflated import inflates_beyond
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from pacs_gateway.storage.refusals import InstanceReference, InstanceRefusedError, StoreStatus
from pacs_gateway.storage.uids import is_uid

_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
# PS3.5 annex A: in each the same pixels are the same bytes.
_NATIVE_LITTLE_ENDIAN = frozenset({ImplicitVRLittleEndian, ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian})


@dataclass(frozen=True)
class InstanceHeader:
    """`content_digest`: SHA-256 of pixels and how they are encoded, the same in each native little-endian syntax.

    Where there are no pixels, the UID alone decides.
    """

    sop_uid: str
    study_uid: str
    series_uid: str
    sop_class_uid: str
    content_digest: str
    manufacturer: str

    @property
    def reference(self) -> InstanceReference:
        return InstanceReference(self.sop_class_uid, self.sop_uid)


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
            what = f"{keyword} is absent or no UID"
            raise InstanceRefusedError(StoreStatus.DATA_SET_DOES_NOT_MATCH, what, _reference(texts))
    return InstanceHeader(
        sop_uid=texts["SOPInstanceUID"],
        study_uid=texts["StudyInstanceUID"],
        series_uid=texts["SeriesInstanceUID"],
        sop_class_uid=texts["SOPClassUID"],
        content_digest=digest,
        manufacturer=manufacturer,
    )


def _reference(texts: Mapping[str, str]) -> InstanceReference | None:
    sop_class_uid, sop_uid = texts["SOPClassUID"], texts["SOPInstanceUID"]
    return InstanceReference(sop_class_uid, sop_uid) if is_uid(sop_class_uid) and is_uid(sop_uid) else None


def _read(content: bytes, max_bytes: int) -> Dataset:
    if content[128:132] != b"DICM":
        raise InstanceRefusedError(StoreStatus.CANNOT_UNDERSTAND, "no DICOM file: the prefix DICM is missing")
    if inflates_beyond(BytesIO(content), max_bytes):
        raise InstanceRefusedError(StoreStatus.OUT_OF_RESOURCES, "the data set is too large")
    return dcmread(BytesIO(content))


def _content_digest(dataset: Dataset) -> str:
    syntax = dataset.file_meta.TransferSyntaxUID
    encoding = ExplicitVRLittleEndian if syntax in _NATIVE_LITTLE_ENDIAN else syntax
    digest = hashlib.sha256(str(encoding).encode())
    for element in (dataset.get_item(keyword) for keyword in _PIXELS if keyword in dataset):
        # Raw as received: nothing is decoded.
        digest.update(element.value if isinstance(element.value, bytes) else str(element.value).encode())
    return digest.hexdigest()
