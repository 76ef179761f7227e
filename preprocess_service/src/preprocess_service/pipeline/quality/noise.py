"""How far noise covers tissue."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from preprocess_service.pipeline.quality.samples import SampledSlice

_TISSUE = (0.5, 1.6)
_MIN_PIXELS = 100
# Standard deviation of a normal distribution over its median absolute deviation.
_NORMAL = 1.4826


def noise_level(sample: SampledSlice) -> float | None:
    """Standard deviation of the noise in a slice's brain, relative to tissue's grey value; None without tissue.

    The mask [[1, -2, 1], [-2, 4, -2], [1, -2, 1]] cancels whatever is linear in either direction, and the median of
    what is left does not see the few pixels at edges. Fine texture counts as noise, and noise that interpolation has
    smoothed is not seen. Source: Immerkaer, "Fast noise variance estimation", CVIU 1996, with a robust spread.
    """
    weights = [1.0, -2.0, 1.0]
    filtered = ndimage.correlate1d(ndimage.correlate1d(sample.middle, weights, axis=0), weights, axis=1)
    low, high = _TISSUE
    tissue = sample.core & (sample.middle > low) & (sample.middle < high)
    if tissue.sum() < _MIN_PIXELS:
        return None
    gain = sum(weight**2 for weight in weights)
    return float(_NORMAL * np.median(np.abs(filtered[tissue])) / gain)
