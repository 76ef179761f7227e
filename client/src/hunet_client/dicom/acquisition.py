"""How a series was acquired, as far as the choice of the FLAIR needs it; from headers alone.

Single-frame images say it in their data set, enhanced ones in functional groups. Source: DICOM PS3.3 C.8.3.1 (MR
image), C.8.13 (enhanced MR image).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

# What `describe` and `volumes` look at: enough of a header to read from a file.
HEADER_KEYWORDS = (
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SeriesNumber",
    "Modality",
    "ImageType",
    "SeriesDescription",
    "ProtocolName",
    "SequenceName",
    "PulseSequenceName",
    "ScanningSequence",
    "InversionRecovery",
    "AcquisitionContrast",
    "MRAcquisitionType",
    "MagneticFieldStrength",
    "RepetitionTime",
    "EchoTime",
    "InversionTime",
    "ContrastBolusAgent",
    "DiffusionBValue",
    "AcquisitionNumber",
    "TemporalPositionIdentifier",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
)
# Functional group and name of what enhanced images keep there.
_GROUPS = {
    "EchoTime": ("MREchoSequence", "EffectiveEchoTime"),
    "InversionTime": ("MRModifierSequence", "InversionTimes"),
    "InversionRecovery": ("MRModifierSequence", "InversionRecovery"),
    "RepetitionTime": ("MRTimingAndRelatedParametersSequence", "RepetitionTime"),
    "AcquisitionContrast": ("MRImageFrameTypeSequence", "AcquisitionContrast"),
    "DiffusionBValue": ("MRDiffusionSequence", "DiffusionBValue"),
    "RescaleSlope": ("PixelValueTransformationSequence", "RescaleSlope"),
    "RescaleIntercept": ("PixelValueTransformationSequence", "RescaleIntercept"),
    "ImagePositionPatient": ("PlanePositionSequence", "ImagePositionPatient"),
    "ImageOrientationPatient": ("PlaneOrientationSequence", "ImageOrientationPatient"),
}


@dataclass(frozen=True)
class Acquisition:
    """One volume's acquisition. Times in milliseconds, field in tesla; None where the headers do not say.

    words: what people and scanners call the series, in lower case; free text, never to be shown.
    coverage_mm: from the first to the last slice along their normal.
    """

    modality: str
    sop_class_uid: str
    image_type: tuple[str, ...]
    words: str
    is_inversion_recovery: bool
    contrast: str
    is_3d: bool
    field_t: float | None
    repetition_ms: float | None
    echo_ms: float | None
    inversion_ms: float | None
    contrast_agent: bool
    diffusion: bool
    slice_count: int
    coverage_mm: float | None


def describe(headers: Sequence[Dataset]) -> Acquisition:
    """The acquisition of one volume's headers, of which the first speaks for all but the slices' number and places."""
    header = headers[0]
    agent = str(header.get("ContrastBolusAgent") or "").strip().upper()
    names = ("SeriesDescription", "ProtocolName", "SequenceName", "PulseSequenceName")
    return Acquisition(
        modality=str(header.get("Modality") or ""),
        sop_class_uid=str(header.get("SOPClassUID") or ""),
        image_type=tuple(str(part).upper() for part in _list(header.get("ImageType"))),
        words=" ".join(str(header.get(name) or "") for name in names).lower(),
        is_inversion_recovery="IR" in _list(header.get("ScanningSequence"))
        or frame_value(header, 0, "InversionRecovery") == "YES",
        contrast=str(header.get("AcquisitionContrast") or frame_value(header, 0, "AcquisitionContrast") or ""),
        is_3d=header.get("MRAcquisitionType") == "3D",
        field_t=_number(header.get("MagneticFieldStrength")),
        repetition_ms=number_of(header, 0, "RepetitionTime"),
        echo_ms=number_of(header, 0, "EchoTime"),
        inversion_ms=number_of(header, 0, "InversionTime"),
        contrast_agent=agent not in ("", "NO", "NONE", "N/A"),
        diffusion=bool(number_of(header, 0, "DiffusionBValue")) or "DIFFUSION" in _list(header.get("ImageType")),
        slice_count=sum(map(frame_count, headers)),
        coverage_mm=_coverage_mm(headers),
    )


def frame_count(header: Dataset) -> int:
    """Frames that an image describes; 1 for a single-frame one."""
    return max(len(header.get("PerFrameFunctionalGroupsSequence") or []), 1)


def frame_value(header: Dataset, frame: int, keyword: str) -> object:
    """An attribute of one frame, counted from 0: its own, that of all frames, or the data set's."""
    per_frame = header.get("PerFrameFunctionalGroupsSequence") or []
    shared = header.get("SharedFunctionalGroupsSequence") or []
    group, name = _GROUPS.get(keyword, ("", ""))
    for groups in (*per_frame[frame : frame + 1], *shared[:1]):
        if (items := groups.get(group)) and (value := items[0].get(name)) is not None:
            return value
    return header.get(keyword)


def number_of(header: Dataset, frame: int, keyword: str) -> float | None:
    """The same as a finite number, or the first of several; None where it is none."""
    return _number(frame_value(header, frame, keyword))


def places_mm(headers: Sequence[Dataset]) -> list[float] | None:
    """Where every frame lies along the normal of the first; None where the headers do not say."""
    orientation = _vector(frame_value(headers[0], 0, "ImageOrientationPatient"), 6)
    if orientation is None:
        return None
    normal = np.cross(orientation[:3], orientation[3:])
    places: list[float] = []
    for header in headers:
        for frame in range(frame_count(header)):
            position = _vector(frame_value(header, frame, "ImagePositionPatient"), 3)
            if position is None:
                return None
            places.append(float(position @ normal))
    return places


def _coverage_mm(headers: Sequence[Dataset]) -> float | None:
    places = places_mm(headers)
    return None if places is None else max(places) - min(places)


def _vector(value: object, length: int) -> np.ndarray | None:
    numbers = [_number(part) for part in _list(value)]
    if len(numbers) != length or None in numbers:
        return None
    return np.array(numbers, dtype=np.float64)


def _list(value: object) -> list[object]:
    if value is None or value == "":
        return []
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]


def _number(value: object) -> float | None:
    """The value, or the first of several, as a finite number."""
    first = next(iter(_list(value)), None)
    try:
        number = float(first)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None
