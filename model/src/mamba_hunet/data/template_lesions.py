"""Lesions of multiple sclerosis drawn into a head's white matter."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from mamba_hunet.data.smooth_volume import smooth_volume
from mamba_hunet.data.template import FIRST_INFRATENTORIAL, Volume


@dataclass(frozen=True, eq=False)
class Tissue:
    """A head's anatomy, volumes (i, j, k) of one millimetre.

    ``fluid``, ``grey``, ``white``: shares inside the brain. ``brain``: 1 inside it, fluid and all. ``region``: AAL's
    number, or the brain stem's. ``ventricle_mm``: distance to the lateral ventricles;
    ``fourth_ventricle_mm``: to the fourth. ``pyramidal``, ``septum``: shares of the pyramidal tracts, and of septum and
    fornix.
    """

    fluid: Volume
    grey: Volume
    white: Volume
    brain: Volume
    region: NDArray[np.uint8]
    ventricle_mm: Volume
    fourth_ventricle_mm: Volume
    pyramidal: Volume
    septum: Volume


def draw_lesions(tissue: Tissue, rng: Generator) -> Volume:
    """Share of lesion in each voxel: ellipsoids with irregular borders, most of them small, placed as MS places them.

    Nearly half lie at the lateral ventricles, a third anywhere in white matter, the rest at the cortex and below the
    tentorium, there most of all at the fourth ventricle. In nearly one patient of two they have grown together round
    the lateral ventricles, in half of these far into white matter. One scan in five shows none.
    """
    share = np.zeros(tissue.white.shape, np.float32)
    if rng.random() < 0.2:
        return share
    candidates = [np.argwhere(site) for site in _sites(tissue)]
    # Bright septa are seen in health.
    where = np.clip(tissue.white + 0.7 * tissue.grey, 0, 1) * (1 - tissue.septum)
    if rng.random() < 0.45:
        supratentorial = tissue.region < FIRST_INFRATENTORIAL
        _add_confluence(share, where * supratentorial, tissue.ventricle_mm, rng)
        if rng.random() < 0.5:
            _add_deep_confluence(share, tissue.white * (1 - tissue.septum) * supratentorial, tissue.ventricle_mm, rng)
    typical_mm = 1.3 * 3.5 ** rng.random()
    for _ in range(int(2 ** rng.uniform(0.0, 6.8))):
        kind = int(rng.choice(5, p=[0.43, 0.33, 0.13, 0.06, 0.05]))
        if len(candidates[kind]):
            centre = candidates[kind][rng.integers(len(candidates[kind]))]
            radius = float(np.clip(typical_mm * np.exp(rng.normal(0, 0.55)), 0.9, 14.0))
            _add_ellipsoid(share, where, tissue.ventricle_mm, centre, radius, kind == 0, rng)
    return share


def _sites(tissue: Tissue) -> tuple[NDArray[np.bool_], ...]:
    """Where lesions begin: at the lateral ventricles, anywhere, at the cortex, below the tentorium, at the fourth."""
    below = tissue.region >= FIRST_INFRATENTORIAL
    inner = (tissue.white > 0.8) & ~below
    # The brain stem's many nuclei make its white matter darker on T1.
    stem_and_cerebellum = (tissue.white > 0.25) & below
    near_cortex = ndimage.binary_dilation(tissue.grey > 0.6, iterations=2) & (tissue.ventricle_mm > 10)
    # Behind it lies the vermis, whose white matter is thinner than a voxel.
    at_fourth = (tissue.fourth_ventricle_mm > 0) & (tissue.fourth_ventricle_mm < 6) & (tissue.fluid < 0.3)
    at_lateral = tissue.ventricle_mm < 7
    return inner & at_lateral, inner, inner & near_cortex, stem_and_cerebellum, below & at_fourth


def _add_confluence(share: Volume, tissue: Volume, ventricle_mm: Volume, rng: Generator) -> None:
    """A band of uneven width along the ventricles' walls, with gaps."""
    width_mm = rng.uniform(-1.5, 4.0) + rng.uniform(1.0, 3.5) * smooth_volume(rng, share.shape, 22.0)
    width_mm += rng.uniform(0.25, 1.0) * smooth_volume(rng, share.shape, 7.0)
    band = 1 / (1 + np.exp(np.clip((ventricle_mm - width_mm) / rng.uniform(0.4, 1.2), -30, 30)))
    np.maximum(share, band * (width_mm > 1.0) * tissue, out=share)


def _add_deep_confluence(share: Volume, white: Volume, ventricle_mm: Volume, rng: Generator) -> None:
    """Wide, uneven fields of white matter, most of them at the ventricles, up to where the cortex begins."""
    reach_mm = rng.uniform(3.0, 14.0) * np.maximum(smooth_volume(rng, share.shape, 30.0), 0)
    reach_mm += rng.uniform(1.0, 4.0) * smooth_volume(rng, share.shape, 9.0)
    # Some begin a little away from the wall.
    distance_mm = np.abs(ventricle_mm - rng.uniform(0.0, 4.0))
    field = 1 / (1 + np.exp(np.clip((distance_mm - reach_mm) / rng.uniform(0.4, 1.6), -30, 30)))
    np.maximum(share, field * (reach_mm > 2.0) * np.clip(1.5 * white, 0, 1), out=share)


def _add_ellipsoid(
    share: Volume,
    tissue: Volume,
    ventricle_mm: Volume,
    centre: NDArray[np.intp],
    radius: float,
    stands_on_ventricle: bool,
    rng: Generator,
) -> None:
    stretch = rng.uniform(1.0, 2.2)
    reach = int(np.ceil(1.6 * radius * stretch)) + 2
    box = tuple(slice(max(0, c - reach), min(n, c + reach + 1)) for c, n in zip(centre, share.shape, strict=True))
    grid = np.stack(np.meshgrid(*(np.arange(s.start, s.stop) for s in box), indexing="ij"), axis=-1) - centre
    direction = rng.standard_normal(3)
    if stands_on_ventricle and rng.random() < 0.7:
        around = tuple(slice(max(0, c - 1), c + 2) for c in centre)
        gradient = np.array([g.mean() for g in np.gradient(ventricle_mm[around])])
        direction = gradient + 0.2 * rng.standard_normal(3)
    direction = direction / max(float(np.linalg.norm(direction)), 1e-6)
    along = grid @ direction
    across = np.sqrt(np.maximum((grid**2).sum(-1) - along**2, 0))
    distance = np.hypot(along / stretch, across * stretch**0.25) / radius
    distance = distance + rng.uniform(0.025, 0.2) * smooth_volume(rng, distance.shape, max(1.5, 0.8 * radius))
    edge_mm = rng.uniform(0.3, 1.0)
    part = 1 / (1 + np.exp(np.clip((distance - 1) * radius / edge_mm * 1.5, -30, 30)))
    share[box] = np.maximum(share[box], part.astype(np.float32) * tissue[box])
