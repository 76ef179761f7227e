"""The measurement groups of the report: TID 1411 about a region in space, TID 1501 about the series (PS3.16)."""

from __future__ import annotations

from typing import Any

import highdicom as hd
import numpy as np
from hunet_client.report import Report, ReportedLesion
from pydicom import Dataset

from pacs_gateway.results import codes
from pacs_gateway.results.equipment import algorithm_parameters, ascii_text
from pacs_gateway.results.grid import lps_from_ras
from pacs_gateway.results.uids import ResultUids

OnRegion = hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations
OnSeries = hd.sr.MeasurementsAndQualitativeEvaluations

# The distribution that measures the quality of scans.
PREPROCESSING = "hunet-preprocess-service"


def all_lesions(
    report: Report, source: Dataset, uids: ResultUids, mask: hd.seg.Segmentation | None
) -> OnRegion | OnSeries:
    """Number and total volume, of the SEG's segment where there is one."""
    arguments: dict[str, Any] = {
        "tracking_identifier": _tracking(codes.SEGMENT_LABEL, uids, "all lesions"),
        "measurements": [
            hd.sr.Measurement(codes.NUMBER_OF_LESIONS, report.lesion_count, codes.NO_UNITS),
            hd.sr.Measurement(codes.VOLUME, report.total_volume_ml, codes.MILLILITRE),
        ],
        **_finding(report),
    }
    if mask is None:
        return OnSeries(**arguments)
    segment = hd.sr.ReferencedSegment(
        sop_class_uid=mask.SOPClassUID,
        sop_instance_uid=mask.SOPInstanceUID,
        segment_number=1,
        source_series=hd.sr.SourceSeriesForSegmentation(source.SeriesInstanceUID),
    )
    return OnRegion(referenced_segment=segment, **arguments)


def one_lesion(lesion: ReportedLesion, report: Report, source: Dataset, uids: ResultUids) -> OnRegion:
    """Volume and certainty of one lesion, placed by its centre of mass.

    `certainty` is the client's lesion confidence in percent: how sure the network is that something is here.
    """
    centre = hd.sr.VolumeSurface(
        graphic_type=hd.sr.GraphicTypeValues3D.POINT,
        graphic_data=np.array([lps_from_ras(lesion.centroid_mm)]),
        frame_of_reference_uid=source.FrameOfReferenceUID,
        source_series=hd.sr.SourceSeriesForSegmentation(source.SeriesInstanceUID),
    )
    return OnRegion(
        tracking_identifier=_tracking(f"Lesion {lesion.index}", uids, f"lesion {lesion.index}"),
        referenced_volume_surface=centre,
        geometric_purpose=codes.CENTER_OF_MASS,
        measurements=[
            hd.sr.Measurement(codes.VOLUME, lesion.volume_ml, codes.MILLILITRE),
            hd.sr.Measurement(codes.CERTAINTY, round(100 * lesion.confidence, 4), codes.PERCENT),
        ],
        **_finding(report),
    )


def scan_quality(score: float, report: Report, uids: ResultUids) -> OnSeries:
    """The scan's quality score, as the preprocessing service measured it, as a rating from 0 to 100."""
    version = report.provenance.software.get(PREPROCESSING)
    return OnSeries(
        tracking_identifier=_tracking("Scan quality", uids, "scan quality"),
        algorithm_id=hd.sr.AlgorithmIdentification(PREPROCESSING, ascii_text(version)) if version else None,
        measurements=[hd.sr.Measurement(codes.IMAGE_QUALITY, round(100 * score, 4), codes.NO_UNITS)],
    )


def _tracking(words: str, uids: ResultUids, part: str) -> hd.sr.TrackingIdentifier:
    return hd.sr.TrackingIdentifier(uid=uids.of("finding", part), identifier=words)


def _finding(report: Report) -> dict[str, Any]:
    return {
        "finding_category": codes.PROPERTY_CATEGORY,
        "finding_type": codes.PROPERTY_TYPE,
        "finding_sites": [hd.sr.FindingSite(codes.ANATOMY)],
        "algorithm_id": _algorithm(report),
    }


def _algorithm(report: Report) -> hd.sr.AlgorithmIdentification:
    """TID 4019: name, version and, as parameters, the weights' digest and the settings."""
    model = report.provenance.model
    return hd.sr.AlgorithmIdentification(
        name=ascii_text(model.name),
        version=ascii_text(model.version),
        parameters=[f"{name}={value}" for name, value in algorithm_parameters(report).items()],
    )
