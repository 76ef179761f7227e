"""Scans to workers, rows back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import dask
from distributed import Client, LocalCluster, as_completed
from hunet_client import ClientSettings
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hunet_batch.archive import ArchivedScan
from hunet_batch.work import BatchRow, row_of, segment_one

# A scan that so many workers here were lost with is called failed; a cluster's scheduler has its own setting.
_LOST_WORKERS = 2


def run(
    scans: Sequence[ArchivedScan],
    settings: ClientSettings,
    model: str,
    *,
    workers: int,
    scheduler: str | None,
    console: Console,
) -> Iterator[BatchRow]:
    """A row for each scan as it is done. scheduler: of a Dask cluster; without it, worker processes here."""
    known = {one: report for one in scans if (report := one.report_by(model))}
    yield from (row_of(one, "known", report) for one, report in known.items())
    wanted = [one for one in scans if one not in known]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("scans", total=len(scans), completed=len(known))
        for row in _segmented(wanted, settings, model, workers=workers, scheduler=scheduler):
            progress.advance(task)
            yield row


def _segmented(
    scans: Sequence[ArchivedScan], settings: ClientSettings, model: str, *, workers: int, scheduler: str | None
) -> Iterator[BatchRow]:
    if not scans:
        return
    with _client(workers, scheduler) as client:
        sent = settings.model_dump(mode="json")
        futures = {client.submit(segment_one, one, sent, model, pure=False): one for one in scans}
        for future in as_completed(futures):
            one = futures[future]
            error = future.exception()
            if error is None:
                yield future.result()
            else:
                yield BatchRow(str(one.scan), "failed", error=f"{type(error).__name__}: {error}", exit_code=1)


@contextmanager
def _client(workers: int, scheduler: str | None) -> Iterator[Client]:
    if scheduler is not None:
        with Client(scheduler) as client:
            yield client
        return
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": _LOST_WORKERS}),
        LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster,
        Client(cluster) as client,
    ):
        yield client
