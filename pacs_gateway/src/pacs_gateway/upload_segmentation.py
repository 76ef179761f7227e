"""An uploaded scan through the services: a NIfTI file as it is, of a zip of DICOM the FLAIR."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from io import BytesIO

from hunet_client import SegmentationClient
from hunet_client.dicom.files import is_dicom_or_zip
from hunet_client.dicom.series_source import SeriesSource, open_series
from hunet_client.report import build_report
from hunet_client.scan_source import FileSource
from hunet_client.segmentation import Segmentation
from pydicom import dcmread, dcmwrite

from pacs_gateway.jobs.progress_board import ProgressBoard
from pacs_gateway.jobs.upload_steps import UploadResult
from pacs_gateway.results.build import build_results
from pacs_gateway.results.source_series import SourceSeries
from pacs_gateway.results.views import flair_file, view_files
from pacs_gateway.results.wanted import WantedResults
from pacs_gateway.routing.configuration import Processing
from pacs_gateway.routing.services import client_settings
from pacs_gateway.storage.study_folder import StudyFolder
from pacs_gateway.storage.uploads import Upload

# Of the objects that are built, those that are kept, by modality.
_OBJECT_FILES = {"SEG": "segmentation.dcm", "SR": "report.dcm"}


class UploadSegmentation:
    """`jobs.upload_steps.SegmentUpload` with the real services."""

    def __init__(self, processing: Processing, progress: ProgressBoard) -> None:
        self._processing = processing
        self._progress = progress

    def __call__(self, folder: StudyFolder, upload: Upload, made_at: datetime) -> UploadResult:
        is_dicom = is_dicom_or_zip(folder.scan)
        source = open_series(folder.scan) if is_dicom else FileSource(folder.scan, upload.name)
        segmentation = self._segment(source, upload)
        volume = source.volume(segmentation.manifest)
        files = view_files(segmentation, volume)
        if isinstance(source, SeriesSource):
            files["flair.nii.gz"] = flair_file(segmentation, volume)
            files |= _objects(source, segmentation, made_at)
        for name, content in files.items():
            folder.write(name, content)
        report = build_report(segmentation)
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


def _objects(source: SeriesSource, segmentation: Segmentation, made_at: datetime) -> dict[str, bytes]:
    """SEG, where there are lesions, and SR as files."""
    datasets = {}
    for file in source.files:
        with file.open() as stream:
            dataset = dcmread(BytesIO(stream.read()))
        datasets[str(dataset.SOPInstanceUID)] = dataset
    wanted = WantedResults(segmentation=True, outlines=False, pdf=False)
    series = SourceSeries.of_manifest(datasets, segmentation.manifest)
    found = {}
    for result in build_results(series, segmentation, wanted, made_at=made_at):
        content = BytesIO()
        dcmwrite(content, result, enforce_file_format=True)
        found[_OBJECT_FILES[str(result.Modality)]] = content.getvalue()
    return found
