"""The average head of the phantom as small maps, by which the client finds its way in a scan.

    python -m mamba_hunet.phantom.atlas client/src/hunet_client/findings/atlas.npz

Computed from the phantom's geometry alone: no patient's data is in it.
"""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray

from mamba_hunet.phantom.anatomy import EDGE_MM, Anatomy
from mamba_hunet.phantom.settings import ContrastSettings, ShapeSettings
from mamba_hunet.phantom.shapes import inside, smooth_union

SPACING_MM = 3.0
LOW_MM, HIGH_MM = (-81.0, -120.0, -75.0), (81.0, 87.0, 93.0)
# Distances are stored in half millimetres, in one byte: beyond 63 mm nobody asks.
STEPS_PER_MM = 2.0
# The crease between brain stem and cerebellum, filled as the peduncles fill it, which the phantom does not have.
PEDUNCLES_MM = 24.0
# Heads whose folds are averaged; none of their sulci should be left in the signal.
HEADS = 8

Array = NDArray[np.floating]


def make_atlas() -> dict[str, NDArray]:
    """The arrays of ``atlas.npz``, all (i, j, k) on one grid.

    ``signal``: uint8, FLAIR-like, cortical grey matter is 200; dark outside the brain. ``brain_mm``, ``hindbrain_mm``,
    ``ventricle_mm``: int8, signed distances in half millimetres, negative inside, to the brain, to brain stem and
    cerebellum with the peduncles between them, to the lateral ventricles. ``affine``: (4, 4) to MNI-like RAS+ mm.
    """
    counts = [round((high - low) / SPACING_MM) + 1 for low, high in zip(LOW_MM, HIGH_MM, strict=True)]
    axes = [low + SPACING_MM * np.arange(count) for low, count in zip(LOW_MM, counts, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3).astype(np.float32)
    average = Anatomy(ShapeSettings(warp_mm=0.0), np.random.default_rng(0))
    x, y, z = average.place(*points.T)
    hulls = average.hulls(x, y, z)
    signal = np.mean([_signal(points, seed) for seed in range(HEADS)], axis=0)
    affine = np.diag([SPACING_MM, SPACING_MM, SPACING_MM, 1.0])
    affine[:3, 3] = LOW_MM
    return {
        "signal": np.rint(200.0 * signal).clip(0, 255).astype(np.uint8).reshape(counts),
        "brain_mm": _in_bytes(hulls.brain).reshape(counts),
        "hindbrain_mm": _in_bytes(smooth_union(hulls.cerebellum, hulls.stem, PEDUNCLES_MM)).reshape(counts),
        "ventricle_mm": _in_bytes(average.ventricle_mm(x, y, z)).reshape(counts),
        "affine": affine,
    }


def _in_bytes(distance_mm: Array) -> NDArray[np.int8]:
    return np.rint(STEPS_PER_MM * distance_mm).clip(-127, 127).astype(np.int8)


def _signal(points: Array, seed: int) -> Array:
    """Signal of one head without lesions, shading and noise, dark outside its brain; (n,)."""
    c = ContrastSettings()
    anatomy = Anatomy(ShapeSettings(), np.random.default_rng(seed))
    x, y, z = anatomy.place(*points.T)
    hulls = anatomy.hulls(x, y, z)
    tissue = anatomy.tissue(x, y, z, hulls)
    signal = np.full(len(points), c.white_matter, np.float32)
    for share, value in (
        (tissue.deep_grey, c.deep_grey),
        (tissue.cortex, 1.0),
        (tissue.cerebellum_grey, c.cerebellum),
        (tissue.fluid, c.csf),
    ):
        signal += share * (value - signal)
    return c.bone + inside(hulls.brain, EDGE_MM) * (signal - c.bone)


if __name__ == "__main__":
    np.savez_compressed(sys.argv[1], allow_pickle=False, **make_atlas())
