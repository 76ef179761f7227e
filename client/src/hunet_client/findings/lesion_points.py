"""The lesions of a mask, as the report numbers them, and their voxels' places."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hunet_client.lesions import LesionSet, find_lesions
from hunet_client.report import Report


def lesions_of(mask: NDArray, affine: NDArray[np.float64], report: Report) -> LesionSet:
    """The connected groups of a mask, numbered as in its report. mask: (i, j, k), lesion where it is not 0.

    Raises ValueError when mask and report are not of one scan and one result.
    """
    if mask.shape != report.input.shape:
        raise ValueError(f"mask {mask.shape} and report {report.input.shape} are not of one grid")
    found = find_lesions((mask > 0).astype(np.float32), affine, report.input.spacing_mm, min_lesion_ml=0.0)
    if [lesion.voxels for lesion in found.lesions] != [lesion.voxels for lesion in report.lesions]:
        raise ValueError("the mask's lesions are not those of the report")
    return found


def points_of_each(found: LesionSet, affine: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """For each lesion, in order, its voxels' centres, (n, 3) in RAS+ mm."""
    voxels = np.argwhere(found.labels)
    index = found.labels[tuple(voxels.T)]
    order = np.argsort(index, kind="stable")
    points = voxels[order] @ affine[:3, :3].T + affine[:3, 3]
    ends = np.cumsum([lesion.voxels for lesion in found.lesions])
    return np.split(points, ends[:-1]) if found.lesions else []
