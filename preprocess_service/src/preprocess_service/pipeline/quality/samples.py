"""A few slices of brain at full resolution, each with its neighbours: what the fine measurements are made on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from preprocess_service.pipeline.quality.coarse_head import CoarseHead
from preprocess_service.pipeline.scan import Scan

_MAX_SLICES = 12
# Smallest part of a slice that is worth measuring, in blocks of the coarse head.
_MIN_BLOCKS = 12


@dataclass(frozen=True, slots=True, eq=False)
class SampledSlice:
    """The core's part of a slice and of its two neighbours, along the scan's own axes.

    before, middle, after: (rows, columns) float32, relative to tissue's grey value; the outer two are None at the
    ends of the scan. core: bool. lag: voxels along rows and columns that are about as far apart as
    neighbouring slices.
    """

    before: npt.NDArray[np.float32] | None
    middle: npt.NDArray[np.float32]
    after: npt.NDArray[np.float32] | None
    core: npt.NDArray[np.bool_]
    lag: tuple[int, int]


def sample_slices(scan: Scan, head: CoarseHead, slice_axis: int, tissue_value: float) -> Iterator[SampledSlice]:
    """Slices spread evenly over the core of the head, one at a time."""
    volume = np.moveaxis(scan.data, slice_axis, 0)
    core = np.moveaxis(head.core, slice_axis, 0)
    block = (head.block[slice_axis], *(size for axis, size in enumerate(head.block) if axis != slice_axis))
    slice_mm = scan.spacing_mm[slice_axis]
    row_mm, column_mm = (mm for axis, mm in enumerate(scan.spacing_mm) if axis != slice_axis)
    lag = (max(1, round(slice_mm / row_mm)), max(1, round(slice_mm / column_mm)))

    planes = np.flatnonzero(core.sum(axis=(1, 2)) >= _MIN_BLOCKS)
    chosen = planes[np.unique(np.linspace(0, len(planes) - 1, min(_MAX_SLICES, len(planes))).astype(int))]
    for plane in chosen.tolist():
        row_blocks, column_blocks = (_extent(core[plane].any(axis=axis)) for axis in (1, 0))
        inside = core[plane][row_blocks, column_blocks].repeat(block[1], axis=0).repeat(block[2], axis=1)
        window = (
            slice(row_blocks.start * block[1], row_blocks.stop * block[1]),
            slice(column_blocks.start * block[2], column_blocks.stop * block[2]),
        )
        number = plane * block[0] + block[0] // 2
        before, middle, after = (
            volume[k][window] / np.float32(tissue_value) if 0 <= k < len(volume) else None
            for k in (number - 1, number, number + 1)
        )
        assert middle is not None
        yield SampledSlice(before, middle, after, inside, lag)


def _extent(occupied: npt.NDArray[np.bool_]) -> slice:
    places = np.flatnonzero(occupied)
    return slice(int(places[0]), int(places[-1]) + 1)
