"""`hunet change`: two segmented scans of one patient in, what became of each lesion out."""

from __future__ import annotations

from pathlib import Path

import click

from hunet_client.notice import RESEARCH_USE_ONLY

_PATH = click.Path(path_type=Path)


@click.command(short_help="What became of each lesion since an earlier scan.", epilog=RESEARCH_USE_ONLY)
@click.argument("scan", type=_PATH)
@click.argument("results", type=_PATH)
@click.option(
    "--prior",
    nargs=2,
    required=True,
    type=_PATH,
    metavar="SCAN RESULTS",
    help="The earlier scan of the same patient, and the folder of its results.",
)
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder to write to."
)
def change(scan: Path, results: Path, prior: tuple[Path, Path], output: Path) -> None:
    """Compare the lesions of SCAN with those of an earlier scan of the same patient.

    SCAN is a NIfTI file, RESULTS the folder that `hunet segment` wrote for it (mask.nii.gz, report.json). The
    earlier scan is laid over the current one rigidly; where that is not to be trusted, nothing is compared and the
    reason is given. Writes change.json, change.png, and the current scan's findings.json and findings.html with
    the change in them.
    """
    from hunet_client.examination_files import read_examination
    from hunet_client.findings import compare
    from hunet_client.output_files import write_change

    current, earlier = read_examination(scan, results), read_examination(*prior)
    report = compare(current.examination, earlier.examination)
    folder = write_change(current, earlier, report, output)
    counts = ", ".join(f"{one.count} {one.change.replace('_', ' ')}" for one in report.counts if one.count)
    click.echo(f"{folder}: {counts or 'no lesion on either scan'}. {RESEARCH_USE_ONLY}")
