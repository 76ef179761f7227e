"""The files of one call's result: masks for everybody, DICOM objects for whoever asked for them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from hunet_client.dicom.series_source import SeriesSource
from hunet_client.nifti_output import mask_file, probability_file
from hunet_client.segmentation import Segmentation
from hunet_protocol.v1 import segmentation_pb2 as pb
from pydicom import Dataset

from pacs_gateway.results.build import build_results
from pacs_gateway.results.source_series import SourceSeries
from pacs_gateway.results.views import dicom_file
from pacs_gateway.results.wanted import WantedResults
from pacs_gateway.routing.outputs import output_kind

_KINDS = {
    pb.DICOM_OBJECT_SEGMENTATION: "SEG",
    pb.DICOM_OBJECT_STRUCTURED_REPORT: "SR",
    pb.DICOM_OBJECT_OUTLINES: "SC",
    pb.DICOM_OBJECT_PDF: "PDF",
}
_NAMES = {"SEG": "segmentation.dcm", "SR": "report.dcm", "PDF": "report_document.dcm"}


def nifti_files(segmentation: Segmentation, *, with_probability: bool) -> dict[str, bytes]:
    """By file name, on the scan's grid."""
    header = segmentation.manifest.nifti_header
    files = {"mask.nii.gz": mask_file(segmentation.mask, header)}
    if with_probability:
        files["probability.nii.gz"] = probability_file(segmentation.probability, header)
    return files


def dicom_files(
    source: SeriesSource, segmentation: Segmentation, objects: Sequence[pb.DicomObject.ValueType]
) -> dict[str, bytes]:
    """By file name, as the node would send them. Raises InputError where the images lack what the standard asks for."""
    kinds = {_KINDS[one] for one in objects if one in _KINDS}
    wanted = WantedResults(segmentation="SEG" in kinds, outlines="SC" in kinds, pdf="PDF" in kinds)
    series = SourceSeries.of_files(source.files, segmentation.manifest)
    results = build_results(series, segmentation, wanted, made_at=datetime.now(UTC))
    outlines = [one for one in results if output_kind(one) == "SC"]
    files = {f"outlines_{number:03d}.dcm": dicom_file(one) for number, one in enumerate(outlines, start=1)}
    return files | {_NAMES[kind]: dicom_file(one) for one in results if (kind := _named_kind(one)) in kinds}


def _named_kind(result: Dataset) -> str | None:
    """None for outlines, of which there are many."""
    kind = output_kind(result)
    return kind if kind in _NAMES else None
