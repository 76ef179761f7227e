"""The lesion mask, and on request the lesion probability, as DICOM Segmentation (PS3.3, A.51 and C.8.20)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import highdicom as hd
import numpy as np
from hunet_client.report import Report
from hunet_client.segmentation import Segmentation
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless

from pacs_gateway.results import codes
from pacs_gateway.results.equipment import MANUFACTURER, algorithm_parameters, ascii_text, equipment, series_number
from pacs_gateway.results.grid import frames_of
from pacs_gateway.results.source_series import SourceSeries
from pacs_gateway.results.uids import ResultUids


def mask_object(
    series: SourceSeries, headers: Sequence[Dataset], segmentation: Segmentation, report: Report, uids: ResultUids
) -> hd.seg.Segmentation:
    """The mask as a BINARY segmentation with one segment, all lesions together.

    Every slice has its frame, also one without a lesion: so the object alone has the scan's grid. There must be a
    lesion somewhere: the standard knows no statement "this was not found" in a segmentation; the report makes it.
    """
    return _segmentation(
        series,
        headers,
        segmentation,
        report,
        uids,
        pixels=frames_of(segmentation.mask),
        kind="segmentation",
        number=1,
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        content_label="MS_LESIONS",
        content_description="MS lesions. Research use only",
        series_description="MS lesions (research use only)",
    )


def empty_mask_object(
    series: SourceSeries, headers: Sequence[Dataset], segmentation: Segmentation, report: Report, uids: ResultUids
) -> hd.seg.Segmentation:
    """A BINARY segmentation in which nothing is marked, for what readers accept."""
    return _segmentation(
        series,
        headers,
        segmentation,
        report,
        uids,
        pixels=np.zeros_like(frames_of(segmentation.mask)),
        kind="correction",
        number=6,
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        content_label="MS_LESIONS_READ",
        content_description="MS lesions, corrected by a reader. Research use only",
        series_description="MS lesions, corrected (research use only)",
    )


def probability_object(
    series: SourceSeries,
    headers: Sequence[Dataset],
    segmentation: Segmentation,
    report: Report,
    uids: ResultUids,
    *,
    compress: bool,
) -> hd.seg.Segmentation:
    """The probability as a FRACTIONAL segmentation in 255 steps; compressed without loss (JPEG-LS) if asked for."""
    return _segmentation(
        series,
        headers,
        segmentation,
        report,
        uids,
        pixels=frames_of(segmentation.probability),
        kind="probability",
        number=2,
        segmentation_type=hd.seg.SegmentationTypeValues.FRACTIONAL,
        fractional_type=hd.seg.SegmentationFractionalTypeValues.PROBABILITY,
        max_fractional_value=255,
        transfer_syntax_uid=JPEGLSLossless if compress else ExplicitVRLittleEndian,
        content_label="MS_LESION_PROB",
        content_description="MS lesion probability. Research use only",
        series_description="MS lesion probability (research use only)",
    )


def _segmentation(
    series: SourceSeries,
    headers: Sequence[Dataset],
    segmentation: Segmentation,
    report: Report,
    uids: ResultUids,
    *,
    pixels: NDArray,
    kind: str,
    number: int,
    **arguments: Any,
) -> hd.seg.Segmentation:
    result = hd.seg.Segmentation(
        source_images=headers,
        pixel_array=pixels,
        segment_descriptions=[_segment(report, uids)],
        series_instance_uid=uids.of(kind, "series"),
        series_number=series_number(headers[0], number),
        sop_instance_uid=uids.of(kind, "instance"),
        instance_number=1,
        omit_empty_frames=False,
        **equipment(segmentation),
        **arguments,
    )
    _derive_dimension_uids(result, uids.of(kind, "dimensions"))
    if series.frame_numbers is not None:
        _name_true_frames(result, series.frame_numbers)
    return result


def _segment(report: Report, uids: ResultUids) -> hd.seg.SegmentDescription:
    model = report.provenance.model
    return hd.seg.SegmentDescription(
        segment_number=1,
        segment_label=codes.SEGMENT_LABEL,
        segmented_property_category=codes.PROPERTY_CATEGORY,
        segmented_property_type=codes.PROPERTY_TYPE,
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name=ascii_text(model.name),
            family=codes.ALGORITHM_FAMILY,
            version=ascii_text(model.version),
            source=MANUFACTURER,
            parameters=algorithm_parameters(report),
        ),
        anatomic_regions=[codes.ANATOMY],
        tracking_uid=uids.of("finding", "all lesions"),
        tracking_id=codes.SEGMENT_LABEL,
    )


def _derive_dimension_uids(result: Dataset, uid: str) -> None:
    """highdicom draws this UID at random; a repeat must give the same object."""
    for item in (*result.DimensionOrganizationSequence, *result.DimensionIndexSequence):
        item.DimensionOrganizationUID = uid


def _name_true_frames(result: Dataset, frame_numbers: tuple[int, ...]) -> None:
    """highdicom was shown the frames that were used, counted from 1; the references count in the whole image."""
    for frame in result.PerFrameFunctionalGroupsSequence:
        for derivation in frame.DerivationImageSequence:
            for source in derivation.SourceImageSequence:
                source.ReferencedFrameNumber = frame_numbers[int(np.ravel(source.ReferencedFrameNumber)[0]) - 1]
