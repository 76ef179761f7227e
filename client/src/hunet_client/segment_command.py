"""`hunet segment`: scans in, a folder of results out for each."""

from __future__ import annotations

from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any

import click

from hunet_client.error_output import exit_code, print_error
from hunet_client.notice import RESEARCH_USE_ONLY


@click.command(short_help="Segment the lesions of one or several FLAIR scans.", epilog=RESEARCH_USE_ONLY)
@click.argument("scans", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="SCAN...")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the results; with several scans, one folder inside it for each.",
)
@click.option("--series", "series_uid", metavar="UID", help="Which series of a DICOM study, by SeriesInstanceUID.")
@click.option("--model", default="mamba_hunet", show_default=True, help="Name of the model in Triton.")
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.5,
    show_default=True,
    help="Lesion where its probability is at least this.",
)
@click.option(
    "--min-lesion-ml",
    type=click.FloatRange(0),
    default=0.01,
    show_default=True,
    help="Drop lesions smaller than this many millilitres.",
)
@click.option(
    "--single-plane",
    is_flag=True,
    help="Read thin slices in one plane instead of three, thick ones once instead of twice: faster, more false marks.",
)
@click.option("--probability", is_flag=True, help="Write probability.nii.gz as well.")
@click.option("--urgent", is_flag=True, help="Overtake routine scans in Triton's queue.")
@click.option(
    "--deadline-s",
    type=click.FloatRange(0, min_open=True),
    help="Give up a scan after this many seconds; 600, or HUNET_TIMEOUTS__SCAN_S, by default.",
)
@click.option("--json", "as_json", is_flag=True, help="Print reports and errors as JSON instead of a table.")
@click.option("--preprocess-address", metavar="HOST:PORT", help="The preprocessing service.")
@click.option("--triton-address", metavar="HOST:PORT", help="Triton's gRPC endpoint.")
@click.pass_context
def segment(
    ctx: click.Context,
    scans: tuple[Path, ...],
    output: Path,
    model: str,
    probability: bool,
    urgent: bool,
    as_json: bool,
    preprocess_address: str | None,
    triton_address: str | None,
    **options: Any,
) -> None:
    """Segment multiple-sclerosis lesions on FLAIR scans: .nii, .nii.gz, or DICOM as a folder, zip or enhanced file.

    In a DICOM study the FLAIR is found and the reason printed; when in doubt the candidates are listed, and
    --series decides. Each scan's folder gets mask.nii.gz on the scan's own grid, report.json with the lesion table, and
    overlay.png. The services are those that `hunet up` runs, unless addresses are given here or in the
    environment (HUNET_PREPROCESS_ADDRESS, HUNET_TRITON_ADDRESS). A scan that cannot be segmented does not
    stop the others.
    """
    from hunet_protocol.tracing import export_traces

    from hunet_client.output_files import prepare_folder
    from hunet_client.result_folders import result_folders
    from hunet_client.segment_outcome import FailedScan, segment_to_folder
    from hunet_client.segment_output import failing_as_json, print_json, print_table, slice_progress
    from hunet_client.settings import client_settings
    from hunet_client.sync_client import SegmentationClient

    export_traces("hunet")
    addresses: dict[str, Any] = {"preprocess_address": preprocess_address, "triton_address": triton_address}
    outcomes = []
    with ExitStack() as opened:
        with failing_as_json() if as_json else nullcontext():
            settings = client_settings(**{name: address for name, address in addresses.items() if address})
            folders = result_folders(scans, output)
            prepare_folder(output)
            client = opened.enter_context(SegmentationClient(settings))
            # Without the services no scan can succeed: say so once.
            client.connect(model)
        for scan, folder in zip(scans, folders, strict=True):
            with slice_progress(scan) as progress:
                outcome = segment_to_folder(
                    client,
                    scan,
                    folder,
                    with_probability=probability,
                    explain=lambda text: click.echo(text, err=True),
                    model=model,
                    priority="urgent" if urgent else "routine",
                    progress=progress,
                    **options,
                )
            outcomes.append(outcome)
            if isinstance(outcome, FailedScan):
                print_error(outcome.error, verbose=ctx.find_root().params["verbose"])
    (print_json if as_json else print_table)(outcomes)
    ctx.exit(exit_code(outcome.error for outcome in outcomes if isinstance(outcome, FailedScan)))
