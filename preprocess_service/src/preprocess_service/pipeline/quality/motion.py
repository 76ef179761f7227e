"""Traces of movement: ghosts of the head in the air beside it, and slices that do not continue their neighbours."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from preprocess_service.pipeline.quality.coarse_head import CoarseHead
from preprocess_service.pipeline.quality.samples import SampledSlice

# Blocks about the head that are not counted as air: blur, and skin under the outline's threshold.
_MARGIN_BLOCKS = 2
_MIN_AIR_BLOCKS = 50
# Air that was set to zero, by the scanner or by brain extraction, holds no ghosts to see.
_AIR_SIGNAL = 1e-3
_MIN_AIR_SIGNAL_SHARE = 0.02
_TISSUE = (0.6, 1.5)
_MIN_PIXELS = 100


def measure_ghosting(head: CoarseHead, slice_axis: int) -> float | None:
    """Signal in the air beside the head along one in-plane axis over that elsewhere, relative to tissue.

    Ghosts lie along the phase-encoding axis; noise is in all of the air alike. None without air.
    """
    values, mask, core = (np.moveaxis(volume, slice_axis, 0) for volume in (head.values, head.head, head.core))
    sums = {"rows": 0.0, "columns": 0.0, "corners": 0.0}
    counts = dict.fromkeys(sums, 0)
    with_signal = 0
    for plane in np.flatnonzero(core.any(axis=(1, 2))):
        near = ndimage.binary_dilation(mask[plane], iterations=_MARGIN_BLOCKS)
        beside_rows, beside_columns = near.any(axis=0)[None, :], near.any(axis=1)[:, None]
        regions = {
            "rows": ~near & beside_rows & ~beside_columns,
            "columns": ~near & beside_columns & ~beside_rows,
            "corners": ~near & ~beside_rows & ~beside_columns,
        }
        for name, region in regions.items():
            air = np.maximum(values[plane][region], 0)
            sums[name] += float(air.sum())
            counts[name] += air.size
            with_signal += int((air > _AIR_SIGNAL).sum())
    means = [sums[name] / count for name, count in counts.items() if count >= _MIN_AIR_BLOCKS]
    if len(means) < 2 or with_signal < _MIN_AIR_SIGNAL_SHARE * sum(counts.values()):
        return None
    return max(means) - min(means)


def slice_disagreement(sample: SampledSlice) -> float | None:
    """How much a slice departs from the mean of its neighbours, relative to the same in the slice's own plane.

    The distance is the same in all directions, so anatomy and noise give about 1, whatever the resolution; movement
    between slices, and slices of uneven brightness, give more. None without neighbours or enough tissue.
    """
    middle, core = sample.middle, sample.core
    if sample.before is None or sample.after is None:
        return None
    across = _departure(middle, sample.before, sample.after, core)
    along = [
        _departure(middle, np.roll(middle, lag, axis), np.roll(middle, -lag, axis), core)
        for axis, lag in enumerate(sample.lag)
    ]
    if across is None or along[0] is None or along[1] is None or not along[0] * along[1] > 0:
        return None
    return across / float(np.sqrt(along[0] * along[1]))


def _departure(
    middle: npt.NDArray[np.float32],
    one: npt.NDArray[np.float32],
    other: npt.NDArray[np.float32],
    core: npt.NDArray[np.bool_],
) -> float | None:
    """Median of |middle - mean of the two neighbours| where all three are tissue of the core."""
    low, high = _TISSUE
    tissue = core.copy()
    for values in (middle, one, other):
        tissue &= (values > low) & (values < high)
    if tissue.sum() < _MIN_PIXELS:
        return None
    return float(np.median(np.abs(middle[tissue] - (one[tissue] + other[tissue]) / 2)))
