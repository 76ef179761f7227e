"""What surrounds the brain in a whole-head scan: skull, scalp, face, eyes, air."""

import numpy as np
from numpy.typing import NDArray

from mamba_hunet.phantom.anatomy import Hulls
from mamba_hunet.phantom.noise import band_noise
from mamba_hunet.phantom.settings import ContrastSettings, ShapeSettings
from mamba_hunet.phantom.shapes import ellipsoid, inside, smooth_union, tube

Array = NDArray[np.floating]

SKULL_MM = 5.5
EDGE_MM = 1.0


class Head:
    """Signal outside the brain's own tissue: inside the skull it is cerebrospinal fluid."""

    def __init__(self, shape: ShapeSettings, contrast: ContrastSettings, rng: np.random.Generator) -> None:
        self._shape, self._contrast = shape, contrast
        self._lobules = band_noise(rng, 11.0, octaves=0.6)
        self._bulk = band_noise(rng, 34.0, spacing_mm=4.0, size=48)

    def surface_mm(self, x: Array, y: Array, z: Array, hulls: Hulls) -> Array:
        """Signed distance in mm to the skin."""
        vault = hulls.intracranial - SKULL_MM - self._shape.scalp_mm
        face = ellipsoid(x, y, z, (0, 16, -62), (63, 76, 70))
        nose = ellipsoid(x, y, z, (0, 88, -50), (13, 22, 22))
        neck = tube(x, y, z, ((0, -30, -60), (0, -30, -140)), (60.0, 58.0))
        ears = ellipsoid(np.abs(x), y, z, (82, -28, -34), (6, 14, 26))
        lower = smooth_union(smooth_union(face, nose, 10.0), neck, 25.0)
        return np.minimum(smooth_union(vault, lower, 30.0), ears)

    def signal(self, x: Array, y: Array, z: Array, hulls: Hulls, surface_mm: Array) -> Array:
        """Signal relative to cortical grey matter, at points (n,) in the head."""
        c, side = self._contrast, np.abs(x)
        lobules, bulk = self._lobules(x, y, z), self._bulk(x, y, z)

        fatty = inside(0.9 - lobules - 0.5 * bulk, 0.5)
        signal = c.muscle * (1.0 + 0.12 * lobules)
        signal = _paint(signal, fatty, c.fat * 0.75)
        deep = inside(surface_mm + 14.0, 6.0) * inside(z + 25.0, 12.0)
        bony = inside(0.5 + lobules + 0.6 * bulk, 0.5) * deep
        signal = _paint(signal, bony, c.bone)
        signal = self._orbits(signal, side, y, z)
        signal = self._airways(signal, x, side, y, z, lobules)

        # Above the skull base, from the skin inwards: skin, fat of the scalp, then the skull below.
        scalp = inside(-surface_mm - 1.15 * self._shape.scalp_mm, 1.5)
        signal = _paint(signal, scalp, c.fat * (1.0 + 0.10 * bulk + 0.06 * lobules))
        signal = _paint(signal, inside(-surface_mm - 1.6, 1.0), 0.55 * c.muscle + 0.25 * c.fat)

        skull = inside(hulls.intracranial - SKULL_MM, EDGE_MM)
        signal = _paint(signal, skull, c.bone)
        diploe = inside(np.abs(hulls.intracranial - 3.6) - 0.9 - 0.5 * bulk, 1.2) * inside(-z - 8.0, 20.0)
        signal = _paint(signal, diploe, c.marrow * (1.0 + 0.2 * lobules))
        dura = inside(np.abs(hulls.intracranial + 0.3) - 0.35, 0.8)
        signal = _paint(signal, inside(hulls.intracranial, EDGE_MM), c.csf)
        signal = _paint(signal, 0.5 * dura, 0.6)
        return _paint(np.zeros_like(signal), inside(surface_mm, EDGE_MM), signal)

    def _orbits(self, signal: Array, side: Array, y: Array, z: Array) -> Array:
        c = self._contrast
        signal = _paint(signal, inside(ellipsoid(side, y, z, (28, 48, -35), (18, 30, 17)), 1.5), c.fat)
        muscles = np.abs(ellipsoid(side, y, z, (28, 44, -35), (11, 26, 11))) - 1.3
        signal = _paint(signal, inside(muscles, 1.2), 0.9)
        nerve = tube(side, y, z, ((31, 52, -35), (13, 16, -26)), (2.2, 2.2))
        signal = _paint(signal, inside(nerve, 1.2), 0.85)
        globe = ellipsoid(side, y, z, (32, 61, -35), (12.2, 12.2, 12.2))
        signal = _paint(signal, inside(globe, 1.0), 0.75)
        signal = _paint(signal, inside(globe + 1.4, 1.0), c.csf * 0.9)
        lens = ellipsoid(side, y, z, (32, 69, -35), (4.4, 2.2, 4.4))
        return _paint(signal, inside(lens, 1.0), 0.45)

    def _airways(self, signal: Array, x: Array, side: Array, y: Array, z: Array, lobules: Array) -> Array:
        nasal = ellipsoid(side, y, z, (0, 52, -50), (15, 34, 20))
        turbinates = inside(np.abs(side - 6.0 - lobules) - 1.6, 1.0)
        maxillary = ellipsoid(side, y, z, (29, 46, -64), (14, 16, 15))
        sphenoid = ellipsoid(side, y, z, (0, 14, -38), (13, 12, 9))
        frontal = ellipsoid(side, y, z, (0, 82, -14), (17, 5, 11))
        mastoid = ellipsoid(side, y, z, (53, -32, -40), (11, 15, 15))
        petrous = tube(side, y, z, ((56, -26, -36), (24, -8, -34)), (9.0, 5.0))
        throat = ellipsoid(side, y, z, (0, 6, -78), (13, 9, 34))
        cells = self._contrast.bone + 0.06 * lobules**2
        signal = _paint(signal, inside(np.minimum(mastoid, petrous), 3.0), cells)
        air = np.minimum(np.minimum(nasal, maxillary), np.minimum(sphenoid, np.minimum(frontal, throat)))
        signal = _paint(signal, inside(np.abs(air) - 0.8, 1.2), 0.8)
        signal = _paint(signal, inside(air + 1.0, 1.2), 0.02)
        return _paint(signal, inside(nasal + 2.0, 1.5) * turbinates, 0.75)


def _paint(signal: Array, share: Array, value: Array | float) -> Array:
    return signal + share * (value - signal)
