"""Where one frame lies and what its pixels mean, from a single-frame image or from functional groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hunet_client.errors import InputError
from pydicom import Dataset


@dataclass(frozen=True)
class FrameAttributes:
    """position_mm: of the first pixel's centre; orientation: cosines along a row, then along a column; both LPS.

    spacing_mm: between rows, then between columns. thickness_mm: None where it is not known. rescale: a dataset with
    RescaleSlope and RescaleIntercept, or without both.
    """

    position_mm: tuple[float, float, float]
    orientation: tuple[float, ...]
    spacing_mm: tuple[float, float]
    thickness_mm: float | None
    rescale: Dataset


def frame_attributes(dataset: Dataset, number: int | None, subject: str) -> FrameAttributes:
    """Of a single-frame image, or of frame `number`, from 1, of a multi-frame one.

    Single-frame: Image Plane and Modality LUT modules (PS3.3, C.7.6.2 and C.11.1). Multi-frame: Plane Position, Plane
    Orientation, Pixel Measures and Pixel Value Transformation macros (PS3.3, C.7.6.16.2). Raises InputError, about
    `subject`, when one is missing or unusable.
    """
    if number is None:
        position = orientation = measures = rescale = dataset
    else:
        groups = _functional_groups(dataset, number, subject)
        position = _group(groups, "PlanePositionSequence", subject)
        orientation = _group(groups, "PlaneOrientationSequence", subject)
        measures = _group(groups, "PixelMeasuresSequence", subject)
        rescale = next(
            (group.PixelValueTransformationSequence[0] for group in groups if _has_rescale(group)), Dataset()
        )
    x_mm, y_mm, z_mm = _numbers(position, "ImagePositionPatient", 3, subject)
    row_mm, column_mm = _numbers(measures, "PixelSpacing", 2, subject)
    thickness = measures.get("SliceThickness")
    return FrameAttributes(
        position_mm=(x_mm, y_mm, z_mm),
        orientation=_numbers(orientation, "ImageOrientationPatient", 6, subject),
        spacing_mm=(row_mm, column_mm),
        thickness_mm=None if thickness in (None, "") else float(thickness),
        rescale=rescale,
    )


def _functional_groups(dataset: Dataset, number: int, subject: str) -> tuple[Dataset, Dataset]:
    """The groups of a frame and those that all frames share."""
    per_frame = dataset.PerFrameFunctionalGroupsSequence
    if not 1 <= number <= len(per_frame):
        raise InputError(subject, f"has no frame {number}; it has {len(per_frame)}", "Give numbers from 1")
    shared = dataset.get("SharedFunctionalGroupsSequence") or [Dataset()]
    return per_frame[number - 1], shared[0]


def _has_rescale(group: Dataset) -> bool:
    return bool(group.get("PixelValueTransformationSequence"))


def _group(groups: tuple[Dataset, Dataset], keyword: str, subject: str) -> Dataset:
    for group in groups:
        if group.get(keyword):
            return group[keyword].value[0]
    raise InputError(subject, f"has no {keyword}", "Send the images as the scanner wrote them")


def _numbers(dataset: Dataset, keyword: str, count: int, subject: str) -> tuple[Any, ...]:
    value = dataset.get(keyword)
    if value is None or isinstance(value, (str, float)) or len(value) != count:
        raise InputError(subject, f"has no usable {keyword}", "Send the images as the scanner wrote them")
    numbers = tuple(float(part) for part in value)
    if not np.isfinite(numbers).all():
        raise InputError(subject, f"its {keyword} is not finite", "Send the images as the scanner wrote them")
    return numbers
