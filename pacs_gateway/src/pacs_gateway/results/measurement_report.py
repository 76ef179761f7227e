"""The numbers as a structured report: TID 1500 "Measurement Report" (PS3.16) in a Comprehensive 3D SR document.

    Imaging Measurement Report
    ├── Comment: research use only; a comment for each quality flag
    └── Imaging Measurements
        ├── all lesions        number, volume; TID 1411 about the SEG's segment, TID 1501 where there is none
        ├── each lesion        volume, certainty; TID 1411 about its centre of mass, a point in space
        └── scan quality       rating of the series; TID 1501

A lesion of the table is a part of the one segment, so no group claims the segment for a single lesion.
"""

from __future__ import annotations

from collections.abc import Sequence

import highdicom as hd
from hunet_client.notice import RESEARCH_USE_ONLY
from hunet_client.report import Report
from hunet_client.segmentation import Segmentation
from pydicom import Dataset

from pacs_gateway.results import codes
from pacs_gateway.results.equipment import MANUFACTURER, ascii_text, equipment, series_number
from pacs_gateway.results.measurement_groups import all_lesions, one_lesion, scan_quality
from pacs_gateway.results.uids import ResultUids, device_uid


def report_object(
    headers: Sequence[Dataset],
    segmentation: Segmentation,
    report: Report,
    uids: ResultUids,
    mask: hd.seg.Segmentation | None,
) -> hd.sr.Comprehensive3DSR:
    """The report on a segmented series, also on one without lesions. mask: the SEG it refers to, if one is sent.

    It is complete, preliminary and unverified: no person has seen it.
    """
    groups: list[hd.sr.MeasurementsAndQualitativeEvaluations | hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations]
    groups = [all_lesions(report, headers[0], uids, mask)]
    groups += [one_lesion(lesion, report, headers[0], uids) for lesion in report.lesions]
    if report.quality.score is not None:
        groups.append(scan_quality(report.quality.score, report, uids))
    content = hd.sr.MeasurementReport(
        observation_context=_observer(segmentation),
        procedure_reported=codes.PROCEDURE_REPORTED,
        imaging_measurements=groups,
        title=codes.REPORT_TITLE,
        # highdicom knows library entries (TID 1601) for single-frame images only; the library may be absent.
        referenced_images=None if "NumberOfFrames" in headers[0] else headers,
    )
    content[0].ContentSequence.extend(_comments(report))
    made_by = equipment(segmentation)
    return hd.sr.Comprehensive3DSR(
        evidence=[*headers, mask] if mask is not None else list(headers),
        content=content,
        series_instance_uid=uids.of("report", "series"),
        series_number=series_number(headers[0], 3),
        # With another reference it is another object.
        sop_instance_uid=uids.of("report", "instance" if mask is not None else "instance without SEG"),
        instance_number=1,
        is_complete=True,
        is_final=False,
        is_verified=False,
        series_description="MS lesion measurements (research use only)",
        **made_by,
    )


def _observer(segmentation: Segmentation) -> hd.sr.ObservationContext:
    """A device, and no person (PS3.16, TID 1004)."""
    made_by = equipment(segmentation)
    device = hd.sr.DeviceObserverIdentifyingAttributes(
        uid=device_uid(segmentation),
        name=made_by["manufacturer_model_name"],
        manufacturer_name=MANUFACTURER,
        model_name=made_by["manufacturer_model_name"],
        serial_number=made_by["device_serial_number"],
    )
    context = hd.sr.ObserverContext(
        observer_type=hd.sr.CodedConcept.from_code(codes.OBSERVER_TYPE), observer_identifying_attributes=device
    )
    return hd.sr.ObservationContext(observer_device_context=context)


def _comments(report: Report) -> list[hd.sr.TextContentItem]:
    """TID 1500 is extensible; a comment stands directly under the root."""
    words = [RESEARCH_USE_ONLY, *(f"{flag.severity}: {flag.message}" for flag in report.quality_flags)]
    return [
        hd.sr.TextContentItem(
            name=codes.COMMENT, value=ascii_text(text), relationship_type=hd.sr.RelationshipTypeValues.CONTAINS
        )
        for text in words
    ]
