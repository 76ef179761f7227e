"""Single slices published as pictures: no spacing, no affine, only grey levels.

The pixel size is estimated from the head's width: in adults close to 155 mm at the scalp, axially and coronally.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from preprocess_service.pipeline import Scan, scan_from_array
from scipy import ndimage

from mamba_hunet.data.cases import DataError

HEAD_WIDTH_MM = 155.0


def read_picture(flair: Path, truth: Path) -> tuple[Scan, NDArray[np.float32]]:
    """Reads a slice as a scan of one axial slice, with its truth (i, j, 1) in {0, 1} on the same grid.

    Raises:
        DataError: the two pictures differ in size.
    """
    grey = np.asarray(Picture.open(flair).convert("L"), dtype=np.float32)
    mask = np.asarray(Picture.open(truth).convert("L")) > 127
    if mask.shape != grey.shape:
        raise DataError(str(truth), f"is not of the size of {flair}", "Draw the mask on the picture itself")
    pixel_mm = HEAD_WIDTH_MM / _head_width(grey)
    # Rows run to the back and columns to the left in a picture; the scan's first axis is columns.
    affine = np.diag([-pixel_mm, -pixel_mm, 3.0, 1.0])
    scan = scan_from_array(grey.T[:, :, None], affine, file_name=str(flair))
    return scan, mask.T[:, :, None].astype(np.float32)


def _head_width(grey: NDArray[np.float32]) -> float:
    """Widest extent in pixels of the head's upper half; the lower half may show neck and shoulders."""
    labels, _ = ndimage.label(ndimage.gaussian_filter(grey, 2) > 0.1 * np.percentile(grey, 99))
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    head = labels == sizes.argmax()
    rows = np.flatnonzero(head.any(axis=1))
    upper = ndimage.binary_fill_holes(head)[rows[0] : rows[0] + max(1, len(rows) // 2)]
    return float(np.percentile(upper.sum(axis=1), 95))
