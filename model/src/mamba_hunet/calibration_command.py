"""The subcommand `hunet calibration`: whether probabilities hold, from what `hunet evaluate` has written."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean

import click
from hunet_client.errors import UsageError
from hunet_client.notice import RESEARCH_USE_ONLY

_file = click.Path(path_type=Path, dir_okay=False)


@click.command(short_help="Show how far lesion probabilities can be believed.")
@click.argument("tables", metavar="CSV...", nargs=-1, required=True, type=_file)
@click.option("--plot", "plot_file", type=_file, help="Draw the reliability diagram into a PNG.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def calibration(tables: tuple[Path, ...], plot_file: Path | None, as_json: bool) -> None:
    """Compare the probabilities that a network gave with the share of voxels that were lesion.

    Takes what `hunet evaluate --calibration` has written, of one network; the folds of a cross-validation are put
    together. Prints each patient's expected calibration error over the voxels given at least 0.02: 0 is perfect, 0.1
    means that probabilities are off by ten points on average.
    """
    from mamba_hunet.calibration_csv import read_reliability
    from mamba_hunet.calibration_plot import by_patient, calibration_plot
    from mamba_hunet.metrics.calibration import expected_calibration_error
    from mamba_hunet.result_file import write_result

    cases = [case for table in tables for case in read_reliability(table)]
    networks = sorted({case.network for case in cases})
    if len(networks) > 1:
        raise UsageError(", ".join(map(str, tables)), f"are of {' and '.join(networks)}", "Give one network's tables")
    if len({(case.source, case.case) for case in cases}) < len(cases):
        raise UsageError(", ".join(map(str, tables)), "hold a case twice", "Give each case's table once")
    patients = by_patient(cases)
    errors = {patient: expected_calibration_error(bins) for patient, bins in sorted(patients.items())}
    known = [error for error in errors.values() if error is not None]
    mean = fmean(known) if known else None
    if plot_file:
        write_result(plot_file, calibration_plot(patients, f"{networks[0]}: {len(patients)} patients, held out"))
    if as_json:
        document = {
            "network": networks[0],
            "expected_calibration_error": errors,
            "mean": mean,
            "notice": RESEARCH_USE_ONLY,
        }
        click.echo(json.dumps(document, indent=1))
        return
    for patient, error in errors.items():
        click.echo(f"{patient:24} {'no voxel from 0.02 upwards' if error is None else f'{error:.3f}'}")
    click.echo(f"{'mean by patient':24} {'-' if mean is None else f'{mean:.3f}'}")
    click.echo(RESEARCH_USE_ONLY)
