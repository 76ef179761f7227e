"""Where the average head lies in a scan: a similarity, then an affine transform, by correlation (SimpleITK).

Only the brain and the dark ring around it are compared, so that whole heads and extracted brains are the same
task; and what is far brighter than brain is taken as dark, since scalp and fat would otherwise pull the brain's
outline onto themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from hunet_client.findings.atlas import Atlas, load_atlas
from hunet_client.findings.physical_image import binned, corners_mm, resampled, upright_grid

GRID_MM = 3.0
# Compared around the brain, beyond its surface.
RING_MM = 6.0
# Of fifteen real scans rightly aligned the least correlation was 0.48.
LEAST_CORRELATION = 0.45
LEAST_COVERAGE = 0.85
# Singular values of the affine map; the average head is one of adults.
SCALES = (0.65, 1.4)
# The atlas's middle and the top of its brain, LPS+ mm.
_CENTER_MM = (0.0, 17.0, 15.0)
_TOP_MM = 77.0
_START_SCALES = (0.85, 1.0)
_START_PITCH_RAD = -0.14
# Scalp and skull above the brain: halfway between a whole head and an extracted brain.
_ABOVE_BRAIN_MM = 7.0
_HEAD_HEIGHT_MM = 120.0
# How a head lies in a file whose axes are wrong: turned by so much about R-L, A-P, S-I.
_WRONG_TURNS_RAD = (
    (np.pi, 0.0, 0.0),
    (0.0, 0.0, np.pi),
    (0.0, 0.0, np.pi / 2),
    (np.pi / 2, 0.0, 0.0),
    (-np.pi / 2, 0.0, 0.0),
)
# No patient's head is turned so far in the scanner.
_LARGEST_TURN_RAD = 1.0


@dataclass(frozen=True, eq=False)
class Alignment:
    """`atlas_to_scan`: in LPS+ mm. `correlation`: of the atlas's signal with the scan's, over brain and ring.

    `turned`: whether the head fits better when it lies otherwise than the file's axes say.
    `coverage`: share of the atlas's brain that lies in the scan's field of view.
    """

    atlas_to_scan: sitk.AffineTransform
    correlation: float
    turned: bool
    coverage: float

    @property
    def problem(self) -> str | None:
        """Why the alignment is not to be trusted; None when it is."""
        scales = np.linalg.svd(np.array(self.atlas_to_scan.GetMatrix()).reshape(3, 3), compute_uv=False)
        if self.correlation < LEAST_CORRELATION:
            return f"the scan looks too little like a head (correlation {self.correlation:.2f})"
        if self.turned:
            return "the head fits better when it is turned: the file's orientation may be wrong"
        if scales.min() < SCALES[0] or scales.max() > SCALES[1]:
            return "the size of the head came out as no head's"
        if self.coverage < LEAST_COVERAGE:
            return f"the scan shows only {100 * self.coverage:.0f} % of the brain"
        return None


def align(scan: sitk.Image, tissue_level: float) -> Alignment:
    """Finds the average head in a scan. tissue_level: the scan's value of brain tissue.

    Raises ValueError when there is nothing to start from, RuntimeError (of ITK) when the search fails.
    """
    corners = corners_mm(scan)
    grid = upright_grid(corners.min(axis=0), corners.max(axis=0), GRID_MM)
    level = sitk.GetArrayFromImage(resampled(binned(scan, GRID_MM), grid)) / tissue_level
    brain_like = sitk.GetImageFromArray(_brain_like(level))
    brain_like.CopyInformation(grid)
    offset_mm = _start(level, grid)

    similar, metric = _best(
        _similarity(brain_like, scale, (_START_PITCH_RAD, 0.0, 0.0), offset_mm) for scale in _START_SCALES
    )
    rival, rival_metric = _best(
        _similarity(brain_like, similar.GetScale(), turn_rad, np.array(similar.GetTranslation()))
        for turn_rad in _WRONG_TURNS_RAD
    )
    affine = sitk.AffineTransform(3)
    affine.SetCenter(similar.GetCenter())
    affine.SetMatrix(similar.GetMatrix())
    affine.SetTranslation(similar.GetTranslation())
    _search(affine, brain_like, shrink=2, smoothing_mm=3.0, step_mm=1.0, share=0.8)
    correlation = -_search(affine, brain_like, shrink=1, smoothing_mm=1.5, step_mm=1.0, share=0.2)
    turned = _turn_rad(similar) > _LARGEST_TURN_RAD or (rival_metric < metric and _turn_rad(rival) > _LARGEST_TURN_RAD)
    return Alignment(affine, correlation, turned, _coverage(load_atlas(), scan, affine))


def _brain_like(level: NDArray) -> NDArray[np.float32]:
    """1 where the signal is brain's or a lesion's, 0 in fluid and bone, 0.1 in fat; level: 1 is brain tissue."""
    return np.minimum(np.clip(level, 0.0, 1.0), np.clip((1.95 - level) / 0.5, 0.1, 1.0)).astype(np.float32)


def _start(level: NDArray, grid: sitk.Image) -> NDArray:
    """From the atlas's centre to where the head seems to be, LPS+ mm, by its top and its middle."""
    shown = level > 0.5
    slices = np.flatnonzero(np.count_nonzero(shown, axis=(1, 2)) * GRID_MM**2 > 2000.0)
    if len(slices) == 0:
        raise ValueError("the scan shows no head")
    top = int(slices[-1])
    lowest = max(0, top - round(_HEAD_HEIGHT_MM / GRID_MM))
    _, j, i = np.nonzero(shown[lowest : top + 1])
    place = np.array(grid.GetOrigin()) + GRID_MM * np.array([i.mean(), j.mean(), float(top)])
    return place - np.array([_CENTER_MM[0], _CENTER_MM[1], _TOP_MM + _ABOVE_BRAIN_MM])


def _similarity(
    scan: sitk.Image, scale: float, turn_rad: tuple[float, float, float], offset_mm: NDArray
) -> tuple[sitk.Similarity3DTransform, float]:
    """The similarity transform found from one start, and its metric."""
    turn = sitk.Euler3DTransform(_CENTER_MM, *turn_rad)
    transform = sitk.Similarity3DTransform()
    transform.SetCenter(_CENTER_MM)
    transform.SetMatrix((scale * np.array(turn.GetMatrix())).tolist())
    transform.SetTranslation(offset_mm.tolist())
    return transform, _search(transform, scan, shrink=2, smoothing_mm=4.0, step_mm=4.0, share=0.3)


def _best(
    found: Iterable[tuple[sitk.Similarity3DTransform, float]],
) -> tuple[sitk.Similarity3DTransform, float]:
    return min(found, key=lambda transform_and_metric: transform_and_metric[1])


def _turn_rad(transform: sitk.Similarity3DTransform) -> float:
    """By how much it turns, about whatever axis."""
    trace = np.array(transform.GetMatrix()).reshape(3, 3).trace() / transform.GetScale()
    return float(np.arccos(np.clip(0.5 * (trace - 1.0), -1.0, 1.0)))


def _search(
    transform: sitk.Transform, scan: sitk.Image, *, shrink: int, smoothing_mm: float, step_mm: float, share: float
) -> float:
    """Improves the transform in place; returns the metric, minus the correlation.

    One thread and a seed: the same scan gives the same transform.
    """
    search = sitk.ImageRegistrationMethod()
    search.SetNumberOfThreads(1)
    search.SetMetricAsCorrelation()
    search.SetMetricFixedMask(_brain_and_ring())
    search.SetMetricSamplingStrategy(search.REGULAR)
    search.SetMetricSamplingPercentage(share, seed=1)
    search.SetInterpolator(sitk.sitkLinear)
    search.SetShrinkFactorsPerLevel([shrink])
    search.SetSmoothingSigmasPerLevel([smoothing_mm])
    search.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    search.SetOptimizerAsRegularStepGradientDescent(step_mm, 0.1, 40, relaxationFactor=0.5)
    search.SetOptimizerScalesFromPhysicalShift()
    search.SetInitialTransform(transform, inPlace=True)
    search.Execute(load_atlas().signal, scan)
    return float(search.GetMetricValue())


@cache
def _brain_and_ring() -> sitk.Image:
    return load_atlas().brain_mm < RING_MM


def _coverage(atlas: Atlas, scan: sitk.Image, atlas_to_scan: sitk.Transform) -> float:
    whole = sitk.Image(scan.GetSize(), sitk.sitkUInt8) + 1
    whole.CopyInformation(scan)
    seen = sitk.GetArrayFromImage(resampled(whole, atlas.brain_mm, atlas_to_scan)) > 0.5
    return float(seen[sitk.GetArrayFromImage(atlas.brain_mm) < 0.0].mean())
