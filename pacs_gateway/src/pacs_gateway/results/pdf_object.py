"""The one-page report as an Encapsulated PDF object (PS3.3, A.45.1)."""

from __future__ import annotations

from collections.abc import Sequence

import highdicom as hd
from highdicom.base import SOPClass
from hunet_client.segmentation import Segmentation
from pydicom import Dataset
from pydicom.uid import EncapsulatedPDFStorage, ExplicitVRLittleEndian

from pacs_gateway.results import codes
from pacs_gateway.results.equipment import equipment, series_number
from pacs_gateway.results.source_headers import patient_and_study
from pacs_gateway.results.source_series import SourceSeries
from pacs_gateway.results.uids import ResultUids


def pdf_object(
    page: bytes, series: SourceSeries, headers: Sequence[Dataset], segmentation: Segmentation, uids: ResultUids
) -> SOPClass:
    """page: a PDF that names no patient; the object's attributes name them."""
    source = headers[0]
    result = SOPClass(
        series_instance_uid=uids.of("pdf", "series"),
        series_number=series_number(source, 5),
        sop_instance_uid=uids.of("pdf", "instance"),
        sop_class_uid=EncapsulatedPDFStorage,
        instance_number=1,
        modality="DOC",
        transfer_syntax_uid=ExplicitVRLittleEndian,
        series_description="MS lesion report (research use only)",
        **patient_and_study(source),
        **equipment(segmentation),
    )
    result.copy_patient_and_study_information(source)
    result.ConversionType = "WSD"
    result.AcquisitionDateTime = ""
    # The page shows the source's pixels, which may have names burned in.
    result.BurnedInAnnotation = source.get("BurnedInAnnotation") or "NO"
    result.DocumentTitle = "MS lesion report. Research use only"
    result.ConceptNameCodeSequence = [hd.sr.CodedConcept.from_code(codes.REPORT_TITLE)]
    result.SourceInstanceSequence = [_reference(dataset) for dataset in series.datasets]
    result.MIMETypeOfEncapsulatedDocument = "application/pdf"
    # An even length, as every value has; the true one stands beside it.
    result.EncapsulatedDocument = page + b"\0" * (len(page) % 2)
    result.EncapsulatedDocumentLength = len(page)
    return result


def _reference(dataset: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = dataset.SOPClassUID
    item.ReferencedSOPInstanceUID = dataset.SOPInstanceUID
    return item
