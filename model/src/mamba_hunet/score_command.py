"""The subcommand `hunet score`: how well a lesion mask agrees with the truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from hunet_client.notice import RESEARCH_USE_ONLY

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Two files of one grid may differ by the rounding of their headers, not by more.
GRID_TOLERANCE_MM = 1e-2

_file = click.Path(path_type=Path, dir_okay=False)


@click.command(short_help="Compare a lesion mask with the true one.")
@click.argument("mask", type=_file)
@click.argument("truth", type=_file)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def score(mask: Path, truth: Path, as_json: bool) -> None:
    """Compare the lesion mask MASK with TRUTH, both NIfTI files on one grid; any value but 0 is lesion.

    A true lesion is found when one of its voxels is marked; a marked lesion is correct when one of its voxels
    is truly lesion. Voxels that touch, by a corner too, are one lesion. HD95 is the 95th percentile Hausdorff distance.
    """
    from hunet_client.errors import InputError

    from mamba_hunet import metrics

    marked, marked_affine, spacing_mm = _read_mask(mask)
    true, true_affine, _ = _read_mask(truth)
    if marked.shape != true.shape or abs(marked_affine - true_affine).max() > GRID_TOLERANCE_MM:
        raise InputError(str(mask), f"is not on the grid of {truth}", "Give two masks of the same scan")
    detection = metrics.lesion_detection(marked, true)
    results: dict[str, Any] = {
        "dice": metrics.dice(marked, true),
        "iou": metrics.iou(marked, true),
        "hd95_mm": metrics.hd95_mm(marked, true, spacing_mm),
        "sensitivity": metrics.sensitivity(marked, true),
        "specificity": metrics.specificity(marked, true),
        "lesion_sensitivity": detection.sensitivity,
        "lesion_precision": detection.precision,
        "lesion_f1": detection.f1,
        "true_lesions": detection.true_lesions,
        "found_lesions": detection.found_lesions,
        "marked_lesions": detection.predicted_lesions,
        "correct_lesions": detection.correct_lesions,
        "true_volume_ml": metrics.volume_ml(true, spacing_mm),
        "marked_volume_ml": metrics.volume_ml(marked, spacing_mm),
        "volume_error_ml": metrics.volume_error_ml(marked, true, spacing_mm),
        "relative_volume_error": metrics.relative_volume_error(marked, true),
    }
    if as_json:
        click.echo(json.dumps(results, indent=2))
    else:
        _print_table(results, mask, truth)


def _print_table(results: dict[str, Any], mask: Path, truth: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{mask.name} against {truth.name}", caption=RESEARCH_USE_ONLY)
    table.add_column("Measure")
    table.add_column("Value", justify="right")
    table.add_column("From")
    found = f"{results['found_lesions']} of {results['true_lesions']} true lesions found"
    correct = f"{results['correct_lesions']} of {results['marked_lesions']} marked lesions true"
    volumes = f"{results['marked_volume_ml']:.2f} ml marked, {results['true_volume_ml']:.2f} ml true"
    table.add_row("Dice", f"{results['dice']:.3f}", f"voxels; as IoU {results['iou']:.3f}")
    table.add_row("HD95", f"{results['hd95_mm']:.1f} mm", "distance of the outlines, 95th percentile")
    table.add_row("Sensitivity", f"{results['sensitivity']:.3f}", "part of the true voxels that is marked")
    table.add_row("Specificity", f"{results['specificity']:.4f}", "part of all other voxels that is not")
    table.add_row("Lesion-wise sensitivity", f"{results['lesion_sensitivity']:.3f}", found)
    table.add_row("Lesion-wise precision", f"{results['lesion_precision']:.3f}", correct)
    table.add_row("Lesion-wise F1", f"{results['lesion_f1']:.3f}", "sensitivity and precision")
    table.add_row("Volume error", f"{results['volume_error_ml']:+.2f} ml", volumes)
    Console().print(table)


def _read_mask(path: Path) -> tuple[NDArray[np.bool_], NDArray[np.float64], tuple[float, float, float]]:
    """The mask (i, j, k), its affine (4, 4) and its spacing in mm. Raises InputError."""
    import nibabel as nib
    import numpy as np
    from hunet_client.errors import InputError

    try:
        image = nib.load(path)
        if not isinstance(image, nib.spatialimages.SpatialImage):
            raise nib.filebasedimages.ImageFileError("it holds no voxels")
        values = np.asanyarray(image.dataobj)
    except FileNotFoundError as exc:
        raise InputError(str(path), "no such file", "Check the path") from exc
    except (nib.filebasedimages.ImageFileError, OSError, EOFError, ValueError) as exc:
        raise InputError(str(path), f"cannot be read as NIfTI: {exc}", "Give a .nii or .nii.gz mask") from exc
    if values.ndim != 3:
        raise InputError(str(path), f"is not a volume: its shape is {values.shape}", "Give a 3-D mask")
    i_mm, j_mm, k_mm = (float(spacing) for spacing in image.header.get_zooms())
    return values != 0, np.asarray(image.affine), (i_mm, j_mm, k_mm)
