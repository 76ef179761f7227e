"""One scan of `hunet segment`: segmented and written, or the error it ended with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hunet_client.errors import HunetError
from hunet_client.output_files import OutputFiles, write_outputs
from hunet_client.report import Report, build_report
from hunet_client.sync_client import SegmentationClient


@dataclass(frozen=True)
class SegmentedScan:
    """`elapsed_s` is from opening the file to the finished mask, without writing it."""

    scan: Path
    report: Report
    files: OutputFiles
    elapsed_s: float


@dataclass(frozen=True)
class FailedScan:
    """A scan without results."""

    scan: Path
    error: HunetError


def segment_to_folder(
    client: SegmentationClient, scan: Path, folder: Path, *, with_probability: bool, **options: Any
) -> SegmentedScan | FailedScan:
    """Segments one scan and writes its files; `options` are those of `SegmentationClient.segment`."""
    try:
        segmentation = client.segment(scan, **options)
        report = build_report(segmentation)
        files = write_outputs(segmentation, report, scan, folder, with_probability=with_probability)
    except HunetError as error:
        if error.subject == scan.name:
            # Several scans of one batch may have one name.
            error.subject = str(scan)
        return FailedScan(scan, error)
    return SegmentedScan(scan, report, files, segmentation.elapsed_s)
