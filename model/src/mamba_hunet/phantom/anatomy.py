"""Where each tissue of the brain lies: a head as signed distances in MNI-like millimetres.

Axes are RAS+, with the anterior commissure near the origin.

The cortex is folded by a random field: sulci are the sheets where the field is zero, stretched along the
radius of each hemisphere so that they cut inwards, cerebrospinal fluid in their middle and a ribbon of grey
matter on both sides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mamba_hunet.phantom.noise import band_noise, distance_to_zero
from mamba_hunet.phantom.settings import ShapeSettings
from mamba_hunet.phantom.shapes import ellipsoid, inside, smooth_intersection, smooth_union, tube

Array = NDArray[np.floating]

# Width of the ramp between two tissues; the finer part of partial volume comes from the image grid.
EDGE_MM = 0.9
# Thickness of a leaf of the cerebellum, with the fluid beside it.
LEAF_MM = 4.6

VENTRICLE_PATH = (
    (15.0, 31.0, 4.0),
    (10.0, 22.0, 9.0),
    (6.0, 4.0, 16.0),
    (9.0, -18.0, 21.0),
    (19.0, -33.0, 17.0),
    (25.0, -44.0, 10.0),
)
VENTRICLE_RADII = (1.5, 3.2, 3.2, 3.4, 4.0, 4.0)
OCCIPITAL_HORN = ((26.0, -45.0, 9.0), (25.0, -56.0, 6.0), (21.0, -68.0, 4.0))
TEMPORAL_HORN = ((26.0, -45.0, 9.0), (34.0, -34.0, -6.0), (31.0, -12.0, -20.0))


@dataclass(frozen=True, eq=False)
class Hulls:
    """Signed distances in mm to smooth surfaces: of cerebrum, cerebellum, brain stem, all three together,
    and of the skull's inside."""

    cerebrum: Array
    cerebellum: Array
    stem: Array
    brain: Array
    intracranial: Array

    def at(self, index: NDArray[np.intp]) -> Hulls:
        """The same distances at some of the points."""
        chosen = (self.cerebrum, self.cerebellum, self.stem, self.brain, self.intracranial)
        return Hulls(*(distance[index] for distance in chosen))


@dataclass(frozen=True, eq=False)
class BrainTissue:
    """Shares in [0, 1] of each tissue at some points, and distances in mm that lesions are placed by.

    ``cortex``, ``deep_grey``, ``pallidum``, ``cerebellum_grey``: grey matter by kind; the rest of the
    parenchyma is white matter. ``fluid``: cerebrospinal fluid, painted over all of them; ``choroid``: plexus
    within the ventricles. ``ventricle_mm``: signed distance to the lateral ventricles; ``pial_mm``: depth
    below the folded surface.
    """

    cortex: Array
    deep_grey: Array
    pallidum: Array
    cerebellum_grey: Array
    hindbrain: Array
    fluid: Array
    choroid: Array
    ventricle_mm: Array
    pial_mm: Array


class Anatomy:
    """One head. Points are arrays x, y, z (n,) in world mm."""

    def __init__(self, shape: ShapeSettings, rng: np.random.Generator) -> None:
        self._shape = shape
        folds = band_noise(rng, shape.fold_wavelength_mm, spacing_mm=3.0, size=64)
        self._sulcus = distance_to_zero(folds, limit_mm=12.0)
        self._fine_sulcus = distance_to_zero(band_noise(rng, 0.62 * shape.fold_wavelength_mm), limit_mm=8.0)
        self._bend = band_noise(rng, 42.0, spacing_mm=4.0, size=48)
        self._folia = band_noise(rng, 30.0, spacing_mm=4.0, size=48)
        self._phases = rng.uniform(0, 2 * np.pi, 6).astype(np.float32)

    def place(self, x: Array, y: Array, z: Array) -> tuple[Array, Array, Array]:
        """From world mm to the coordinates of the average head: scaled and gently bent."""
        sx, sy, sz = self._shape.scale
        x, y, z = x / np.float32(sx), y / np.float32(sy), z / np.float32(sz)
        p, bend = self._phases, np.float32(0.6 * self._shape.warp_mm)
        return (
            x + bend * (np.sin(0.031 * y + p[0]) + 0.7 * np.sin(0.047 * z + p[1])),
            y + bend * (np.sin(0.037 * z + p[2]) + 0.7 * np.sin(0.043 * x + p[3])),
            z + bend * (np.sin(0.035 * x + p[4]) + 0.7 * np.sin(0.041 * y + p[5])),
        )

    def hulls(self, x: Array, y: Array, z: Array) -> Hulls:
        """Points in the coordinates that ``place`` returns, as everywhere below."""
        side = np.abs(x)
        # Seen from above the head is an egg: narrower in front.
        upper = ellipsoid(side / (1.0 - 0.0011 * (y + 17.0)), y, z, (0, -17, 16), (65.5, 87, 61))
        base = -26.0 + 8.0 * inside(y + 20.0, 60.0) + 0.006 * np.maximum(side - 12.0, 0.0) ** 2
        upper = smooth_intersection(upper, (base - z).astype(np.float32), 8.0)
        temporal = ellipsoid(side, y, z, (41, -12, -21), (26, 43, 22), pitch=0.24)
        cerebrum = smooth_union(upper, temporal, 6.0)
        lobes = ellipsoid(side, y, z, (23, -66, -38), (29, 27, 20))
        vermis = ellipsoid(side, y, z, (0, -60, -26), (17, 22, 25))
        cerebellum = smooth_union(lobes, vermis, 7.0)
        # The tentorium, a fold of dura, lies between them.
        cerebrum = np.maximum(cerebrum, 2.2 - cerebellum)
        stem = smooth_union(
            ellipsoid(x, y, z, (0, -24, -31), (20, 13, 14)),
            tube(0.8 * x, y, z, ((0, -21, -8), (0, -27, -38), (0, -38, -70), (0, -40, -110)), (12.5, 11, 8, 6)),
            5.0,
        )
        brain = np.minimum(np.minimum(cerebrum, cerebellum), stem)
        base_cistern = ellipsoid(x, y, z, (0, -8, -20), (30, 32, 14))
        cavity = smooth_union(smooth_union(cerebrum, cerebellum, 14.0), base_cistern, 10.0)
        cavity = smooth_union(cavity, stem - 2.0, 6.0) - 2.0
        return Hulls(cerebrum, cerebellum, stem, brain, cavity)

    def tissue(self, x: Array, y: Array, z: Array, hulls: Hulls) -> BrainTissue:
        side = np.abs(x)
        ventricle_mm = self.ventricle_mm(x, y, z)
        pial_mm = self._pial_depth(x, y, z, hulls)
        hindbrain_mm = np.minimum(hulls.cerebellum, hulls.stem)
        hindbrain = inside(hindbrain_mm, EDGE_MM)

        cortex = inside(pial_mm - self._shape.cortex_mm, EDGE_MM) * (1.0 - hindbrain)
        deep_grey, pallidum = self._deep_grey(side, y, z)
        folia, cerebellum_grey = self._cerebellum(x, y, z, hulls)

        fluid = inside(pial_mm, EDGE_MM)
        # A ring of fluid (cisterns) parts brain stem and cerebellum from the cerebrum around them.
        ring = inside(np.abs(hindbrain_mm - 1.2) - 1.2, EDGE_MM)
        cistern = ring * inside(z + 4.0, 8.0) * np.maximum(inside(z + 14.0, 8.0), inside(y + 22.0, 10.0))
        fluid = np.maximum(fluid, cistern) * (1.0 - hindbrain)
        fluid = np.maximum(fluid, folia)
        third = ellipsoid(x, y, z, (0, -12, -2), (1.6 + self._shape.ventricle_radius, 14, 10))
        fourth = ellipsoid(x, y, z, (0, -45, -33), (7, 4.5, 9))
        midline_fluid = inside(np.minimum(third, fourth), EDGE_MM)
        fluid = np.maximum(np.maximum(fluid, midline_fluid), inside(ventricle_mm, EDGE_MM))
        choroid = inside(ellipsoid(side, y, z, (24, -42, 11), (3.0, 5.5, 3.5)), 1.5)
        return BrainTissue(
            cortex=cortex,
            deep_grey=deep_grey,
            pallidum=pallidum,
            cerebellum_grey=hindbrain * cerebellum_grey,
            hindbrain=hindbrain,
            fluid=fluid,
            choroid=choroid,
            ventricle_mm=ventricle_mm,
            pial_mm=pial_mm,
        )

    def ventricle_mm(self, x: Array, y: Array, z: Array) -> Array:
        """Signed distance in mm to the lateral ventricles."""
        side = np.abs(x)
        width = self._shape.ventricle_radius
        # Frontal horns and bodies are slits, taller than wide.
        slit = [(px, py, 0.5 * pz) for px, py, pz in VENTRICLE_PATH]
        body = tube(side, y, np.float32(0.5) * z, slit, [r * width for r in VENTRICLE_RADII])
        # The septum keeps the two apart.
        body = np.maximum(body, 0.9 - side)
        occipital = tube(side, y, z, OCCIPITAL_HORN, (5.5 * width, 3.2 * width, 1.2))
        temporal = tube(side, y, z, TEMPORAL_HORN, (3.5 * width, 2.0 * width, 1.5 * width))
        return smooth_union(smooth_union(body, occipital, 3.0), temporal, 3.0)

    def _pial_depth(self, x: Array, y: Array, z: Array, hulls: Hulls) -> Array:
        """Depth in mm below the folded surface of the cerebrum; negative in the fluid outside it."""
        shape = self._shape
        side = np.abs(x)
        depth = -hulls.cerebrum
        # The two hemispheres part along the midline, save where corpus callosum and thalami join them.
        joined = ellipsoid(x, y, z, (0, -9, 4), (40, 37, 23))
        joined = np.minimum(joined, ellipsoid(x, y, z, (0, -22, -10), (40, 18, 22)))
        fissure = _through(side - 0.5 * shape.sulcus_width_mm - 0.1, -joined)
        surface = np.minimum(depth, fissure)
        # Sulci of the medial wall are shallower.
        reach = np.minimum(depth, 1.7 * fissure)

        # Hemisphere centred coordinates, projected most of the way to a shell: sheets there run radially.
        centre = np.where(x < 0, np.float32(-30), np.float32(30))
        hx, hy, hz = x - centre, y + 17.0, z - 12.0
        radius = np.sqrt((hx / 36.0) ** 2 + (hy / 86.0) ** 2 + (hz / 58.0) ** 2)
        pull = np.maximum(radius, 0.25) ** np.float32(-0.6)
        wander = self._bend(x, y, z)
        bend = np.float32(4.0) * wander
        px, py, pz = centre + hx * pull + bend, hy * pull - 17.0 + bend, hz * pull + 12.0 - bend

        half_width = 0.5 * shape.sulcus_width_mm * (0.75 + 1.2 * np.exp(-np.maximum(surface, 0.0) / 3.5))
        end = shape.sulcus_depth_mm * (1.0 - 0.25 * wander)
        sulcus = _through(np.abs(self._sulcus(px, py, pz)) - half_width, reach - end)
        fine = _through(np.abs(self._fine_sulcus(px, py, pz)) - 0.7 * half_width, reach - 0.3 * end)
        folded = np.minimum(np.minimum(surface, sulcus), fine)
        return np.minimum(folded, self._sylvian(side + bend, y, z + 1.5 * bend, shape.sulcus_width_mm))

    @staticmethod
    def _sylvian(side: Array, y: Array, z: Array, width_mm: float) -> Array:
        """The lateral fissure and, at its floor, the fluid over the insula."""
        rise = z - (-3.0 - 0.42 * (y - 5.0))
        cleft = _through(np.abs(rise) - 0.9 * width_mm, np.maximum(37.0 - side, np.abs(y + 8.0) - 30.0))
        floor = np.abs(side - 38.5 - 0.008 * (y - 2.0) ** 2) - 0.7 * width_mm
        insula = _through(floor, np.maximum(np.abs(y - 0.0) - 20.0, np.abs(rise) - 14.0))
        return np.minimum(cleft, insula)

    @staticmethod
    def _deep_grey(side: Array, y: Array, z: Array) -> tuple[Array, Array]:
        thalamus = ellipsoid(side, y, z, (11, -18, 7), (8.5, 14, 9))
        caudate = tube(side, y, z, ((12, 20, 2), (14, 10, 13), (17, -8, 20), (20, -22, 22)), (6, 5, 3, 2))
        putamen = ellipsoid(side + 0.16 * (y - 4.0), y, z, (27, 3, 2), (5.5, 15, 10))
        pallidum = ellipsoid(side + 0.20 * (y + 4.0), y, z, (20, -4, 0), (3.5, 8.5, 6.5))
        grey = np.minimum(np.minimum(thalamus, caudate), putamen)
        return inside(grey, 2.0), inside(pallidum, 2.0)

    def _cerebellum(self, x: Array, y: Array, z: Array, hulls: Hulls) -> tuple[Array, Array]:
        """Shares of fluid between the leaves (folia) of the cerebellum, and of its grey matter."""
        fluid, grey = np.zeros_like(x), np.zeros_like(x)
        near = np.flatnonzero(hulls.cerebellum < 1.0)
        x, y, z, depth = x[near], y[near], z[near], -hulls.cerebellum[near]
        wander = self._folia(x, y, z)
        # Leaves lie like shells about the roof of the fourth ventricle.
        layer = np.sqrt(0.55 * x * x + (y + 38.0) ** 2 + 1.5 * (z + 24.0) ** 2) + 1.3 * wander
        line = np.clip(np.cos(layer * np.float32(2 * np.pi / LEAF_MM)) - 0.45, 0.0, 1.0)
        fluid[near] = line * np.clip(1.1 - depth / 14.0, 0.0, 1.0) * inside(-depth, EDGE_MM)
        white = inside(11.0 + 3.0 * wander - depth, 4.0)
        grey[near] = inside(-depth - hulls.stem[near], 2.0) * (1.0 - white)
        return fluid, grey


def _through(sheet_mm: Array, end_mm: Array) -> Array:
    """Distance to a cleft that is ``sheet_mm`` away across and goes on while ``end_mm`` is negative."""
    beyond = np.maximum(end_mm, 0.0)
    across = np.maximum(sheet_mm, 0.0)
    return np.where(beyond > 0.0, np.sqrt(across * across + beyond * beyond), sheet_mm)
