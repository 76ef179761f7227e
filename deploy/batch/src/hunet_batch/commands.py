"""`hunet batch`. Heavy imports are inside: `hunet --help` reads this module."""

from __future__ import annotations

from pathlib import Path

import click
from hunet_client.notice import RESEARCH_USE_ONLY


@click.command(short_help="Segment a whole archive, on one machine or a cluster.", epilog=RESEARCH_USE_ONLY)
@click.argument("archive", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the results, laid out as the archive is; and batch.csv.",
)
@click.option("--model", default="mamba_hunet", show_default=True, help="Name of the model in Triton.")
@click.option("--workers", type=click.IntRange(min=1), default=2, show_default=True, help="Scans at once, here.")
@click.option("--scheduler", metavar="HOST:PORT", help="A Dask cluster's scheduler, whose workers then do the work.")
@click.pass_context
def batch(ctx: click.Context, archive: Path, output: Path, model: str, workers: int, scheduler: str | None) -> None:
    """Segment every scan below ARCHIVE: .nii, .nii.gz, zips of DICOM, folders of .dcm files.

    Begun again, it goes on: a scan whose results are newer than itself, and by this model, is left alone. One that
    cannot be segmented does not stop the others; its reason stands in batch.csv, and the exit code is that of the
    first.

    \b
    hunet batch archive -o results                               by the services that `hunet up` runs
    hunet batch archive -o results --scheduler scheduler:8786    on a cluster: its workers see both folders under
                                                                 these paths, have hunet-batch, reach the services
    """
    from hunet_client.output_files import prepare_folder
    from hunet_client.settings import client_settings
    from hunet_client.sync_client import SegmentationClient
    from rich.console import Console

    from hunet_batch.archive import find_scans
    from hunet_batch.run import run
    from hunet_batch.table import write_table
    from hunet_batch.work import BatchRow

    scans = find_scans(archive, output)
    prepare_folder(output)
    settings = client_settings()
    with SegmentationClient(settings) as client:
        # Without the services no scan can succeed: say so once.
        client.connect(model)
    rows: list[BatchRow] = []
    try:
        for row in run(scans, settings, model, workers=workers, scheduler=scheduler, console=Console(stderr=True)):
            rows.append(row)
    finally:
        # Also of a run that was broken off.
        order = {str(one.scan): number for number, one in enumerate(scans)}
        rows.sort(key=lambda row: order[row.scan])
        write_table(rows, output / "batch.csv")
    counts = {state: sum(row.state == state for row in rows) for state in ("done", "known", "failed")}
    told = ", ".join(f"{count} {state}" for state, count in counts.items())
    click.echo(f"{output / 'batch.csv'}: {told}. {RESEARCH_USE_ONLY}")
    ctx.exit(next((row.exit_code for row in rows if row.exit_code), 0))
