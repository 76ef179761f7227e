"""Multiple-sclerosis lesions: where they lie, how they are shaped, how bright they are."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mamba_hunet.phantom.anatomy import Anatomy
from mamba_hunet.phantom.noise import RandomField
from mamba_hunet.phantom.settings import LesionSettings

Array = NDArray[np.floating]

CANDIDATES = 60_000
# Septum and third ventricle, nearer to the midline than this, grow no lesions.
MIDLINE_MM = 10.0
# The box that candidates are drawn from, in the coordinates of the average head.
SEARCH_LOW_MM, SEARCH_HIGH_MM = (-62.0, -98.0, -58.0), (62.0, 64.0, 70.0)


@dataclass(frozen=True, eq=False)
class PlacedLesion:
    """An ellipsoid with an irregular surface. ``centre_mm``: (3,) world mm; ``axes``: (3, 3) unit rows.

    ``semi_axes_mm``: half lengths along the rows; ``contrast``: intensity over white matter.
    """

    kind: str
    centre_mm: Array
    axes: Array
    semi_axes_mm: Array
    contrast: float

    @property
    def reach_mm(self) -> float:
        return 1.4 * float(self.semi_axes_mm.max()) + 2.0

    def distance_mm(self, points: Array, roughness: RandomField) -> Array:
        """Signed distance in mm to the lesion's surface at points (n, 3), negative inside."""
        local = (points - self.centre_mm) @ self.axes.T / self.semi_axes_mm
        radius = np.sqrt((local**2).sum(axis=1))
        rough = 0.16 * roughness(points[:, 0], points[:, 1], points[:, 2])
        smallest = float(self.semi_axes_mm.min())
        return ((radius - 1.0 - rough) * smallest).astype(np.float32)


def place_lesions(anatomy: Anatomy, settings: LesionSettings, rng: np.random.Generator) -> tuple[PlacedLesion, ...]:
    """Draw lesions one by one, each where its kind belongs and where the others leave room."""
    if settings.count == 0:
        return ()
    sites = _Sites(anatomy, rng)
    shares = {
        "periventricular": settings.periventricular_share,
        "juxtacortical": settings.juxtacortical_share,
        "deep": settings.deep_share,
        "infratentorial": settings.infratentorial_share,
    }
    kinds, weights = list(shares), np.array(list(shares.values()))
    placed: list[PlacedLesion] = []
    for _ in range(8 * settings.count):
        if len(placed) == settings.count:
            break
        kind = str(rng.choice(kinds, p=weights / weights.sum()))
        lesion = sites.draw(kind, settings, rng)
        if lesion is not None and all(_gap_mm(lesion, other) >= settings.gap_mm for other in placed):
            placed.append(lesion)
    return tuple(placed)


class _Sites:
    """Random points in the brain, sorted by the kinds of lesion that grow there."""

    def __init__(self, anatomy: Anatomy, rng: np.random.Generator) -> None:
        self._anatomy = anatomy
        self._points = rng.uniform(SEARCH_LOW_MM, SEARCH_HIGH_MM, (CANDIDATES, 3)).astype(np.float32)
        x, y, z = anatomy.place(*self._points.T)
        hulls = anatomy.hulls(x, y, z)
        tissue = anatomy.tissue(x, y, z, hulls)
        self._ventricle_mm, self._pial_mm = tissue.ventricle_mm, tissue.pial_mm
        self._hindbrain_depth_mm = -np.minimum(hulls.cerebellum, hulls.stem)
        above = (tissue.hindbrain < 0.05) & (tissue.fluid < 0.05) & (hulls.cerebrum < -5.0) & (z > -12.0)
        lateral = np.abs(x) > MIDLINE_MM
        white = above & lateral & (tissue.deep_grey < 0.1) & (tissue.pallidum < 0.1)
        subcortical = (self._pial_mm > 2.5) & (self._pial_mm < 5.0)
        self._where = {
            "periventricular": white & (self._ventricle_mm < 9.0) & (self._pial_mm > 4.0) & (z < 34.0),
            "juxtacortical": white & subcortical & (self._ventricle_mm > 8.0),
            "deep": white & (self._ventricle_mm > 9.0) & (self._pial_mm > 6.0),
            "infratentorial": (self._hindbrain_depth_mm > 6.0) & (z > -58.0) & (tissue.fluid < 0.2),
        }

    def draw(self, kind: str, settings: LesionSettings, rng: np.random.Generator) -> PlacedLesion | None:
        low, high = settings.diameter_mm
        # Small lesions are the most frequent.
        diameter = low + (high - low) * float(rng.beta(1.1, 2.0))
        stretch, flatten = (1.9, 0.85) if kind == "periventricular" else (1.25, 0.95)
        stretch *= float(rng.uniform(0.8, 1.25))
        across = 1.0 / np.sqrt(stretch)
        semi_axes = 0.5 * diameter * np.array([stretch, flatten * across, across / flatten])
        allowed = self._where[kind]
        if kind == "deep":
            allowed = allowed & (self._pial_mm > 2.0 + semi_axes[1])
        sites = np.flatnonzero(allowed)
        if len(sites) == 0:
            return None
        centre = self._points[rng.choice(sites)]
        direction: Array = rng.standard_normal(3)
        if kind == "periventricular":
            # A finger stands on the ventricle's wall, upright.
            direction = self._away_from_ventricle(centre)
            centre = self._nearest_wall(centre, direction) + np.float32(0.85 * semi_axes[0]) * direction
            if abs(float(self._anatomy.place(*centre)[0])) < MIDLINE_MM:
                return None
        return PlacedLesion(
            kind=kind,
            centre_mm=centre,
            axes=_frame(direction),
            semi_axes_mm=semi_axes.astype(np.float32),
            contrast=float(rng.uniform(*settings.contrast)),
        )

    def _away_from_ventricle(self, centre: Array) -> Array:
        """Unit vector (3,) along which the distance to the ventricles grows fastest."""
        steps = np.concatenate([np.eye(3), -np.eye(3)]).astype(np.float32)
        distance = self._anatomy.ventricle_mm(*self._anatomy.place(*(centre + steps).T))
        slope = distance[:3] - distance[3:]
        return slope / max(float(np.linalg.norm(slope)), 1e-6)

    def _nearest_wall(self, centre: Array, away: Array) -> Array:
        """The first point of the ventricle's wall (3,) on the way back from ``centre``."""
        path = centre - np.arange(0.0, 25.0, 0.25, dtype=np.float32)[:, None] * away
        distance = self._anatomy.ventricle_mm(*self._anatomy.place(*path.T))
        return path[int(np.argmax(distance < 0.5))]


def _frame(direction: Array) -> Array:
    """(3, 3) orthonormal rows, the first along ``direction``."""
    first = direction / max(float(np.linalg.norm(direction)), 1e-6)
    helper = np.eye(3)[np.argmin(np.abs(first))]
    second = np.cross(first, helper)
    second /= np.linalg.norm(second)
    return np.stack([first, second, np.cross(first, second)]).astype(np.float32)


def _gap_mm(a: PlacedLesion, b: PlacedLesion) -> float:
    """Room between two lesions along the line of their centres, mm; negative where they overlap."""
    between = b.centre_mm - a.centre_mm
    distance = float(np.linalg.norm(between))
    along = between / max(distance, 1e-6)
    extents = (np.linalg.norm((lesion.axes @ along) * lesion.semi_axes_mm) for lesion in (a, b))
    return distance - 1.15 * float(sum(extents))
