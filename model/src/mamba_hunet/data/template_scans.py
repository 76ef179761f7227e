"""Synthetic FLAIR scans with lesions on a real head's folds: bent, recoloured and scanned anew for every draw.

The idea of drawing contrast at random over anatomy: Billot et al., "SynthSeg", Medical Image Analysis 2023.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from mamba_hunet.data.template import FLUID_T1, GREY_T1, WHITE_T1, Template, Volume

# AAL's region numbers.
_LIMBIC = slice(29, 43)
_CINGULATE = slice(31, 37)
_DEEP_GREY = slice(71, 79)
_FIRST_CEREBELLAR = 91
_REGIONS = 117


@dataclass(frozen=True, eq=False)
class SyntheticScan:
    """A scan, and what is true of it; volumes are (i, j, k) float32.

    ``flair``: of arbitrary scale. ``lesions``, ``brain``: share of lesion, and of brain with the fluid in it, in each
    voxel. ``affine``: (4, 4) to world mm. ``brain_extracted``: skull and scalp are missing.
    """

    flair: Volume
    lesions: Volume
    brain: Volume
    affine: NDArray[np.float64]
    brain_extracted: bool


@dataclass(frozen=True, eq=False)
class _Tissue:
    """Shares (i, j, k) of fluid, grey and white matter inside the brain, and where the ventricles are."""

    fluid: Volume
    grey: Volume
    white: Volume
    brain: Volume
    region: NDArray[np.uint8]
    ventricle_mm: Volume


def draw_scan(template: Template, rng: Generator) -> SyntheticScan:
    """One scan of one patient: anatomy, contrast, lesions and acquisition all drawn."""
    t1, tissue = _bend(template, rng)
    signal = _paint(t1, tissue, rng)
    share = draw_lesions(tissue.white, tissue.grey, tissue.ventricle_mm, tissue.region, rng)
    signal = _paint_lesions(signal, share, tissue.brain, rng)
    signal = _scan(signal, rng)
    brain_extracted = bool(rng.random() < 0.45)
    if brain_extracted:
        signal = signal * _extraction(tissue.brain, rng)
    (signal, share, brain), affine = _slice((signal, share, tissue.brain), template.affine, rng)
    return SyntheticScan(signal, share, brain, affine, brain_extracted)


def _bend(template: Template, rng: Generator) -> tuple[Volume, _Tissue]:
    """Other head shapes, wider ventricles and sulci: the template resampled through a random smooth map."""
    shape = template.t1.shape
    middle = (np.array(shape, dtype=np.float32) - 1) / 2
    angles = np.deg2rad(rng.normal(0, 5, size=3))
    matrix = (np.eye(3) + _skew(angles)) @ np.diag(np.exp(rng.normal(0, 0.06, size=3)))
    matrix[0] *= rng.choice([-1, 1])
    grid = np.indices(shape, dtype=np.float32)
    places = np.tensordot(matrix.astype(np.float32), grid - middle[:, None, None, None], axes=1)
    places += middle[:, None, None, None]
    for axis in range(3):
        places[axis] += rng.uniform(1.0, 4.5) * _smooth_volume(rng, shape, 28.0)
        places[axis] += rng.uniform(0.2, 1.2) * _smooth_volume(rng, shape, 12.0)
    distance = ndimage.map_coordinates(template.ventricle_mm, places, order=1, mode="nearest")
    outward = np.stack(np.gradient(ndimage.gaussian_filter(distance, 1.5)))
    # Samples near the ventricles are taken from further in, which widens them; negative narrows.
    places -= rng.uniform(-1.0, 5.0) * np.exp(-distance / 12.0) * (distance > 0) * outward

    def resample(volume: NDArray, order: int = 1) -> Volume:
        return ndimage.map_coordinates(volume, places, order=order, mode="nearest", output=np.float32)

    t1, brain = resample(template.t1), resample(template.brain)
    region = resample(template.region, order=0).astype(np.uint8)
    distance = resample(template.ventricle_mm)
    centres = np.array([FLUID_T1, GREY_T1, WHITE_T1]) * np.array([rng.uniform(0.9, 1.25), rng.uniform(0.97, 1.03), 1.0])
    fluid, grey, white = (np.interp(t1, centres, row).astype(np.float32) * brain for row in np.eye(3))
    return t1, _Tissue(fluid, grey, white, brain, region, distance)


def _paint(t1: Volume, tissue: _Tissue, rng: Generator) -> Volume:
    """Signal (i, j, k) of healthy tissue; grey matter is about 1."""
    white_level = float(rng.uniform(0.7, 0.97))
    gain = np.clip(rng.normal(1.0, 0.05, size=_REGIONS), 0.85, 1.25)
    # Limbic and insular cortex is brighter on FLAIR than the rest (Hirai et al., AJNR 2000), the cingulate most.
    gain[_LIMBIC] += rng.uniform(0.0, 0.15)
    gain[_CINGULATE] += rng.uniform(0.0, 0.2)
    gain[_DEEP_GREY] *= rng.uniform(0.85, 1.05)
    gain[_FIRST_CEREBELLAR:] *= rng.uniform(0.88, 1.08)
    grey = ndimage.gaussian_filter(gain[tissue.region].astype(np.float32), 1.0)
    # Gyri differ in brightness from one to the next, and where a slice cuts one lengthwise it looks like a lesion.
    grey *= 1 + rng.uniform(0.0, 0.1) * _smooth_volume(rng, t1.shape, 10.0)
    fluid_level = rng.uniform(0.05, 0.4) * (1 + 0.3 * _smooth_volume(rng, t1.shape, 20.0))
    signal = tissue.white * white_level + tissue.grey * grey + tissue.fluid * fluid_level
    rim = np.exp(-((tissue.ventricle_mm - 0.5) ** 2) / (2 * rng.uniform(0.5, 1.2) ** 2))
    signal += rng.uniform(0.0, 0.35) * rim * (1 - tissue.fluid) * tissue.brain
    signal *= 1 + rng.uniform(0.01, 0.04) * _smooth_volume(rng, t1.shape, 5.0)
    signal *= 1 + rng.uniform(0.0, 0.05) * _smooth_volume(rng, t1.shape, 25.0)
    signal = _paint_plexus_and_flow(signal, tissue, rng)
    # Without fat suppression the orbits' fat, two thirds as bright as the scalp here, is twice as bright as tissue.
    fat = rng.uniform(1.0, 4.5) if rng.random() < 0.65 else rng.uniform(0.2, 0.6)
    outside = fat * np.power(np.clip(t1 / 254.0, 0, 1), rng.uniform(0.7, 1.6))
    return (signal + (1 - tissue.brain) * outside).astype(np.float32)


def _paint_plexus_and_flow(signal: Volume, tissue: _Tissue, rng: Generator) -> Volume:
    """Bright spots in fluid that are no lesions: choroid plexus, and fluid that flowed in after the inversion."""
    plexus = (_smooth_volume(rng, signal.shape, 8.0) > rng.uniform(1.0, 2.2)) & (tissue.ventricle_mm == 0)
    flow = _smooth_volume(rng, signal.shape, 14.0) > rng.uniform(1.6, 2.6)
    for spots, level in ((plexus, rng.uniform(0.5, 1.5)), (flow, rng.uniform(0.3, 1.2))):
        share = ndimage.gaussian_filter((spots * tissue.fluid).astype(np.float32), 0.7)
        signal = signal + share * (level - signal)
    return signal


def draw_lesions(
    white: Volume, grey: Volume, ventricle_mm: Volume, region: NDArray[np.uint8], rng: Generator
) -> Volume:
    """Share of lesion in each voxel: ellipsoids with irregular borders, most of them small, placed as MS places them.

    Half lie at the ventricles, a third anywhere in white matter, the rest at the cortex or below the tentorium. In one
    patient of two they have grown together round the ventricles.
    """
    share = np.zeros(white.shape, np.float32)
    if rng.random() < 0.08:
        return share
    healthy = white > 0.8
    inner = healthy & (region < _FIRST_CEREBELLAR)
    near_cortex = inner & ndimage.binary_dilation(grey > 0.6, iterations=2) & (ventricle_mm > 10)
    sites = [inner & (ventricle_mm < 7), inner, near_cortex, healthy & (region >= _FIRST_CEREBELLAR)]
    candidates = [np.argwhere(site) for site in sites]
    tissue = np.clip(white + 0.7 * grey, 0, 1)
    if rng.random() < 0.5:
        _add_confluence(share, tissue * (region < _FIRST_CEREBELLAR), ventricle_mm, rng)
    typical_mm = 1.3 * 3.5 ** rng.random()
    for _ in range(int(2 ** rng.uniform(1.0, 6.8))):
        kind = int(rng.choice(4, p=[0.45, 0.35, 0.13, 0.07]))
        if len(candidates[kind]):
            centre = candidates[kind][rng.integers(len(candidates[kind]))]
            radius = float(np.clip(typical_mm * np.exp(rng.normal(0, 0.55)), 0.9, 14.0))
            _add_ellipsoid(share, tissue, ventricle_mm, centre, radius, kind == 0, rng)
    return share


def _add_confluence(share: Volume, tissue: Volume, ventricle_mm: Volume, rng: Generator) -> None:
    """A band of uneven width along the ventricles' walls, with gaps."""
    width_mm = rng.uniform(-1.5, 4.0) + rng.uniform(2.0, 7.0) * _smooth_volume(rng, share.shape, 22.0)
    width_mm += rng.uniform(0.5, 2.0) * _smooth_volume(rng, share.shape, 7.0)
    band = 1 / (1 + np.exp(np.clip((ventricle_mm - width_mm) / rng.uniform(0.4, 1.2), -30, 30)))
    np.maximum(share, band * (width_mm > 1.0) * tissue, out=share)


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
    distance = distance + rng.uniform(0.05, 0.4) * _smooth_volume(rng, distance.shape, max(1.5, 0.8 * radius))
    edge_mm = rng.uniform(0.3, 1.0)
    part = 1 / (1 + np.exp(np.clip((distance - 1) * radius / edge_mm * 1.5, -30, 30)))
    share[box] = np.maximum(share[box], part.astype(np.float32) * tissue[box])


def _paint_lesions(signal: Volume, share: Volume, brain: Volume, rng: Generator) -> Volume:
    """Brightens lesions, unevenly, and leaves faint unlabelled haze around them.

    Contrast is drawn in units of how far healthy tissue spreads: on real FLAIRs half of the lesion voxels lie between
    1.0 and 1.7 times as far above the median as tissue's 95th percentile does.
    """
    sampled = signal[::3, ::3, ::3][brain[::3, ::3, ::3] > 0.9]
    middle, top = np.percentile(sampled[sampled > 0.5], (50, 95))
    unevenness = rng.uniform(0.05, 0.3) * _smooth_volume(rng, share.shape, 9.0)
    unevenness += rng.uniform(0.05, 0.2) * _smooth_volume(rng, share.shape, 3.0)
    rise = max(top - middle, 0.08) * rng.uniform(1.0, 2.8) * np.clip(1 + unevenness, 0.5, 1.8)
    haze = ndimage.gaussian_filter(share, rng.uniform(2.0, 5.0))
    signal = signal + rng.uniform(0.0, 0.3) * rise * haze
    return (signal + share * np.maximum(middle + rise - signal, 0.02)).astype(np.float32)


def _extraction(brain: Volume, rng: Generator) -> Volume:
    """The mask a brain extraction leaves: sometimes tight, sometimes with a rim of fluid and meninges."""
    steps = int(rng.integers(-1, 4))
    mask = brain > 0.5
    if steps > 0:
        mask = ndimage.binary_dilation(mask, iterations=steps)
    elif steps < 0:
        mask = ndimage.binary_erosion(mask, iterations=-steps)
    return mask.astype(np.float32)


def _scan(signal: Volume, rng: Generator) -> Volume:
    """Coil shading, point spread and Rician noise."""
    signal = signal * np.exp(rng.uniform(0, 0.15) * _smooth_volume(rng, signal.shape, 70.0))
    signal = ndimage.gaussian_filter(signal, rng.uniform(0.3, 0.75))
    sigma = rng.uniform(0.01, 0.09)
    real, imaginary = (sigma * rng.standard_normal(signal.shape, dtype=np.float32) for _ in range(2))
    return np.hypot(signal + real, imaginary).astype(np.float32)


def _slice(
    volumes: tuple[Volume, ...], affine: NDArray[np.float64], rng: Generator
) -> tuple[tuple[Volume, ...], NDArray[np.float64]]:
    """Slices of the drawn thickness and direction."""
    thickness = int(rng.integers(2, 6)) if rng.random() < 0.5 else 1
    axis = int(rng.choice(3, p=[0.1, 0.08, 0.82])) if thickness > 1 else 2
    affine = affine.copy()
    if thickness > 1:
        first = int(rng.integers(thickness))
        volumes = tuple(_thicken(volume, axis, thickness, first) for volume in volumes)
        affine[:3, 3] += affine[:3, axis] * (first + (thickness - 1) / 2)
        affine[:3, axis] *= thickness
    return volumes, affine


def _thicken(volume: Volume, axis: int, thickness: int, first: int) -> Volume:
    count = (volume.shape[axis] - first) // thickness
    kept = np.moveaxis(volume, axis, 0)[first : first + count * thickness]
    return np.moveaxis(kept.reshape(count, thickness, *kept.shape[1:]).mean(axis=1), 0, axis).astype(np.float32)


def _smooth_volume(rng: Generator, shape: tuple[int, ...], wavelength: float) -> Volume:
    """A smooth random volume of about unit variance that varies over `wavelength` voxels."""
    knots = [int(np.ceil(side / wavelength)) + 3 for side in shape]
    coarse = rng.standard_normal(knots).astype(np.float32)
    starts = rng.uniform(0, 1, size=3)
    axes = [start + np.arange(side, dtype=np.float32) / wavelength for start, side in zip(starts, shape, strict=True)]
    for axis, positions in enumerate(axes):
        coarse = _interpolate(coarse, positions, axis)
    return 1.5 * coarse


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


def _skew(angles: NDArray[np.floating]) -> NDArray[np.floating]:
    x, y, z = angles
    return np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
