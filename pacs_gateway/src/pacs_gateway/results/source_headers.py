"""The source images without their pixels, in the form that highdicom reads: what a result inherits from them.

Nothing is invented: what the standard wants present but lets be empty (type 2) becomes empty where it is absent, and
so does a date, time, age or code of the patient or study that is none. Names and identifiers stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

import highdicom as hd
import numpy as np
from hunet_client.errors import InputError
from pydicom import DataElement, Dataset
from pydicom.config import RAISE
from pydicom.valuerep import validate_value

from pacs_gateway.results.source_series import SourceSeries

# PS3.3, C.7.1.1 and C.7.2.1: type 2 in every object.
_TYPE_2 = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
)
_REQUIRED = (
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SOPInstanceUID",
    "SOPClassUID",
    "FrameOfReferenceUID",
    "Modality",
)
_SEXES = ("M", "F", "O", "")
_PATIENT_GROUP = 0x0010
_STUDY_TIMES = ("StudyDate", "StudyTime")
# Value representations with a form that a value can miss (PS3.5, 6.2).
_FORMAL = ("AS", "CS", "DA", "DT", "TM")
# Cosines and millimetres that differ by less are the same number written twice.
_ROUNDING = 1e-3


def source_headers(series: SourceSeries) -> list[Dataset]:
    """One header for each single-frame image, in the order of the slices; or one, of the frames that were used.

    Orientation and pixel spacing are those of the first slice throughout. Raises InputError where the images cannot
    be one volume, or lack what identifies them.
    """
    _check_one_plane(series)
    if series.is_multi_frame:
        return [_multi_frame_header(series)]
    return [_single_frame_header(series, dataset) for dataset in series.datasets]


def patient_and_study(source: Dataset) -> dict[str, Any]:
    """A header's patient and study, as arguments of those highdicom constructors that take no source image."""
    return {
        "study_instance_uid": source.StudyInstanceUID,
        "patient_id": source.PatientID,
        "patient_name": source.PatientName,
        "patient_birth_date": source.PatientBirthDate,
        "patient_sex": source.PatientSex,
        "accession_number": source.AccessionNumber,
        "study_id": source.StudyID,
        "study_date": source.StudyDate or None,
        "study_time": source.StudyTime or None,
        "referring_physician_name": source.ReferringPhysicianName,
        "specific_character_set": source.get("SpecificCharacterSet"),
    }


def _slice_spacing_mm(series: SourceSeries) -> float | None:
    """Mean distance between neighbouring slices; None for a single one."""
    first, last = (np.array(series.frames[n].attributes.position_mm) for n in (0, -1))
    return float(np.linalg.norm(last - first)) / (len(series.frames) - 1) if len(series.frames) > 1 else None


def _header(series: SourceSeries, dataset: Dataset) -> Dataset:
    for keyword in _REQUIRED:
        if not dataset.get(keyword):
            raise InputError(series.name, f"has no {keyword}", "Send the images as the scanner wrote them")
    header = Dataset()
    for element in dataset:
        if element.keyword not in ("PixelData", "PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence"):
            # A copy, since a new value goes into the element, and this one is the caller's.
            header.add(copy(element))
            if not _is_usable(element):
                header[element.tag].value = ""
    for keyword in _TYPE_2:
        if header.get(keyword) is None:
            setattr(header, keyword, "")
    if header.PatientSex not in _SEXES:
        header.PatientSex = ""
    if header.get("SpecificCharacterSet"):
        header.SpecificCharacterSet = _character_set(header.SpecificCharacterSet)
    return header


def _character_set(written: str | Sequence[str]) -> list[str]:
    """The same in full: an empty first value is the default repertoire (PS3.3, C.12.1.1.2). Unknown: UTF-8."""
    terms = [written] if isinstance(written, str) else [term or "ISO 2022 IR 6" for term in written]
    known = {value.value for value in hd.enum.SpecificCharacterSetValues}
    return terms if set(terms) <= known else ["ISO_IR 192"]


def _is_usable(element: DataElement) -> bool:
    if element.VR not in _FORMAL or not (element.tag.group == _PATIENT_GROUP or element.keyword in _STUDY_TIMES):
        return True
    try:
        for value in element.value if element.VM > 1 else [element.value]:
            validate_value(element.VR, None if value is None else str(value), RAISE)
    except ValueError:
        return False
    return True


def _single_frame_header(series: SourceSeries, dataset: Dataset) -> Dataset:
    header = _header(series, dataset)
    first = series.datasets[0]
    header.ImageOrientationPatient = first.ImageOrientationPatient
    header.PixelSpacing = first.PixelSpacing
    header.SliceThickness = _thickness_mm(series)
    return header


def _multi_frame_header(series: SourceSeries) -> Dataset:
    dataset = series.datasets[0]
    header = _header(series, dataset)
    first = series.frames[0].attributes
    orientation, measures, shared = Dataset(), Dataset(), Dataset()
    orientation.ImageOrientationPatient = list(first.orientation)
    measures.PixelSpacing = list(first.spacing_mm)
    measures.SliceThickness = _thickness_mm(series)
    shared.PlaneOrientationSequence = [orientation]
    shared.PixelMeasuresSequence = [measures]
    header.SharedFunctionalGroupsSequence = [shared]
    header.PerFrameFunctionalGroupsSequence = [_plane_position(frame.attributes.position_mm) for frame in series.frames]
    header.NumberOfFrames = len(series.frames)
    return header


def _plane_position(position_mm: tuple[float, float, float]) -> Dataset:
    position, groups = Dataset(), Dataset()
    position.ImagePositionPatient = list(position_mm)
    groups.PlanePositionSequence = [position]
    return groups


def _thickness_mm(series: SourceSeries) -> float:
    """As the first slice says; where it does not, the distance to the next, which a reader needs to fill space."""
    thickness = series.frames[0].attributes.thickness_mm or _slice_spacing_mm(series)
    if thickness is None:
        raise InputError(series.name, "is one slice of unknown thickness", "Send the images as the scanner wrote them")
    return round(thickness, 6)


def _check_one_plane(series: SourceSeries) -> None:
    first = series.frames[0].attributes
    for number, frame in enumerate(series.frames):
        here = (*frame.attributes.orientation, *frame.attributes.spacing_mm)
        if not np.allclose(here, (*first.orientation, *first.spacing_mm), rtol=0, atol=_ROUNDING):
            what = f"its slice {number} has another orientation or pixel spacing than the first"
            raise InputError(series.name, what, "Give slices of one stack")
