"""An uploaded scan through the services: a NIfTI file as it is, of a zip of DICOM the FLAIR."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from hunet_client import SegmentationClient
from hunet_client.dicom.files import is_dicom_or_zip
from hunet_client.dicom.series_source import SeriesSource
from hunet_client.errors import InputError
from hunet_client.examination_files import read_examination
from hunet_client.findings import ChangeReport, Examination, compare
from hunet_client.report import Report, build_report
from hunet_client.scan_source import FileSource
from hunet_client.segmentation import Segmentation

from pacs_gateway.flair_of import flair_of
from pacs_gateway.jobs.progress_board import ProgressBoard
from pacs_gateway.jobs.upload_steps import UploadResult
from pacs_gateway.results.build import build_results
from pacs_gateway.results.correction_object import correction_template
from pacs_gateway.results.source_series import SourceSeries
from pacs_gateway.results.views import dicom_file, flair_file, object_files, view_files
from pacs_gateway.results.wanted import WantedResults
from pacs_gateway.routing.configuration import Processing
from pacs_gateway.routing.services import client_settings
from pacs_gateway.storage.study_folder import CORRECTION_TEMPLATE, StudyFolder
from pacs_gateway.storage.uploads import Upload


class UploadSegmentation:
    """`jobs.upload_steps.SegmentUpload` with the real services."""

    def __init__(self, processing: Processing, progress: ProgressBoard) -> None:
        self._processing = processing
        self._progress = progress

    def __call__(self, folder: StudyFolder, upload: Upload, made_at: datetime) -> UploadResult:
        is_dicom = is_dicom_or_zip(folder.scan)
        source = flair_of(folder.scan, upload.name) if is_dicom else FileSource(folder.scan, upload.name)
        segmentation = self._segment(source, upload)
        volume, report = source.volume(segmentation.manifest), build_report(segmentation)
        current = Examination(volume, segmentation.mask, segmentation.affine, report)
        change = _change(current, folder.beside(upload.prior)) if upload.prior else None
        files = view_files(segmentation, report, volume, change)
        if isinstance(source, SeriesSource):
            files["flair.nii.gz"] = flair_file(segmentation, volume)
            files |= _objects(source, segmentation, report, made_at)
        for name, content in files.items():
            folder.write(name, content)
        return UploadResult(report.lesion_count, report.total_volume_ml, report.quality.score)

    def _segment(self, source: SeriesSource | FileSource, upload: Upload) -> Segmentation:
        processing = self._processing
        try:
            with SegmentationClient(client_settings(processing)) as client:
                return client.segment(
                    source,
                    model=processing.model,
                    threshold=processing.threshold,
                    min_lesion_ml=processing.min_lesion_ml,
                    priority=upload.priority,
                    progress=partial(self._progress.put, upload.id),
                )
        finally:
            self._progress.forget(upload.id)


def _change(current: Examination, prior: StudyFolder) -> ChangeReport | None:
    """None where the earlier scan has no result, or the two cannot be compared; asked for alone, that has a reason."""
    try:
        return compare(current, read_examination(prior.path / "flair.nii.gz", prior.path).examination)
    except InputError:
        return None


def _objects(source: SeriesSource, segmentation: Segmentation, report: Report, made_at: datetime) -> dict[str, bytes]:
    """SEG, where there are lesions, SR, and what a correction is made from, as files."""
    series = SourceSeries.of_files(source.files, segmentation.manifest)
    results = build_results(
        series, segmentation, WantedResults(segmentation=True, outlines=False, pdf=False), made_at=made_at
    )
    template = correction_template(series, segmentation, report, made_at=made_at)
    return object_files(results) | {CORRECTION_TEMPLATE: dicom_file(template)}
