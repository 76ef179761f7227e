"""A data folder of the usual layout, small, made here."""

from pathlib import Path

import nibabel
import numpy as np
import pytest


def write_case(folder: Path, seed: int, shape: tuple[int, int, int] = (48, 56, 6)) -> None:
    """An ellipsoid of tissue with one bright and even spot, which is the lesion: about 5 in units of z."""
    rng = np.random.default_rng(seed)
    i, j, _ = np.indices(shape)
    head = ((i - shape[0] / 2) / 18) ** 2 + ((j - shape[1] / 2) / 22) ** 2 < 1
    lesions = np.zeros(shape, np.uint8)
    lesions[20:26, 24:30, 2:4] = 1
    texture = 15 * rng.standard_normal(shape) * (lesions == 0)
    flair = head * (200 + texture) + lesions * 75 + np.abs(rng.standard_normal(shape))
    folder.mkdir(parents=True)
    affine = np.diag([-3.0, 3.0, 4.0, 1.0])
    for name, array in (("flair", flair.astype(np.int16)), ("lesions", lesions)):
        image = nibabel.Nifti1Image(array, affine)
        image.header.set_xyzt_units("mm")
        nibabel.save(image, folder / f"{name}.nii.gz")


@pytest.fixture
def data_folder(tmp_path: Path) -> Path:
    """Two sources; patient a has two scans."""
    folder = tmp_path / "data"
    rows = ["source,case,patient,split,licence"]
    for number, (source, case, patient, split) in enumerate(
        [
            ("north", "a1", "a", "train"),
            ("north", "a2", "a", "train"),
            ("north", "b1", "b", "val"),
            ("south", "c1", "c", "train"),
        ]
    ):
        write_case(folder / source / case, number)
        rows.append(f"{source},{case},{patient},{split},CC-BY")
    (folder / "cases.csv").write_text("\n".join(rows))
    return folder
