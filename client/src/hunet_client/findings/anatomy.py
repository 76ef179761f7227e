"""What a lesion's place is judged by, estimated in the scan itself: ventricles, the brain's surface, the hindbrain.

On FLAIR fluid is dark. The average head says roughly where to look; which voxels are fluid, the scan says:

- ventricles: fluid near the average head's ventricles, joined to their core;
- surface: fluid elsewhere, and clefts that are darker than both their sides, so sulci and cisterns, and the outside of
  the brain itself;
- hindbrain (brain stem and cerebellum): the average head's own, since FLAIR does not show where it ends.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from hunet_client.findings.alignment import Alignment
from hunet_client.findings.atlas import load_atlas
from hunet_client.findings.physical_image import resampled, to_lps, upright_grid, values_at

GRID_MM = 1.5
MARGIN_MM = 12.0
# Fluid this near the average head's ventricles may be ventricle.
VENTRICLE_REACH_MM = 8.0
CORE_MM = 2.0
LEAST_VENTRICLE_ML = 0.5
# Fluid is told from tissue where its darkest tenth is this much darker.
FLUID_CONTRAST = 0.25
# Share of the way from tissue to fluid that makes a voxel ventricle, and sulcus; and by how much of it a cleft, which
# is thinner than a voxel, is darker than what lies around it.
VENTRICLE_DARKNESS = 0.5
SULCUS_DARKNESS = 0.4
CLEFT_DARKNESS = 0.2
# Brighter than this lies a lesion or fat, and would make a cleft of plain tissue beside it.
BRIGHTEST_SIDE = 1.1
# A smaller dark spot is a vessel, a widened space about one, or the hollow of a lesion.
LEAST_SULCUS_ML = 0.2
# Deeper than this in the average head no fluid belongs to the surface: it is the third ventricle or a cleft about it.
DEEPEST_SULCUS_MM = 36.0
OUTSIDE_MM = 5.0


@dataclass(frozen=True, eq=False)
class Anatomy:
    """Distance maps (k, j, i) in mm on an upright grid, negative inside.

    `ventricle_mm` is None where the scan shows no ventricles, `surface_mm` where it shows no fluid. `ventricle_ml`:
    the volume of what was taken for ventricles.
    """

    grid: sitk.Image
    ventricle_mm: NDArray[np.float32] | None
    surface_mm: NDArray[np.float32] | None
    hindbrain_mm: NDArray[np.float32]
    ventricle_ml: float

    def at(self, points_mm: NDArray, distance_mm: NDArray[np.float32]) -> NDArray[np.float64]:
        """One of the maps at points (n, 3) in RAS+ mm."""
        return values_at(to_lps(points_mm), distance_mm, self.grid)


def estimate_anatomy(scan: sitk.Image, tissue_level: float, alignment: Alignment) -> Anatomy:
    """The structures of one scan. tissue_level: the scan's value of brain tissue."""
    atlas = load_atlas()
    scan_to_atlas = alignment.atlas_to_scan.GetInverse()
    grid = _grid_about_brain(alignment.atlas_to_scan)
    brain_mm, hindbrain_mm, near_ventricle_mm = (
        sitk.GetArrayFromImage(resampled(distance, grid, scan_to_atlas, outside=60.0))
        for distance in (atlas.brain_mm, atlas.hindbrain_mm, atlas.ventricle_mm)
    )
    level = sitk.GetArrayFromImage(resampled(scan, grid)) / tissue_level
    fluid_level = float(np.percentile(level[near_ventricle_mm < 0.0], 10.0))
    if 1.0 - fluid_level < FLUID_CONTRAST:
        return Anatomy(grid, None, None, hindbrain_mm, 0.0)

    ventricles = _ventricles(_darker(level, fluid_level, VENTRICLE_DARKNESS), near_ventricle_mm, hindbrain_mm, grid)
    outside = brain_mm > OUTSIDE_MM
    dark = _darker(level, fluid_level, SULCUS_DARKNESS) | _clefts(level, CLEFT_DARKNESS * (1.0 - fluid_level), grid)
    sulci = dark & (brain_mm > -DEEPEST_SULCUS_MM) & ~_grown(ventricles, grid)
    surface = _large(sulci, LEAST_SULCUS_ML, grid) | outside
    ventricle_ml = float(np.count_nonzero(ventricles)) * GRID_MM**3 / 1000.0
    return Anatomy(
        grid=grid,
        ventricle_mm=_distance_mm(ventricles, grid) if ventricle_ml >= LEAST_VENTRICLE_ML else None,
        surface_mm=_distance_mm(surface, grid),
        hindbrain_mm=hindbrain_mm,
        ventricle_ml=ventricle_ml,
    )


def _grid_about_brain(atlas_to_scan: sitk.Transform) -> sitk.Image:
    brain_mm = load_atlas().brain_mm
    k, j, i = np.nonzero(sitk.GetArrayFromImage(brain_mm) < 0.0)
    ends = [(int(index.min()), int(index.max())) for index in (i, j, k)]
    corners = [(x, y, z) for x in ends[0] for y in ends[1] for z in ends[2]]
    places = np.array([atlas_to_scan.TransformPoint(brain_mm.TransformIndexToPhysicalPoint(c)) for c in corners])
    return upright_grid(places.min(axis=0) - MARGIN_MM, places.max(axis=0) + MARGIN_MM, GRID_MM)


def _darker(level: NDArray, fluid_level: float, share: float) -> NDArray[np.bool_]:
    return level < 1.0 - share * (1.0 - fluid_level)


def _ventricles(
    fluid: NDArray[np.bool_], near_ventricle_mm: NDArray, hindbrain_mm: NDArray, grid: sitk.Image
) -> NDArray[np.bool_]:
    candidates = fluid & (near_ventricle_mm < VENTRICLE_REACH_MM) & (hindbrain_mm > CORE_MM)
    return _joined_to(candidates & (near_ventricle_mm < CORE_MM), candidates, grid)


def _joined_to(seeds: NDArray[np.bool_], region: NDArray[np.bool_], grid: sitk.Image) -> NDArray[np.bool_]:
    """The parts of `region` (faces touch) that hold one of the seeds."""
    parts = sitk.GetArrayFromImage(sitk.ConnectedComponent(_image(region, grid)))
    kept = np.zeros(int(parts.max()) + 1, dtype=np.bool_)
    kept[np.unique(parts[seeds])] = True
    kept[0] = False
    return kept[parts]


def _clefts(level: NDArray, depth: float, grid: sitk.Image) -> NDArray[np.bool_]:
    """Where something thinner than three voxels is darker than what lies around it (a black top-hat)."""
    image = sitk.GetImageFromArray(np.minimum(level, BRIGHTEST_SIDE).astype(np.float32))
    image.CopyInformation(grid)
    return sitk.GetArrayFromImage(sitk.BlackTopHat(image, (1, 1, 1), sitk.sitkBox)) > depth


def _large(region: NDArray[np.bool_], least_ml: float, grid: sitk.Image) -> NDArray[np.bool_]:
    """The parts of a region (faces touch) that are at least so large."""
    parts = sitk.GetArrayFromImage(sitk.ConnectedComponent(_image(region, grid)))
    large = np.bincount(parts.ravel()) * GRID_MM**3 >= 1000.0 * least_ml
    large[0] = False
    return large[parts]


def _grown(region: NDArray[np.bool_], grid: sitk.Image) -> NDArray[np.bool_]:
    return sitk.GetArrayFromImage(sitk.BinaryDilate(_image(region, grid), (1, 1, 1))) > 0


def _distance_mm(region: NDArray[np.bool_], grid: sitk.Image) -> NDArray[np.float32]:
    """Signed distance to the border between voxels, negative inside."""
    distance = sitk.SignedMaurerDistanceMap(_image(region, grid), squaredDistance=False, useImageSpacing=True)
    return sitk.GetArrayFromImage(distance)


def _image(region: NDArray[np.bool_], grid: sitk.Image) -> sitk.Image:
    image = sitk.GetImageFromArray(region.astype(np.uint8))
    image.CopyInformation(grid)
    return image
