"""Scans to workers, rows back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from distributed import Client, LocalCluster, as_completed
from hunet_client import ClientSettings
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hunet_batch.archive import ArchivedScan
from hunet_batch.work import BatchRow, segment_one

# A worker that is lost takes its scan with it so often before the scan is called failed.
_RETRIES = 2


def run(
    scans: Sequence[ArchivedScan],
    settings: ClientSettings,
    model: str,
    *,
    workers: int,
    scheduler: str | None,
    console: Console,
) -> list[BatchRow]:
    """A row for each scan, in their order. scheduler: of a Dask cluster; without it, worker processes here."""
    rows = {one: BatchRow(str(one.scan), "known") for one in scans if one.is_done}
    wanted = [one for one in scans if one not in rows]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("scans", total=len(scans), completed=len(rows))
        for one, row in _segmented(wanted, settings, model, workers=workers, scheduler=scheduler):
            rows[one] = row
            progress.advance(task)
    return [rows[one] for one in scans]


def _segmented(
    scans: Sequence[ArchivedScan], settings: ClientSettings, model: str, *, workers: int, scheduler: str | None
) -> Iterator[tuple[ArchivedScan, BatchRow]]:
    if not scans:
        return
    with _dask(workers, scheduler) as dask:
        sent = settings.model_dump(mode="json")
        futures = {dask.submit(segment_one, one, sent, model, pure=False, retries=_RETRIES): one for one in scans}
        for future in as_completed(futures):
            one = futures[future]
            error = future.exception()
            if error is None:
                yield one, future.result()
            else:
                yield one, BatchRow(str(one.scan), "failed", error=f"{type(error).__name__}: {error}", exit_code=1)


@contextmanager
def _dask(workers: int, scheduler: str | None) -> Iterator[Client]:
    if scheduler is not None:
        with Client(scheduler) as client:
            yield client
        return
    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster,
        Client(cluster) as client,
    ):
        yield client
