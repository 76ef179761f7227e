"""Smooth random volumes: what varies slowly through a head."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mamba_hunet.data.template import Volume


def smooth_volume(rng: Generator, shape: tuple[int, ...], wavelength: float) -> Volume:
    """A smooth random volume of unit variance that varies over `wavelength` voxels."""
    knots = [int(np.ceil(side / wavelength)) + 3 for side in shape]
    coarse = rng.standard_normal(knots).astype(np.float32)
    starts = rng.uniform(0, 1, size=3)
    axes = [start + np.arange(side, dtype=np.float32) / wavelength for start, side in zip(starts, shape, strict=True)]
    for axis, positions in enumerate(axes):
        coarse = _interpolate(coarse, positions, axis)
    # The mean square of the weights' sum is 151/315 along each axis.
    return coarse / np.float32((151 / 315) ** 1.5)


def _interpolate(volume: Volume, positions: NDArray[np.floating], axis: int) -> Volume:
    """Cubic B-spline weights along one axis, so that the three axes together cost little more than one."""
    base = positions.astype(int)
    t = (positions - base).astype(np.float32)
    weights = ((1 - t) ** 3 / 6, (3 * t**3 - 6 * t**2 + 4) / 6, (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6, t**3 / 6)
    last = volume.shape[axis] - 1
    shape = [1] * volume.ndim
    shape[axis] = -1
    parts = (
        np.take(volume, np.minimum(base + offset, last), axis=axis) * weight.reshape(shape)
        for offset, weight in enumerate(weights)
    )
    return np.asarray(sum(parts), dtype=np.float32)
