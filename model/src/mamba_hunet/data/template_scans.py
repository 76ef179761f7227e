"""Synthetic FLAIR scans with lesions on a real head's folds: bent, recoloured and scanned anew for every draw.

The idea of drawing contrast at random over anatomy: Billot et al., "SynthSeg", Medical Image Analysis 2023.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from mamba_hunet.data.smooth_volume import smooth_volume
from mamba_hunet.data.template import (
    FIRST_INFRATENTORIAL,
    FLUID_T1,
    GREY_T1,
    REGION_COUNT,
    WHITE_T1,
    Template,
    Volume,
)
from mamba_hunet.data.template_lesions import Tissue, draw_lesions

# AAL's region numbers.
_LIMBIC = slice(29, 43)
_CINGULATE = slice(31, 37)
_DEEP_GREY = slice(71, 79)
# T1 intensity from fluid to soft tissue outside the brain.
_FLUID_TO_SOFT_T1 = (58.0, 78.0)
# How far from a ventricle a voxel of the template holds some of its fluid.
_WALL_MM = 2.5
# Middle and reach, world mm: the pyramidal tracts in the internal capsules; the septum and the fornix.
_PYRAMIDAL_MM = (((-25.0, -18.0, 12.0), (3.0, 5.0, 14.0)), ((25.0, -18.0, 12.0), (3.0, 5.0, 14.0)))
_SEPTUM_MM = (((0.0, -4.0, 16.0), (4.0, 22.0, 13.0)),)


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


def draw_scan(template: Template, rng: Generator) -> SyntheticScan:
    """One scan of one patient: anatomy, contrast, lesions and acquisition all drawn."""
    t1, tissue = _bend(template, rng)
    signal = _paint(t1, tissue, rng)
    share = draw_lesions(tissue, rng)
    signal = _paint_lesions(signal, share, tissue, rng)
    signal = _scan(signal, rng)
    brain_extracted = bool(rng.random() < 0.45)
    if brain_extracted:
        signal = signal * _extraction(tissue.brain, rng)
    (signal, share, brain), affine = _slice((signal, share, tissue.brain), template.affine, rng)
    return SyntheticScan(signal, share, brain, affine, brain_extracted)


def _bend(template: Template, rng: Generator) -> tuple[Volume, Tissue]:
    """Other head shapes, wider ventricles and sulci: the template resampled through a random smooth map."""
    shape = template.t1.shape
    middle = (np.array(shape, dtype=np.float32) - 1) / 2
    angles = np.deg2rad(rng.normal(0, 5, size=3))
    matrix = (np.eye(3) + _skew(angles)) @ np.diag(np.exp(rng.normal(0, 0.06, size=3)))
    side = rng.choice([-1, 1])
    matrix[0] *= side
    grid = np.indices(shape, dtype=np.float32)
    places = np.tensordot(matrix.astype(np.float32), grid - middle[:, None, None, None], axes=1)
    places += middle[:, None, None, None]
    for axis in range(3):
        places[axis] += rng.uniform(0.5, 2.25) * smooth_volume(rng, shape, 28.0)
        places[axis] += rng.uniform(0.1, 0.6) * smooth_volume(rng, shape, 12.0)
    distance = ndimage.map_coordinates(template.ventricle_mm, places, order=1, mode="nearest")
    outward = np.stack(np.gradient(ndimage.gaussian_filter(distance, 1.5)))
    # In the template, whose left may be the scan's right.
    outward[0] *= side
    # Samples near the ventricles are taken from further in, which widens them; negative narrows.
    places -= rng.uniform(-1.0, 5.0) * np.exp(-distance / 12.0) * (distance > 0) * outward

    def resample(volume: NDArray, order: int = 1, mode: str = "nearest") -> Volume:
        return ndimage.map_coordinates(volume, places, order=order, mode=mode, output=np.float32)

    t1, brain = resample(template.t1, mode="constant"), resample(template.brain)
    region = resample(template.region, order=0).astype(np.uint8)
    distance, fourth = resample(template.ventricle_mm), resample(template.fourth_ventricle_mm)
    pyramidal, septum = (_about(template, places, middles) for middles in (_PYRAMIDAL_MM, _SEPTUM_MM))
    centres = np.array([FLUID_T1, GREY_T1, WHITE_T1]) * np.array([rng.uniform(0.9, 1.25), rng.uniform(0.97, 1.03), 1.0])
    fluid, grey, white = (np.interp(t1, centres, row).astype(np.float32) for row in np.eye(3))
    # Between fluid and the white matter at a ventricle T1 runs through grey; there is no cortex.
    wall = (distance < _WALL_MM) & (region == 0)
    white[wall] = np.interp(t1[wall], centres[[0, 2]], (0, 1))
    fluid[wall], grey[wall] = 1 - white[wall], 0
    fluid, grey, white = (share * brain for share in (fluid, grey, white))
    return t1, Tissue(fluid, grey, white, brain, region, distance, fourth, pyramidal, septum)


def _about(
    template: Template,
    places: NDArray[np.float32],
    middles_mm: Sequence[tuple[tuple[float, ...], tuple[float, ...]]],
) -> Volume:
    """Share of what lies about the middles, each with its reach along x, y and z, world mm, at the places."""
    to_voxel = np.linalg.inv(template.affine)
    share = np.zeros(places.shape[1:], np.float32)
    for middle_mm, reach_mm in middles_mm:
        centre = (to_voxel @ (*middle_mm, 1.0))[:3].astype(np.float32)
        squares = [((at - c) / np.float32(r)) ** 2 for at, c, r in zip(places, centre, reach_mm, strict=True)]
        share += np.exp(-sum(squares))
    return share


def _paint(t1: Volume, tissue: Tissue, rng: Generator) -> Volume:
    """Signal (i, j, k) of healthy tissue; grey matter is about 1."""
    white_level = float(rng.uniform(0.7, 0.97))
    gain = np.clip(rng.normal(1.0, 0.05, size=REGION_COUNT), 0.85, 1.25)
    # Limbic and insular cortex is brighter on FLAIR than the rest (Hirai et al., AJNR 2000), the cingulate most.
    gain[_LIMBIC] += rng.uniform(0.0, 0.2)
    gain[_CINGULATE] += rng.uniform(0.0, 0.25)
    gain[_DEEP_GREY] *= rng.uniform(0.85, 1.05)
    gain[FIRST_INFRATENTORIAL:] *= rng.uniform(0.88, 1.08)
    grey = ndimage.gaussian_filter(gain[tissue.region].astype(np.float32), 1.0)
    # Gyri differ in brightness from one to the next, and where a slice cuts one lengthwise it looks like a lesion.
    grey *= 1 + rng.uniform(0.0, 0.1) * smooth_volume(rng, t1.shape, 10.0)
    fluid_level = rng.uniform(0.05, 0.4) * (1 + 0.15 * smooth_volume(rng, t1.shape, 20.0))
    signal = tissue.white * white_level + tissue.grey * grey + tissue.fluid * fluid_level
    # Both are a little bright in many healthy people.
    signal += max(0.0, rng.uniform(-0.1, 0.2)) * tissue.pyramidal * tissue.white
    signal += max(0.0, rng.uniform(-0.2, 0.4)) * tissue.septum * tissue.white
    rim = np.exp(-((tissue.ventricle_mm - 0.5) ** 2) / (2 * rng.uniform(0.5, 2.0) ** 2))
    signal += rng.uniform(0.0, 0.4) * rim * (1 - tissue.fluid) * tissue.brain
    signal *= 1 + rng.uniform(0.005, 0.02) * smooth_volume(rng, t1.shape, 5.0)
    signal *= 1 + rng.uniform(0.0, 0.025) * smooth_volume(rng, t1.shape, 25.0)
    signal = _paint_plexus_and_flow(signal, tissue, rng)
    outside = _paint_outside(t1, rng)
    # Between brain and skull lies fluid, dark in T1 and in FLAIR.
    is_soft = np.interp(t1, _FLUID_TO_SOFT_T1, (0, 1)).astype(np.float32)
    outside = is_soft * outside + (1 - is_soft) * fluid_level * np.clip(t1 / FLUID_T1, 0, 1)
    return (signal + (1 - tissue.brain) * outside).astype(np.float32)


def _paint_outside(t1: Volume, rng: Generator) -> Volume:
    """Signal (i, j, k) of fat, muscle, marrow and mucosa: none of it lesion, however bright and round."""
    # Without fat suppression the orbits' fat, two thirds as bright as the scalp here, is twice as bright as tissue.
    fat = rng.uniform(1.0, 4.5) if rng.random() < 0.65 else rng.uniform(0.2, 0.6)
    level = np.clip(t1 / 254.0, 0, 1)
    outside = fat * np.power(level, rng.uniform(0.7, 1.6))
    # T1 does not say how bright soft tissue is in a FLAIR.
    soft = np.interp(level, (0.2, 0.3, 0.45, 0.65), (0.0, 1.0, 1.0, 0.0)).astype(np.float32)
    outside += soft * (rng.uniform(0.2, 1.3) - outside) * rng.uniform(0.0, 1.0)
    for wavelength in (4.0, 10.0):
        outside *= np.exp(rng.uniform(0.0, 0.45) * smooth_volume(rng, t1.shape, wavelength))
    return outside.astype(np.float32)


def _paint_plexus_and_flow(signal: Volume, tissue: Tissue, rng: Generator) -> Volume:
    """Bright spots in fluid that are no lesions: choroid plexus, and fluid that flowed in after the inversion."""
    plexus = (smooth_volume(rng, signal.shape, 8.0) > rng.uniform(1.0, 2.2)) & (tissue.ventricle_mm == 0)
    flow = smooth_volume(rng, signal.shape, 14.0) > rng.uniform(1.6, 2.6)
    for spots, level in ((plexus, rng.uniform(0.5, 1.5)), (flow, rng.uniform(0.3, 1.2))):
        share = ndimage.gaussian_filter((spots * tissue.fluid).astype(np.float32), 0.7)
        signal = signal + share * (level - signal)
    return signal


def _paint_lesions(signal: Volume, share: Volume, tissue: Tissue, rng: Generator) -> Volume:
    """Brightens lesions, unevenly, and leaves unlabelled haze around them.

    Contrast is drawn in units of how far healthy tissue spreads: on real FLAIRs half of the lesion voxels lie between
    1.0 and 1.7 times as far above the median as tissue's 95th percentile does.
    """
    sampled = signal[::3, ::3, ::3][tissue.brain[::3, ::3, ::3] > 0.9]
    middle, top = np.percentile(sampled[sampled > 0.5], (50, 95))
    # From one lesion to the next, and within large ones, contrast varies by a third of itself.
    unevenness = rng.uniform(0.1, 0.45) * smooth_volume(rng, share.shape, 9.0)
    unevenness += rng.uniform(0.025, 0.1) * smooth_volume(rng, share.shape, 3.0)
    rise = max(top - middle, 0.08) * rng.uniform(1.3, 2.9) * np.clip(1 + unevenness, 0.3, 1.8)
    # Raters mark the core of what fades out slowly: 2 mm from its border some are still a fifth as bright as in it.
    haze = ndimage.gaussian_filter(share, rng.uniform(1.0, 4.0)) * (tissue.grey + tissue.white)
    signal = signal + rng.uniform(0.0, 0.9) * rise * haze
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
    """Coil shading, point spread and Rician noise.

    Scans that nobody has corrected for it are a third brighter at the cerebellum than at the vertex.
    """
    shading = rng.uniform(0, 0.1) * smooth_volume(rng, signal.shape, 70.0)
    along = np.meshgrid(
        *(np.linspace(-1, 1, side, dtype=np.float32) for side in signal.shape), indexing="ij", sparse=True
    )
    slopes = rng.normal((0.0, 0.0, -0.05), (0.05, 0.07, 0.15))
    for axis, slope in zip(along, slopes.astype(np.float32), strict=True):
        shading = shading + slope * axis
    signal = signal * np.exp(shading)
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


def _skew(angles: NDArray[np.floating]) -> NDArray[np.floating]:
    x, y, z = angles
    return np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
