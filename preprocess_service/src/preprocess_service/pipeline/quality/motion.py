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
    """Part of the head's signal that comes back in the air along one in-plane axis, less that along the other.

    A ghost's brightness follows that of the head on the same line of the phase-encoding axis. So the air's signal is
    explained, by least squares, as a constant (noise) and a part of the mean signal of the head on each block's row
    and on its column. Blur about the head gives both parts alike and drops out. None without air.
    """
    values, mask, core = (np.moveaxis(volume, slice_axis, 0) for volume in (head.values, head.head, head.core))
    explaining, explained = [], []
    for plane in np.flatnonzero(core.any(axis=(1, 2))):
        air = ~ndimage.binary_dilation(mask[plane], iterations=_MARGIN_BLOCKS)
        signal = np.where(mask[plane], values[plane], 0)
        of_row, of_column = np.broadcast_arrays(signal.mean(axis=1)[:, None], signal.mean(axis=0)[None, :])
        explaining.append(np.stack([np.ones(air.sum()), of_row[air], of_column[air]], axis=1))
        explained.append(np.maximum(values[plane][air], 0))
    air_signal = np.concatenate(explained) if explained else np.empty(0)
    if air_signal.size < _MIN_AIR_BLOCKS or (air_signal > _AIR_SIGNAL).mean() < _MIN_AIR_SIGNAL_SHARE:
        return None
    _, along_rows, along_columns = np.linalg.lstsq(np.concatenate(explaining), air_signal, rcond=None)[0]
    return float(abs(along_rows - along_columns))


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
