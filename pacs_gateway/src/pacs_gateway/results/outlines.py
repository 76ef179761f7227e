"""Lesions outlined on the slices that hold them, as secondary captures for viewers that cannot show SEG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import highdicom as hd
import numpy as np
from hunet_client.display import Hanging, hang
from hunet_client.notice import RESEARCH_USE_ONLY
from hunet_client.overlay import headline
from hunet_client.segmentation import Segmentation
from hunet_client.slice_choice import choose_slices
from hunet_client.slice_picture import (
    BACKGROUND,
    OUTLINE,
    TEXT,
    crop_to_head,
    display_window,
    shows_head,
    slice_picture,
    write_words,
)
from PIL import Image, ImageDraw
from pydicom import Dataset

from pacs_gateway.results.equipment import equipment, series_number
from pacs_gateway.results.source_headers import patient_and_study
from pacs_gateway.results.source_series import SourceFrame, SourceSeries
from pacs_gateway.results.uids import ResultUids

SLICE_SIDE_PX = 512
WIDTH_PX = 560
BAND_PX = 40
SLICE_AXIS = 2
# How DICOM names the ends that the picture calls S and I (PS3.3, C.7.6.1.1.1).
_ENDS = {"S": "H", "I": "F"}


def outline_objects(
    series: SourceSeries, headers: Sequence[Dataset], segmentation: Segmentation, uids: ResultUids
) -> list[hd.sc.SCImage]:
    """A single-frame image (PS3.3, A.8.1) for each slice with a lesion; without any, one slice that says so."""
    found = segmentation.lesions
    volume, window = series.volume(), display_window(segmentation)
    head = shows_head(volume, window)
    numbers = np.flatnonzero(found.labels.any(axis=(0, 1))).tolist()
    numbers = numbers or choose_slices(found.labels, head, SLICE_AXIS, 1)
    hanging = hang(segmentation.affine, segmentation.spacing_mm, SLICE_AXIS)
    crop = crop_to_head(head, found.labels, hanging, SLICE_SIDE_PX)
    return [
        _capture(
            _framed(slice_picture(volume, found, hanging, number, crop, window), headline(found)),
            headers[0],
            series.frames[number],
            hanging,
            series_instance_uid=uids.of("outlines", "series"),
            series_number=series_number(headers[0], 4),
            sop_instance_uid=uids.of("outlines", f"slice {number}"),
            instance_number=place,
            series_description="MS lesion outlines (research use only)",
            **equipment(segmentation),
        )
        for place, number in enumerate(numbers, start=1)
    ]


def _framed(picture: Image.Image, words: str) -> Image.Image:
    """The slice between the result in one line and the notice."""
    framed = Image.new("RGB", (WIDTH_PX, picture.height + 2 * BAND_PX), BACKGROUND)
    framed.paste(picture, ((WIDTH_PX - picture.width) // 2, BAND_PX))
    draw = ImageDraw.Draw(framed)
    write_words(draw, (WIDTH_PX / 2, BAND_PX / 2), words, 18, TEXT, "mm")
    write_words(draw, (WIDTH_PX / 2, framed.height - BAND_PX / 2), RESEARCH_USE_ONLY, 14, OUTLINE, "mm")
    return framed


def _capture(
    picture: Image.Image, source: Dataset, frame: SourceFrame, hanging: Hanging, **arguments: Any
) -> hd.sc.SCImage:
    result = hd.sc.SCImage(
        pixel_array=np.asarray(picture),
        photometric_interpretation=hd.PhotometricInterpretationValues.RGB,
        bits_allocated=8,
        coordinate_system=hd.CoordinateSystemNames.PATIENT,
        patient_orientation=(_end(hanging.right), _end(hanging.bottom)),
        **patient_and_study(source),
        **arguments,
    )
    result.copy_patient_and_study_information(source)
    # An unpaired part of the body, so that no side is to be named (PS3.3, C.7.3.1).
    result.BodyPartExamined = "BRAIN"
    # What is burned in identifies nobody, unless the source's own pixels do.
    result.BurnedInAnnotation = source.get("BurnedInAnnotation") or "NO"
    result.LossyImageCompression = source.get("LossyImageCompression") or "00"
    result.ImageComments = RESEARCH_USE_ONLY
    result.DerivationDescription = "Slice with outlines of the lesions that were found, for display only"
    result.SourceImageSequence = [_reference(frame)]
    return result


def _reference(frame: SourceFrame) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = frame.sop_class_uid
    item.ReferencedSOPInstanceUID = frame.sop_instance_uid
    if frame.number is not None:
        item.ReferencedFrameNumber = frame.number
    return item


def _end(name: str) -> str:
    return _ENDS.get(name, name)
