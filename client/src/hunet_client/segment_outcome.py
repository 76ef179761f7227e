"""One scan of `hunet segment`: segmented and written, or the error it ended with."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hunet_client.deadline import Deadline
from hunet_client.error_output import SHOW_CAUSES
from hunet_client.errors import DeadlineExceededError, HunetError
from hunet_client.open_scan import open_scan
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
    client: SegmentationClient,
    scan: Path,
    folder: Path,
    *,
    series_uid: str | None,
    with_probability: bool,
    deadline_s: float | None = None,
    explain: Callable[[str], None],
    **options: Any,
) -> SegmentedScan | FailedScan:
    """Segments one scan and writes its files; `options` are those of `SegmentationClient.segment`.

    `explain` is told how a DICOM series was chosen.
    """
    started = time.monotonic()
    deadline = Deadline.after(client.settings.timeouts.scan_s if deadline_s is None else deadline_s)
    source_name = scan.name
    try:
        source = open_scan(scan, series_uid=series_uid)
        source_name = source.file_name
        if source.explanation:
            explain(f"{scan}: * is the FLAIR\n{source.explanation}")
        segmentation = client.segment(source, deadline_s=_left_s(deadline, source_name), **options)
        elapsed_s = time.monotonic() - started
        report = build_report(segmentation)
        files = write_outputs(segmentation, report, source, folder, with_probability=with_probability)
    except HunetError as error:
        if error.subject == source_name:
            # Several scans of one batch may have one name.
            error.subject = str(scan)
        return FailedScan(scan, error)
    except Exception as error:
        # What nobody foresaw in one scan must not cost the others their results.
        unforeseen = HunetError(str(scan), f"unexpected {type(error).__name__}: {error}", SHOW_CAUSES)
        unforeseen.__cause__ = error
        return FailedScan(scan, unforeseen)
    return SegmentedScan(scan, report, files, elapsed_s)


def _left_s(deadline: Deadline, name: str) -> float:
    """Seconds above 0. Raises DeadlineExceededError."""
    left_s = deadline.remaining_s()
    if left_s == 0.0:
        what = f"was not even opened within {deadline.total_s:g} s"
        raise DeadlineExceededError(name, what, "Allow more time, or look at the disk")
    return left_s
