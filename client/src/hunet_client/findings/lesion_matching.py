"""Which lesions of two registered scans are the same focus."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from hunet_client.findings.physical_image import image_of, upright_grid
from hunet_client.lesions import LesionSet

GRID_MM = 1.0
# A lesion without a partner looks this far around itself: what half a slice and the registration may displace.
REACH_MM = 2.0
# A lesion is compared where at least this share of it lies within the other scan.
LEAST_SEEN = 0.5


@dataclass(frozen=True)
class Focus:
    """Lesions that overlap, by their indices. One side may be empty.

    `seen`: whether the other scan shows the place of a focus that has one side only.
    """

    current: tuple[int, ...]
    prior: tuple[int, ...]
    seen: bool = True


def match_lesions(
    current: tuple[LesionSet, NDArray], prior: tuple[LesionSet, NDArray], current_to_prior: sitk.Transform
) -> tuple[Focus, ...]:
    """The foci of two scans, each given as its lesions and its affine. current_to_prior: rigid, LPS+ mm."""
    ours, theirs = (image_of(lesions.labels, affine) for lesions, affine in (current, prior))
    grid = _grid_about(ours, theirs, current_to_prior)
    if grid is None:
        return ()
    ours_here, ours_seen = _on_grid(ours, grid, sitk.Transform())
    theirs_here, theirs_seen = _on_grid(theirs, grid, current_to_prior)
    pairs = _overlaps(ours_here, theirs_here)
    alone = [index for index in _indices(current[0]) if index not in {ours_index for ours_index, _ in pairs}]
    pairs |= _nearby(ours_here, theirs_here, alone)
    alone = [index for index in _indices(prior[0]) if index not in {theirs_index for _, theirs_index in pairs}]
    pairs |= {(ours_index, theirs_index) for theirs_index, ours_index in _nearby(theirs_here, ours_here, alone)}

    foci = _joined(pairs)
    paired = {index for focus in foci for index in focus.current}, {index for focus in foci for index in focus.prior}
    new = [
        Focus((index,), (), _share_seen(ours_here, theirs_seen, index))
        for index in _indices(current[0])
        if index not in paired[0]
    ]
    gone = [
        Focus((), (index,), _share_seen(theirs_here, ours_seen, index))
        for index in _indices(prior[0])
        if index not in paired[1]
    ]
    return (*foci, *new, *gone)


def _indices(lesions: LesionSet) -> Iterable[int]:
    return (lesion.index for lesion in lesions.lesions)


def _grid_about(ours: sitk.Image, theirs: sitk.Image, current_to_prior: sitk.Transform) -> sitk.Image | None:
    """A fine grid in the current scan's world that holds every lesion of both; None without any."""
    points = [_lesion_points_mm(ours), _lesion_points_mm(theirs, current_to_prior.GetInverse())]
    both = np.concatenate(points)
    if len(both) == 0:
        return None
    margin = 2.0 * REACH_MM + max(*ours.GetSpacing(), *theirs.GetSpacing())
    return upright_grid(both.min(axis=0) - margin, both.max(axis=0) + margin, GRID_MM)


def _lesion_points_mm(labels: sitk.Image, transform: sitk.Transform | None = None) -> NDArray[np.float64]:
    """The corners of the box of each lesion, (n, 3) LPS+, moved by the transform."""
    shapes = sitk.LabelShapeStatisticsImageFilter()
    shapes.Execute(sitk.Cast(labels, sitk.sitkUInt32))
    points = []
    for label in shapes.GetLabels():
        i, j, k, width, height, depth = shapes.GetBoundingBox(label)
        corners = [(x, y, z) for x in (i, i + width) for y in (j, j + height) for z in (k, k + depth)]
        points += [labels.TransformIndexToPhysicalPoint(corner) for corner in corners]
    if transform is not None:
        points = [transform.TransformPoint(point) for point in points]
    return np.array(points).reshape(-1, 3)


def _on_grid(
    labels: sitk.Image, grid: sitk.Image, grid_to_scan: sitk.Transform
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Labels at the grid's voxels, and where the scan shows something at all; both (k, j, i)."""
    values = sitk.Resample(labels, grid, grid_to_scan, sitk.sitkNearestNeighbor, -1.0, sitk.sitkFloat32)
    found = sitk.GetArrayFromImage(values).astype(np.int64)
    return np.maximum(found, 0), found >= 0


def _overlaps(ours: NDArray[np.int64], theirs: NDArray[np.int64]) -> set[tuple[int, int]]:
    both = (ours > 0) & (theirs > 0)
    return set(zip(ours[both].tolist(), theirs[both].tolist(), strict=True))


def _nearby(ours: NDArray[np.int64], theirs: NDArray[np.int64], alone: list[int]) -> set[tuple[int, int]]:
    """For each of our lonely lesions the one of theirs that most of its surroundings belong to, if any."""
    reach = int(REACH_MM / GRID_MM)
    pairs = set()
    for index in alone:
        voxels = np.argwhere(ours == index)
        if len(voxels) == 0:
            continue
        low, high = np.maximum(voxels.min(axis=0) - reach, 0), voxels.max(axis=0) + reach + 1
        box = tuple(slice(start, stop) for start, stop in zip(low.tolist(), high.tolist(), strict=True))
        around = sitk.BinaryDilate(sitk.GetImageFromArray((ours[box] == index).astype(np.uint8)), [reach] * 3)
        near = theirs[box][sitk.GetArrayFromImage(around) > 0]
        if near.any():
            pairs.add((index, int(np.bincount(near[near > 0]).argmax())))
    return pairs


def _joined(pairs: set[tuple[int, int]]) -> list[Focus]:
    """Pairs that share a lesion make one focus."""
    foci: list[tuple[set[int], set[int]]] = []
    for ours, theirs in sorted(pairs):
        touched = [focus for focus in foci if ours in focus[0] or theirs in focus[1]]
        merged = ({ours}.union(*(focus[0] for focus in touched)), {theirs}.union(*(focus[1] for focus in touched)))
        foci = [focus for focus in foci if focus not in touched] + [merged]
    return [Focus(tuple(sorted(current)), tuple(sorted(prior))) for current, prior in foci]


def _share_seen(labels: NDArray[np.int64], seen: NDArray[np.bool_], index: int) -> bool:
    lesion = labels == index
    return bool(seen[lesion].mean() >= LEAST_SEEN) if lesion.any() else False
