"""One scan laid over an earlier one of the same head: a rigid transform by mutual information (SimpleITK).

Registered twice, forth and back, each search from its own start; how far the two disagree over the head is the
registration's own check. World coordinates are the start, since one scanner's are nearly right already; where they are
not, the heads' middles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from hunet_client.findings.physical_image import binned, corners_mm, resampled, upright_grid

GRID_MM = 2.0
# What a scan shows of the head is more than this share of its tissue level.
HEAD_LEVEL = 0.4


@dataclass(frozen=True, eq=False)
class Head:
    """A scan on an upright grid, and where the head is in it. `points_mm`: (n, 3) LPS+, spread over the head."""

    image: sitk.Image
    mask: sitk.Image
    points_mm: NDArray[np.float64]

    @property
    def middle_mm(self) -> NDArray[np.float64]:
        return self.points_mm.mean(axis=0)


@dataclass(frozen=True, eq=False)
class Registration:
    """`current_to_prior`: rigid, LPS+ mm. The figures are those of `change_document.RegistrationQuality`."""

    current_to_prior: sitk.Euler3DTransform
    correlation: float
    disagreement_mm: float
    overlap: float


def head_of(scan: sitk.Image, tissue_level: float) -> Head:
    """Raises ValueError when the scan shows no head."""
    corners = corners_mm(scan)
    grid = upright_grid(corners.min(axis=0), corners.max(axis=0), GRID_MM)
    image = sitk.Clamp(resampled(binned(scan, GRID_MM), grid), sitk.sitkFloat32, 0.0, 2.0 * tissue_level)
    mask = sitk.BinaryMorphologicalClosing(image > HEAD_LEVEL * tissue_level, (3, 3, 3))
    k, j, i = np.nonzero(sitk.GetArrayViewFromImage(mask))
    if len(i) < 5000:
        raise ValueError("shows no head")
    every = max(1, len(i) // 4000)
    points = np.stack([i, j, k], axis=1)[::every] * GRID_MM + np.array(grid.GetOrigin())
    return Head(image, mask, points)


def register(current: Head, prior: Head) -> Registration:
    """Raises RuntimeError (of ITK) when the search finds nothing to compare."""
    forth = _best_search(current, prior)
    back = _best_search(prior, current)
    there = _moved(current.points_mm, forth)
    return Registration(
        current_to_prior=forth,
        correlation=_correlation(current, prior, forth),
        disagreement_mm=float(np.linalg.norm(_moved(there, back) - current.points_mm, axis=1).max()),
        overlap=_overlap(current, prior, forth),
    )


def _best_search(fixed: Head, moving: Head) -> sitk.Euler3DTransform:
    """The better of two searches: from equal world coordinates, and from the heads' middles laid on each other."""
    found = [_search(fixed, moving, offset) for offset in (np.zeros(3), moving.middle_mm - fixed.middle_mm)]
    return min(found, key=lambda transform_and_metric: transform_and_metric[1])[0]


def _search(fixed: Head, moving: Head, offset_mm: NDArray) -> tuple[sitk.Euler3DTransform, float]:
    """One thread and a seed: the same scans give the same transform. The metric is minus the mutual information."""
    transform = sitk.Euler3DTransform()
    transform.SetCenter(fixed.middle_mm.tolist())
    transform.SetTranslation(offset_mm.tolist())
    search = sitk.ImageRegistrationMethod()
    search.SetNumberOfThreads(1)
    search.SetMetricAsMattesMutualInformation(numberOfHistogramBins=32)
    search.SetMetricFixedMask(sitk.BinaryDilate(fixed.mask, (3, 3, 3)))
    search.SetMetricSamplingStrategy(search.RANDOM)
    search.SetMetricSamplingPercentagePerLevel([0.5, 0.2, 0.1], seed=7)
    search.SetInterpolator(sitk.sitkLinear)
    search.SetShrinkFactorsPerLevel([4, 2, 1])
    search.SetSmoothingSigmasPerLevel([4.0, 2.0, 1.0])
    search.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    search.SetOptimizerAsRegularStepGradientDescent(2.0, 0.01, 80, relaxationFactor=0.6)
    search.SetOptimizerScalesFromPhysicalShift()
    search.SetInitialTransform(transform, inPlace=True)
    search.Execute(fixed.image, moving.image)
    return transform, float(search.GetMetricValue())


def _moved(points_mm: NDArray, transform: sitk.Euler3DTransform) -> NDArray[np.float64]:
    matrix = np.array(transform.GetMatrix()).reshape(3, 3)
    center, shift = np.array(transform.GetCenter()), np.array(transform.GetTranslation())
    return (points_mm - center) @ matrix.T + center + shift


def matrix_ras_mm(transform: sitk.Euler3DTransform) -> NDArray[np.float64]:
    """(4, 4), the transform between RAS+ coordinates."""
    flip = np.diag([-1.0, -1.0, 1.0])
    matrix = np.eye(4)
    matrix[:3, :3] = flip @ np.array(transform.GetMatrix()).reshape(3, 3) @ flip
    matrix[:3, 3] = flip @ _moved(np.zeros((1, 3)), transform)[0]
    return matrix


def _correlation(current: Head, prior: Head, current_to_prior: sitk.Transform) -> float:
    """Over the voxels of the current head that the earlier scan shows."""
    values = sitk.GetArrayFromImage(current.image)
    others = sitk.GetArrayFromImage(resampled(prior.image, current.image, current_to_prior, outside=-1.0))
    both = (sitk.GetArrayFromImage(current.mask) > 0) & (others >= 0.0)
    if np.count_nonzero(both) < 1000 or not values[both].std() or not others[both].std():
        return 0.0
    return float(np.corrcoef(values[both], others[both])[0, 1])


def _overlap(current: Head, prior: Head, current_to_prior: sitk.Transform) -> float:
    """Share of the smaller head that lies within the other."""
    ours = sitk.GetArrayFromImage(current.mask) > 0
    moved = sitk.Cast(prior.mask, sitk.sitkFloat32)
    theirs = sitk.GetArrayFromImage(resampled(moved, current.image, current_to_prior)) > 0.5
    prior_voxels = np.count_nonzero(sitk.GetArrayViewFromImage(prior.mask))
    smaller = min(np.count_nonzero(ours), prior_voxels)
    return float(np.count_nonzero(ours & theirs) / smaller)
