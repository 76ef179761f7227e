"""The one place where the gateway's steps are named: who chooses the series, segments it, builds the results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

from hunet_client import SegmentationClient
from hunet_client.dicom.files import StoredFile
from hunet_client.dicom.selection import choose_flair
from hunet_client.dicom.series_source import SeriesSource
from hunet_client.report import build_report
from hunet_client.segmentation import Segmentation
from pydicom import dcmread
from pydicom.dataset import Dataset

from pacs_gateway.jobs.progress_board import ProgressBoard
from pacs_gateway.jobs.steps import Chosen, ProcessingSteps, SeriesHeaders, Undecided
from pacs_gateway.results.build import build_results
from pacs_gateway.results.correction_object import correction_template
from pacs_gateway.results.source_series import SourceSeries
from pacs_gateway.results.views import dicom_file, flair_file, object_files, view_files
from pacs_gateway.results.wanted import WantedResults
from pacs_gateway.routing.configuration import Configuration, Priority, Processing
from pacs_gateway.routing.services import client_settings
from pacs_gateway.storage.study_folder import CORRECTION_TEMPLATE
from pacs_gateway.upload_segmentation import UploadSegmentation


def processing_steps(configuration: Configuration, progress: ProgressBoard) -> ProcessingSteps:
    """The steps that `hunet pacs serve` runs with."""
    outputs = {kind for destination in configuration.destinations for kind in destination.outputs}
    wanted = WantedResults(segmentation="SEG" in outputs, outlines="SC" in outputs, pdf="PDF" in outputs)
    return ProcessingSteps(
        select=_select,
        segment=partial(_segment, configuration.processing),
        build=partial(_build, wanted),
        show=_show,
        segment_upload=UploadSegmentation(configuration.processing, progress),
    )


def _select(series: Sequence[SeriesHeaders]) -> Chosen | Undecided:
    choice = choose_flair(header for one in series for header in one.headers)
    if choice.chosen is None:
        return Undecided(tuple(str(one) for one in choice.assessed))
    volume = choice.chosen.candidate
    uids = tuple(sorted(str(header.SOPInstanceUID) for header in volume.headers))
    return Chosen(volume.series_instance_uid, uids, str(choice.chosen))


def _segment(processing: Processing, files: Sequence[Path], priority: Priority) -> Segmentation:
    source = _source(files)
    with SegmentationClient(client_settings(processing)) as client:
        return client.segment(
            source,
            model=processing.model,
            threshold=processing.threshold,
            min_lesion_ml=processing.min_lesion_ml,
            priority=priority,
        )


def _show(
    files: Sequence[Path], segmentation: Segmentation, results: Sequence[Dataset], made_at: datetime
) -> Mapping[str, bytes]:
    volume, report = _source(files).volume(segmentation.manifest), build_report(segmentation)
    template = correction_template(_series(files, segmentation), segmentation, report, made_at=made_at)
    return {
        **view_files(segmentation, report, volume),
        "flair.nii.gz": flair_file(segmentation, volume),
        **object_files(results),
        CORRECTION_TEMPLATE: dicom_file(template),
    }


def _source(files: Sequence[Path]) -> SeriesSource:
    by_uid = sorted((str(header.SOPInstanceUID), file) for header, file in zip(map(_header, files), files, strict=True))
    series_uid = str(_header(files[0]).SeriesInstanceUID)
    return SeriesSource(series_uid, [_stored(file) for _uid, file in by_uid])


def _build(
    wanted: WantedResults, files: Sequence[Path], segmentation: Segmentation, made_at: datetime
) -> Sequence[Dataset]:
    return build_results(_series(files, segmentation), segmentation, wanted, made_at=made_at)


def _series(files: Sequence[Path], segmentation: Segmentation) -> SourceSeries:
    return SourceSeries.of_files(map(_stored, files), segmentation.manifest)


def _stored(file: Path) -> StoredFile:
    return StoredFile(lambda: file.open("rb"))


def _header(file: Path) -> Dataset:
    return dcmread(file, specific_tags=["SOPInstanceUID", "SeriesInstanceUID"], stop_before_pixels=True)
