"""Slices published as pictures: a mask has to be drawn on the picture itself."""

from pathlib import Path

import numpy as np
import pytest
from mamba_hunet.data.cases import DataError
from mamba_hunet.data.pictures import HEAD_WIDTH_MM, read_picture
from PIL import Image


def write_slice(folder: Path, mask_side: int = 120) -> tuple[Path, Path]:
    rows, columns = np.indices((120, 120))
    head = 120 * (np.hypot((rows - 60) / 50, (columns - 60) / 40) < 1)
    mask = np.zeros((mask_side, mask_side), np.uint8)
    mask[50:60, 70:75] = 255
    Image.fromarray(head.astype(np.uint8)).save(folder / "flair.png")
    Image.fromarray(mask).save(folder / "lesions.png")
    return folder / "flair.png", folder / "lesions.png"


def test_the_head_is_as_wide_as_heads_are(tmp_path: Path):
    scan, truth = read_picture(*write_slice(tmp_path))
    assert scan.data.shape == truth.shape == (120, 120, 1)
    assert scan.spacing_mm[0] * 80 == pytest.approx(HEAD_WIDTH_MM, rel=0.1)
    assert truth[70:75, 50:60].all()
    assert truth.sum() == 50


def test_a_mask_of_another_size_is_refused_by_name(tmp_path: Path):
    with pytest.raises(DataError, match=r"lesions\.png.*size"):
        read_picture(*write_slice(tmp_path, mask_side=90))
