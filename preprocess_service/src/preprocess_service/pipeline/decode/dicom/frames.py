"""The frames of one MR image: where each lies, how it is stored, how its values are scaled.

A single-frame image says so in its data set, an enhanced multi-frame one in its functional groups, a frame's own before
the shared ones. Source: DICOM PS3.3 C.7.6.2 (image plane), C.7.6.16 (multi-frame functional groups), C.7.6.3 (pixels).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag

from preprocess_service.pipeline.decode.dicom.datasets import COMPRESSED, uid

PIXEL_KEYWORDS = (
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
)
# What tells volumes apart that share their positions, most telling first.
VOLUME_KEYWORDS = ("EchoTime", "ImageType", "TemporalPositionIdentifier", "AcquisitionNumber", "InversionTime")
_KEYWORDS = (
    *PIXEL_KEYWORDS,
    *VOLUME_KEYWORDS,
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
    "Modality",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "RescaleSlope",
    "RescaleIntercept",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
)
# The functional group that each attribute of a frame is in, and its name there where that is another one.
_GROUPS = {
    "ImagePositionPatient": ("PlanePositionSequence", "ImagePositionPatient"),
    "ImageOrientationPatient": ("PlaneOrientationSequence", "ImageOrientationPatient"),
    "PixelSpacing": ("PixelMeasuresSequence", "PixelSpacing"),
    "RescaleSlope": ("PixelValueTransformationSequence", "RescaleSlope"),
    "RescaleIntercept": ("PixelValueTransformationSequence", "RescaleIntercept"),
    "EchoTime": ("MREchoSequence", "EffectiveEchoTime"),
    "ImageType": ("MRImageFrameTypeSequence", "FrameType"),
    "TemporalPositionIdentifier": ("FrameContentSequence", "TemporalPositionIndex"),
    "AcquisitionNumber": ("FrameContentSequence", "FrameAcquisitionNumber"),
}

_LABEL_PATTERN = re.compile(r"[A-Z0-9_.\\ -]{0,64}")


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One slice.

    file_number: that of its file. frame_number: counted from 1.
    position_mm, row_cosines, column_cosines: (3,) in LPS, of the first pixel's centre; None where not given.
    pixel_spacing_mm: between rows, then between columns; None where not given.
    volume_labels: one for each of VOLUME_KEYWORDS.
    """

    file_number: int
    sop_instance_uid: str
    frame_number: int
    position_mm: npt.NDArray[np.float64] | None
    row_cosines: npt.NDArray[np.float64] | None
    column_cosines: npt.NDArray[np.float64] | None
    pixel_spacing_mm: tuple[float, float] | None
    slope: float
    intercept: float
    volume_labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Image:
    """One file's image. pixels: values of PIXEL_KEYWORDS. frames: those described, which may not be as announced."""

    file_number: int
    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    frame_of_reference_uid: str
    modality: str
    compressed: bool
    pixels: dict[str, int | str]
    announced_frames: int
    frames: tuple[Frame, ...]


def header_tags() -> list[BaseTag | int]:
    """What `describe_image` looks at."""
    return [tag for keyword in _KEYWORDS if (tag := tag_for_keyword(keyword)) is not None]


def describe_image(dataset: Dataset, file_number: int) -> Image:
    """An image as its header describes it. Raises what pydicom raises, and ValueError, for a damaged one."""
    frame_of_reference = dataset.get("FrameOfReferenceUID")
    described = max(len(dataset.get("PerFrameFunctionalGroupsSequence") or []), 1)
    return Image(
        file_number=file_number,
        sop_class_uid=uid(dataset, "SOPClassUID"),
        sop_instance_uid=uid(dataset, "SOPInstanceUID"),
        study_instance_uid=uid(dataset, "StudyInstanceUID"),
        series_instance_uid=uid(dataset, "SeriesInstanceUID"),
        frame_of_reference_uid=uid(dataset, "FrameOfReferenceUID") if frame_of_reference else "",
        modality=str(dataset.get("Modality") or ""),
        compressed=dataset.file_meta.TransferSyntaxUID in COMPRESSED,
        pixels={
            keyword: value if isinstance(value := dataset.get(keyword), int) else str(value)
            for keyword in PIXEL_KEYWORDS
        },
        announced_frames=int(dataset.get("NumberOfFrames") or 1),
        frames=tuple(_frame(dataset, file_number, number) for number in range(1, described + 1)),
    )


def _frame(dataset: Dataset, file_number: int, frame_number: int) -> Frame:
    orientation = _numbers(dataset, frame_number, "ImageOrientationPatient", 6)
    spacing = _numbers(dataset, frame_number, "PixelSpacing", 2)
    slope = _numbers(dataset, frame_number, "RescaleSlope", 1)
    intercept = _numbers(dataset, frame_number, "RescaleIntercept", 1)
    return Frame(
        file_number=file_number,
        sop_instance_uid=uid(dataset, "SOPInstanceUID"),
        frame_number=frame_number,
        position_mm=_numbers(dataset, frame_number, "ImagePositionPatient", 3),
        row_cosines=None if orientation is None else orientation[:3],
        column_cosines=None if orientation is None else orientation[3:],
        pixel_spacing_mm=None if spacing is None else (float(spacing[0]), float(spacing[1])),
        slope=1.0 if slope is None else float(slope[0]),
        intercept=0.0 if intercept is None else float(intercept[0]),
        volume_labels=tuple(_label(_value(dataset, frame_number, keyword)) for keyword in VOLUME_KEYWORDS),
    )


def _value(dataset: Dataset, frame_number: int, keyword: str) -> object:
    """An attribute of a frame: from its functional groups, the shared ones, or the data set itself."""
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence")
    if not per_frame:
        return dataset.get(keyword)
    group, name = _GROUPS.get(keyword, ("", ""))
    shared = dataset.get("SharedFunctionalGroupsSequence") or [Dataset()]
    for groups in (per_frame[frame_number - 1], shared[0]):
        if (sequence := groups.get(group)) and (value := sequence[0].get(name)) is not None:
            return value
    return None


def _numbers(dataset: Dataset, frame_number: int, keyword: str, count: int) -> npt.NDArray[np.float64] | None:
    value = _value(dataset, frame_number, keyword)
    if value is None or value == "":
        return None
    numbers = np.atleast_1d(np.asarray(value, dtype=np.float64))
    if numbers.shape != (count,) or not np.isfinite(numbers).all():
        raise ValueError(f"{keyword} is not {count} finite numbers")
    return numbers


def _label(value: object) -> str:
    """A value of VOLUME_KEYWORDS as it may stand in a message: numbers and code strings only."""
    if value is None:
        return ""
    values = value if isinstance(value, MultiValue) else [value]
    text = "\\".join(map(str, values))
    return text if _LABEL_PATTERN.fullmatch(text) else "?"
