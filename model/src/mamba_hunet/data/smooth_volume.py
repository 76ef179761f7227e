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
    axes = [
        _spline_weights(start + np.arange(side, dtype=np.float32) / wavelength, count)
        for start, side, count in zip(starts, shape, knots, strict=True)
    ]
    # Dense products, though most weights are 0: they are what processors are fastest at.
    volume = np.einsum("abc,ia,jb,kc->ijk", coarse, *axes, optimize=True)
    # The mean square of the weights' sum is 151/315 along each axis.
    return np.asarray(volume / np.float32((151 / 315) ** 1.5), dtype=np.float32)


def _spline_weights(positions: NDArray[np.floating], knots: int) -> NDArray[np.float32]:
    """Weights (positions, knots) of the cubic B-splines about the knots."""
    base = positions.astype(int)
    t = (positions - base).astype(np.float32)
    near = ((1 - t) ** 3 / 6, (3 * t**3 - 6 * t**2 + 4) / 6, (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6, t**3 / 6)
    weights = np.zeros((len(positions), knots), np.float32)
    for offset, weight in enumerate(near):
        np.add.at(weights, (np.arange(len(positions)), np.minimum(base + offset, knots - 1)), weight)
    return weights
