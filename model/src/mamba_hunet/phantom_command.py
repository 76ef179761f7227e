"""The subcommand `hunet phantom`: a synthetic scan with its truth, as files."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from hunet_client.notice import RESEARCH_USE_ONLY

if TYPE_CHECKING:
    from hunet_client.lesions import LesionSet

    from mamba_hunet.phantom import Phantom


@click.command(short_help="Make a synthetic FLAIR scan with lesions of known place.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder to write to.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Another head and other lesions."
)
@click.option("--lesions", "count", type=click.IntRange(min=0), help="How many lesions.  [default: 18]")
@click.option("--lesion-free", is_flag=True, help="No lesions: whatever is marked is wrong.")
@click.option(
    "--spacing",
    "spacing_mm",
    type=click.FloatRange(0.5, 10.0),
    nargs=3,
    default=(1.0, 1.0, 3.0),
    show_default=True,
    help="Voxel size in mm: right-left, back-front, slices.",
)
@click.option("--brain-extracted", is_flag=True, help="The brain alone, without skull, scalp and face.")
@click.option("--dicom", is_flag=True, help="Write the scan as a DICOM series too, in the folder dicom.")
def phantom(
    output: Path,
    seed: int,
    count: int | None,
    lesion_free: bool,
    spacing_mm: tuple[float, float, float],
    brain_extracted: bool,
    dicom: bool,
) -> None:
    """Write flair.nii.gz, its true lesions.nii.gz, truth.json and preview.png to a folder.

    Equal options give equal voxels.
    """
    if lesion_free and count:
        raise click.UsageError("--lesion-free and --lesions contradict each other")
    from mamba_hunet.phantom import PhantomSettings, make_phantom

    settings = PhantomSettings(seed=seed)
    if count is not None:
        settings = replace(settings, lesions=replace(settings.lesions, count=count))
    if lesion_free:
        settings = settings.without_lesions()
    scan = replace(settings.scan, spacing_mm=spacing_mm, brain_extracted=brain_extracted)
    made = make_phantom(replace(settings, scan=scan))
    flair, truth = _write(made, output, with_dicom=dicom)
    found = f"{len(truth.lesions)} lesions, {truth.total_volume_ml:.2f} ml"
    click.echo(f"{flair}: a synthetic scan with {found}. {RESEARCH_USE_ONLY}")


def _write(made: Phantom, folder: Path, *, with_dicom: bool) -> tuple[Path, LesionSet]:
    """Write the files; returns the scan's path and its lesions. Raises InputError when it cannot."""
    import nibabel as nib
    import numpy as np
    from hunet_client.errors import InputError
    from hunet_client.lesions import find_lesions

    flair = folder / "flair.nii.gz"
    # Slivers that a sulcus cuts off a lesion are no lesions, here as in what `hunet segment` writes.
    truth = find_lesions(made.lesions.astype(np.float32), made.affine, made.spacing_mm)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, voxels in ((flair, made.flair), (folder / "lesions.nii.gz", truth.mask)):
            image = nib.Nifti1Image(voxels, made.affine)
            image.header.set_xyzt_units("mm")
            image.header["descrip"] = b"Synthetic FLAIR, research use only"
            nib.save(image, path)
        (folder / "truth.json").write_text(json.dumps(_truth(made, truth), indent=2) + "\n")
        (folder / "preview.png").write_bytes(_preview(made, truth))
        if with_dicom:
            _write_dicom(made, folder / "dicom")
    except OSError as exc:
        raise InputError(str(folder), f"cannot be written: {exc.strerror}", "Name another --output") from exc
    return flair, truth


def _write_dicom(made: Phantom, folder: Path) -> None:
    """The scan as a DICOM series, its rows and columns as scanners have them: to the left and to the back."""
    import nibabel as nib
    import numpy as np
    from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform

    from mamba_hunet.phantom.dicom_series import write_mr_series

    turn = ornt_transform(io_orientation(made.affine), axcodes2ornt(("L", "P", "S")))
    turned = nib.Nifti1Image(made.flair, made.affine).as_reoriented(turn)
    write_mr_series(folder, np.asarray(turned.dataobj), np.asarray(turned.affine))


def _truth(made: Phantom, truth: LesionSet) -> dict[str, Any]:
    """What truth.json holds: the true lesions as they lie in the mask, and as they were drawn."""
    return {
        "notice": f"Synthetic scan. {RESEARCH_USE_ONLY}",
        "shape": list(made.flair.shape),
        "spacing_mm": list(made.spacing_mm),
        "lesion_count": len(truth.lesions),
        "total_volume_ml": round(truth.total_volume_ml, 6),
        "lesions": [
            {
                "index": lesion.index,
                "volume_ml": round(lesion.volume_ml, 6),
                "centroid_mm": list(lesion.centroid_mm),
            }
            for lesion in truth.lesions
        ],
        "drawn": [
            {
                "kind": lesion.kind,
                "centre_mm": lesion.centre_mm.tolist(),
                "semi_axes_mm": lesion.semi_axes_mm.tolist(),
                "contrast": lesion.contrast,
            }
            for lesion in made.placed
        ],
        "settings": asdict(made.settings),
    }


def _preview(made: Phantom, truth: LesionSet) -> bytes:
    from hunet_client.overlay import Caption, overlay_png

    return overlay_png(
        made.flair,
        truth,
        affine=made.affine,
        spacing_mm=made.spacing_mm,
        slice_axis=2,
        window=(0.0, 1.75 * made.settings.scan.white_matter_level),
        caption=Caption(f"phantom, seed {made.settings.seed}", "the truth"),
    )
