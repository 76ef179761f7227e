"""What a worker does with one scan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hunet_client import ClientSettings, SegmentationClient
from hunet_client.report import Report
from hunet_client.segment_outcome import FailedScan, segment_to_folder

from hunet_batch.archive import ArchivedScan


@dataclass(frozen=True)
class BatchRow:
    """A line of batch.csv. ``state``: done, failed, or known where results were there already."""

    scan: str
    state: str
    lesion_count: int | None = None
    total_volume_ml: float | None = None
    quality_score: float | None = None
    elapsed_s: float | None = None
    error: str = ""
    exit_code: int = 0


def segment_one(archived: ArchivedScan, settings: dict[str, Any], model: str) -> BatchRow:
    """Segments one scan into its folder. settings: of `ClientSettings`, as a dictionary that can be sent."""
    with SegmentationClient(ClientSettings(**settings)) as client:
        outcome = segment_to_folder(
            client,
            archived.scan,
            archived.results,
            series_uid=None,
            with_probability=False,
            explain=lambda text: None,
            model=model,
        )
    if isinstance(outcome, FailedScan):
        error = outcome.error
        return BatchRow(str(archived.scan), "failed", error=str(error), exit_code=error.exit_code)
    return row_of(archived, "done", outcome.report, round(outcome.elapsed_s, 3))


def row_of(archived: ArchivedScan, state: str, report: Report, elapsed_s: float | None = None) -> BatchRow:
    """The line of a scan that has its report."""
    scan = str(archived.scan)
    return BatchRow(scan, state, report.lesion_count, report.total_volume_ml, report.quality.score, elapsed_s)
