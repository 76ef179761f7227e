"""What `hunet segment` shows: a progress bar while it works, then a table or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from hunet_client.errors import HunetError
from hunet_client.notice import RESEARCH_USE_ONLY
from hunet_client.output_files import OutputFiles
from hunet_client.plane_runs import ProgressCallback
from hunet_client.report import Report
from hunet_client.segment_outcome import FailedScan, SegmentedScan

Outcomes = Sequence[SegmentedScan | FailedScan]


@contextmanager
def slice_progress(scan: Path) -> Iterator[ProgressCallback]:
    """A bar on standard error that counts the scan's slices; gone when the scan is done."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TextColumn("slices"))
    console = Console(stderr=True)
    hidden = not console.is_terminal
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True, disable=hidden) as bars:
        bar = bars.add_task(click.format_filename(scan.name), total=None)
        yield lambda done, total: bars.update(bar, completed=done, total=total)


def print_table(outcomes: Outcomes) -> None:
    """One row a segmented scan, and a line for each quality flag; failures were reported as they came."""
    done = [outcome for outcome in outcomes if isinstance(outcome, SegmentedScan)]
    if not done:
        return
    names = ", ".join(path.name for path in _paths(done[0].files).values())
    table = Table(caption=f"In each folder: {names}.\n{RESEARCH_USE_ONLY}", caption_justify="left")
    table.add_column("scan", overflow="fold")
    for heading in ("lesions", "volume\n(ml)", "confidence", "quality", "seconds"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("folder", overflow="fold")
    for outcome in done:
        table.add_row(
            escape(click.format_filename(outcome.scan)),
            str(outcome.report.lesion_count),
            f"{outcome.report.total_volume_ml:.2f}",
            _confidence(outcome.report),
            _quality(outcome.report),
            f"{outcome.elapsed_s:.1f}",
            escape(click.format_filename(outcome.files.mask.parent)),
        )
    Console().print(table)
    for outcome in done:
        for flag in outcome.report.quality_flags:
            click.echo(f"{flag.severity}: {click.format_filename(outcome.scan)}: {flag.message}")


def _confidence(report: Report) -> str:
    """That of the least and the most certain lesion."""
    values = [lesion.confidence for lesion in report.lesions]
    return f"{min(values):.2f}-{max(values):.2f}" if values else "-"


def _quality(report: Report) -> str:
    """The score, and what is weakest where anything is."""
    score = report.quality.score
    if score is None:
        return "-"
    return f"{score:.2f} {report.quality.weakest}" if score < 1 else f"{score:.2f}"


def print_json(outcomes: Outcomes) -> None:
    """The same and more, for machines."""
    document = {"research_use_only": RESEARCH_USE_ONLY, "scans": [_as_json(outcome) for outcome in outcomes]}
    click.echo(json.dumps(document, indent=2))


@contextmanager
def failing_as_json() -> Iterator[None]:
    """Prints an error that keeps every scan from being segmented as JSON too, and passes it on."""
    try:
        yield
    except HunetError as error:
        document = {"research_use_only": RESEARCH_USE_ONLY, "scans": [], "error": _error_as_json(error)}
        click.echo(json.dumps(document, indent=2))
        raise


def _error_as_json(error: HunetError) -> dict[str, Any]:
    return {"kind": type(error).__name__, "message": str(error), "exit_code": error.exit_code}


def _as_json(outcome: SegmentedScan | FailedScan) -> dict[str, Any]:
    if isinstance(outcome, FailedScan):
        return {"scan": str(outcome.scan), "error": _error_as_json(outcome.error)}
    return {
        "scan": str(outcome.scan),
        "elapsed_s": round(outcome.elapsed_s, 3),
        "files": {name: str(path) for name, path in _paths(outcome.files).items()},
        "report": outcome.report.model_dump(mode="json"),
    }


def _paths(files: OutputFiles) -> dict[str, Path]:
    """What was written, by kind."""
    return {name: path for name, path in asdict(files).items() if path is not None}
