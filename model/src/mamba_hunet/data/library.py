"""Prepared training slices in memory: each case through the served preprocessing pipeline, once."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import nibabel
import numpy as np
from nibabel.spatialimages import SpatialImage
from numpy.typing import NDArray
from preprocess_service.pipeline import (
    PrepareOptions,
    Scan,
    SlicePlane,
    oriented,
    prepare_scan,
    read_scan,
    scan_from_array,
    to_network,
)

from mamba_hunet.data.augment import Image
from mamba_hunet.data.brain_extraction import extracted_brain, shows_brain_alone
from mamba_hunet.data.cases import Case, DataError
from mamba_hunet.data.pictures import read_picture
from mamba_hunet.data.template import Template
from mamba_hunet.data.template_scans import draw_scan
from mamba_hunet.phantom import brain_of, make_phantom, random_settings

# Volumes whose voxels are smaller than this along every axis are sliced in all three planes.
THIN_MM = 2.0
_THIN_PLANES: tuple[SlicePlane, ...] = (SlicePlane.AXIAL, SlicePlane.CORONAL, SlicePlane.SAGITTAL)
# Each counts the same for the answer.
_THIN_PLANE_SHARES = (1 / 3, 1 / 3, 1 / 3)


@dataclass(frozen=True)
class TrainingSlice:
    """``image``: (height, width) float32 in z units; ``lesion``, ``brain``: share of each in each pixel.

    ``brain`` is none where it is not known.
    """

    image: Image
    lesion: Image
    brain: Image | None


@dataclass(frozen=True)
class SliceStack:
    """Consecutive slices of one scan in one plane.

    Attributes:
        source, patient: whose they are.
        axial: whether the slices are axial, as most scans that are served will be.
        sagittal: whether they are sagittal, so that their columns run from front to back.
        images: (slices, 256, 256) float16, the network's input.
        targets: (slices, 256, 256) float16, share of lesion in each pixel.
        brains: (slices, 256, 256), where the brain is, or none where that is not known.
        slice_spacing_mm: from one slice to the next.
        brain_extracted: skull and scalp are missing.
        head_slices, lesion_slices: numbers of the slices that show head, and lesion.
    """

    source: str
    patient: str
    axial: bool
    sagittal: bool
    images: NDArray[np.float16]
    targets: NDArray[np.float16]
    brains: NDArray[np.bool_] | None
    slice_spacing_mm: float
    brain_extracted: bool
    head_slices: NDArray[np.intp]
    lesion_slices: NDArray[np.intp]

    def thick_slice(self, number: int, thickness: int = 1) -> TrainingSlice:
        """Mean of `thickness` neighbouring slices, as a scan with thicker slices would show them."""
        first = max(0, number - thickness // 2)
        several = slice(first, first + thickness)
        image, lesion, brain = (
            None if volume is None else volume[several].mean(0, dtype=np.float32)
            for volume in (self.images, self.targets, self.brains)
        )
        assert image is not None
        assert lesion is not None
        return TrainingSlice(image, lesion, brain)


def load_stacks(
    cases: Iterable[Case], progress: Callable[[Case], None] | None = None, planes: bool = True
) -> list[SliceStack]:
    """Prepares every case.

    Args:
        cases: labelled cases.
        progress: called after each.
        planes: also slice near-isotropic volumes coronally and sagittally, as scans acquired in those planes look.

    Raises:
        DataError: a truth mask does not lie on its scan's grid.
    """
    stacks: list[SliceStack] = []
    for case in cases:
        scan, truth = read_labelled_scan(case)
        wanted = _slice_planes(case, scan, planes)
        stacks.extend(_stack(case.source, case.patient, scan, truth, plane) for plane in wanted)
        if progress:
            progress(case)
    return stacks


def _slice_planes(case: Case, scan: Scan, planes: bool) -> tuple[SlicePlane, ...]:
    if not case.is_volume:
        return (SlicePlane.AXIAL,)
    return _THIN_PLANES if planes and max(scan.spacing_mm) < THIN_MM else (SlicePlane.AUTO,)


def read_labelled_scan(case: Case) -> tuple[Scan, NDArray[np.float32]]:
    """A case's scan, and its lesion mask (i, j, k) in {0, 1} on the same grid.

    Raises:
        DataError: the mask lies on another grid.
        preprocess_service.pipeline.ScanError: the scan cannot be used.
    """
    if not case.is_volume:
        return read_picture(case.flair, case.truth)
    scan = read_scan(case.flair, file_name=str(case.flair))
    return scan, read_truth(case.truth, scan)


def read_truth(path: Path, scan: Scan) -> NDArray[np.float32]:
    """Reads a lesion mask and checks that it lies on the scan's grid.

    Raises:
        DataError: another shape or another place.
    """
    image = cast(SpatialImage, nibabel.load(path))
    if image.shape[:3] != scan.data.shape or not np.allclose(image.affine, scan.affine, atol=1e-2):
        raise DataError(str(path), f"does not lie on the grid of {scan.file_name}", "Resample the mask to the scan")
    return (np.asarray(image.dataobj).reshape(scan.data.shape) > 0.5).astype(np.float32)


def phantom_stacks(count: int, seed: int, progress: Callable[[], None] | None = None) -> list[SliceStack]:
    """Phantoms of widely varied contrast, noise, bias, resolution, head and lesions; each is a patient of its own."""
    stacks = []
    for number in range(count):
        # Batches, phantoms and templates draw from streams of their own.
        settings = random_settings(np.random.default_rng((seed, number, 1)))
        phantom = make_phantom(settings)
        name = f"phantom-{number}"
        scan = scan_from_array(phantom.flair, phantom.affine, file_name=name)
        truth, brain = phantom.lesions.astype(np.float32), brain_of(settings)
        stacks.append(_stack("phantom", name, scan, truth, SlicePlane.AUTO, settings.scan.brain_extracted, brain))
        if progress:
            progress()
    return stacks


def template_stacks(
    template: Template, count: int, seed: int, progress: Callable[[], None] | None = None
) -> list[SliceStack]:
    """Synthetic scans on a real head's anatomy (`draw_scan`); each is a patient of its own."""

    def draw(number: int) -> SliceStack:
        rng = np.random.default_rng((seed, number, 2))
        drawn = draw_scan(template, rng)
        name = f"template-{number}"
        scan = scan_from_array(drawn.flair, drawn.affine, file_name=name)
        thick = max(scan.spacing_mm) >= THIN_MM
        plane = SlicePlane.AUTO if thick else _THIN_PLANES[rng.choice(3, p=_THIN_PLANE_SHARES)]
        stack = _stack("template", name, scan, drawn.lesions, plane, drawn.brain_extracted, drawn.brain)
        if progress:
            progress()
        return stack

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(draw, range(count)))


def _stack(
    source: str,
    patient: str,
    scan: Scan,
    truth: NDArray[np.float32],
    plane: SlicePlane,
    brain_extracted: bool | None = None,
    brain: NDArray[np.float32] | None = None,
) -> SliceStack:
    """Prepares a scan. What is not known of its brain is looked for: whether it is all there is, and then where."""
    prepared = prepare_scan(scan, PrepareOptions(slice_plane=plane))
    geometry = prepared.manifest.geometry
    images = prepared.slices(0, geometry.slice_count)
    targets = to_network(oriented(truth, geometry), geometry)
    intensity = prepared.manifest.intensity
    with_head = slices_with_head(images)
    # 0 runs from left to right, 2 from foot to head.
    axis = int(nibabel.io_orientation(scan.affine)[geometry.slice_axis, 0])
    if brain_extracted is None:
        brain_extracted = shows_brain_alone(images[with_head], air_z=-intensity.center / intensity.scale)
    if brain is not None:
        brains = to_network(oriented(brain, geometry), geometry) > 0.5
    elif brain_extracted:
        brains = np.stack([extracted_brain(image) for image in images])
    else:
        brains = None
    return SliceStack(
        source,
        patient,
        axis == 2,
        axis == 0,
        images.astype(np.float16),
        targets.astype(np.float16),
        brains,
        float(scan.spacing_mm[geometry.slice_axis]),
        brain_extracted,
        with_head,
        slices_with_lesions(targets),
    )


def slices_with_head(images: NDArray[np.float32]) -> NDArray[np.intp]:
    """Numbers of the slices, of (slices, 256, 256) in z units, that show more than air and the top of a scalp."""
    spread = images.reshape(len(images), -1).std(axis=1)
    return np.flatnonzero(spread > 0.25 * spread.max())


def slices_with_lesions(targets: NDArray[np.float32]) -> NDArray[np.intp]:
    """Numbers of the slices, of (slices, 256, 256) share of lesion, with a pixel that is lesion by more than half."""
    return np.flatnonzero((targets > 0.5).reshape(len(targets), -1).any(axis=1))
