"""What is characteristic of labelled scans, measured after the served preprocessing: a data set's fingerprint.

The idea of configuring a training by such a fingerprint: Isensee et al., "nnU-Net", Nature Methods 2021.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import cc3d
import nibabel
import numpy as np
from hunet_client.lesions import CONNECTIVITY
from numpy.typing import NDArray
from preprocess_service.pipeline import PreparedScan, PrepareOptions, Scan, ScanError, SlicePlane, prepare_scan
from preprocess_service.pipeline import oriented as oriented_slices
from preprocess_service.pipeline import to_network as to_network_slices
from scipy import ndimage

from mamba_hunet.data.brain_extraction import shows_brain_alone, z_of_brightness
from mamba_hunet.data.cases import Case, DataError
from mamba_hunet.data.library import THIN_MM, read_labelled_scan, slices_with_head, slices_with_lesions
from mamba_hunet.data.z_histogram import ZHistogram

_PLANE_ACROSS = {0: SlicePlane.SAGITTAL, 1: SlicePlane.CORONAL, 2: SlicePlane.AXIAL}
# The ring about a lesion that stands for healthy tissue: from 2 to 8 mm away.
_TOUCHING_PIXELS, _NEAR_PIXELS = 5, 17
# Share of tissue's brightness over which a pixel is head.
_HEAD_FRACTION = 0.3


@dataclass(frozen=True, eq=False)
class CaseFingerprint:
    """One labelled scan. z is normalised intensity, healthy tissue being about 0.

    Attributes:
        source, name, patient: of the case.
        is_volume: otherwise a single picture, whose spacing is an estimate.
        shape, spacing_mm: voxels and their size along i, j, k.
        orientation: where i, j, k point to, such as "LAS".
        plane: of the slices.
        slice_spacing_mm: from one slice to the next.
        brain_extracted: skull and scalp are missing.
        slices, head_slices, lesion_slices: how many there are, and show head and lesion.
        head_mm: (head_slices,), longer side of the head in each slice.
        tissue_z: of every pixel of the head that is no lesion.
        lesion_z: of every pixel that is lesion by more than half.
        surrounding_z: median of the tissue 2 to 8 mm from lesions; NaN without lesions.
        lesions_in_air: share of lesion pixels where the scan shows nothing.
        lesion_ml: (lesions,), volume of each 26-connected lesion.
        example: the slice with most lesion and its share of lesion, each (256, 256) float16.
    """

    source: str
    name: str
    patient: str
    is_volume: bool
    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    orientation: str
    plane: SlicePlane
    slice_spacing_mm: float
    brain_extracted: bool
    slices: int
    head_slices: int
    lesion_slices: int
    head_mm: NDArray[np.float64]
    tissue_z: ZHistogram
    lesion_z: ZHistogram
    surrounding_z: float
    lesions_in_air: float
    lesion_ml: NDArray[np.float64]
    example: tuple[NDArray[np.float16], NDArray[np.float16]]

    @property
    def contrast_z(self) -> float:
        """How far the median lesion is above the tissue around it; NaN when no pixel is mostly lesion."""
        return self.lesion_z.percentile(50) - self.surrounding_z

    @property
    def is_thin(self) -> bool:
        """Whether the voxels are fine enough along every axis to be sliced in any plane."""
        return self.is_volume and max(self.spacing_mm) < THIN_MM


@dataclass(frozen=True)
class Exclusion:
    """A case that is better not trained on. ``case``: <source>/<case>; ``reason``: why, in a sentence."""

    case: str
    reason: str


@dataclass(frozen=True)
class Fingerprint:
    """The cases that can be trained on, and those that are better left out, both in the data's order.

    ``patients``: everybody whose scans were looked at, sorted.
    """

    cases: tuple[CaseFingerprint, ...]
    excluded: tuple[Exclusion, ...]
    patients: tuple[str, ...]

    def of_source(self, source: str) -> tuple[CaseFingerprint, ...]:
        return tuple(case for case in self.cases if case.source == source)

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(sorted({case.source for case in self.cases}))


def take_fingerprint(
    cases: Iterable[Case],
    fault: Callable[[CaseFingerprint], str | None],
    progress: Callable[[Case], None] | None = None,
) -> Fingerprint:
    """Measures every case. A case that cannot be read, or whose mask lies on another grid, is excluded.

    Args:
        cases: labelled cases.
        fault: says why a case that could be measured is to be excluded, or nothing.
        progress: called after each.

    Raises:
        DataError: no case is left.
    """
    kept, excluded, patients = [], [], set()
    for case in cases:
        patients.add(case.patient)
        try:
            measured = measure_case(case)
            reason = fault(measured)
        except (DataError, ScanError) as exc:
            reason = str(exc)
        if reason:
            excluded.append(Exclusion(f"{case.source}/{case.name}", reason))
        else:
            kept.append(measured)
        if progress:
            progress(case)
    if not kept:
        first = excluded[0] if excluded else Exclusion("the data", "there are no cases")
        raise DataError(first.case, first.reason, "Not one case is left to train on")
    return Fingerprint(tuple(kept), tuple(excluded), tuple(sorted(patients)))


def measure_case(case: Case) -> CaseFingerprint:
    """Reads and prepares one case, in its own plane, and measures it.

    Raises:
        DataError: the mask lies on another grid.
        preprocess_service.pipeline.ScanError: the scan cannot be used.
    """
    scan, truth = read_labelled_scan(case)
    plane = SlicePlane.AUTO if case.is_volume else SlicePlane.AXIAL
    prepared = prepare_scan(scan, PrepareOptions(slice_plane=plane))
    geometry, intensity = prepared.manifest.geometry, prepared.manifest.intensity
    images = prepared.slices(0, geometry.slice_count)
    targets = to_network_slices(oriented_slices(truth, geometry), geometry)
    air_z = -intensity.center / intensity.scale
    with_head = slices_with_head(images)
    head_z = z_of_brightness(_HEAD_FRACTION, air_z)
    head = images[with_head] > head_z
    lesion = targets > 0.5
    most = int(targets.sum(axis=(1, 2)).argmax())
    return CaseFingerprint(
        source=case.source,
        name=case.name,
        patient=case.patient,
        is_volume=case.is_volume,
        shape=scan.data.shape,
        spacing_mm=scan.spacing_mm,
        orientation="".join(nibabel.aff2axcodes(scan.affine)),
        plane=_plane(prepared),
        slice_spacing_mm=float(scan.spacing_mm[geometry.slice_axis]),
        brain_extracted=shows_brain_alone(images[with_head], air_z),
        slices=len(images),
        head_slices=len(with_head),
        lesion_slices=len(slices_with_lesions(targets)),
        head_mm=_longer_sides(head),
        tissue_z=ZHistogram.of(images[with_head][head & (targets[with_head] < 0.1)]),
        lesion_z=ZHistogram.of(images[lesion]),
        surrounding_z=_surrounding_z(images, targets),
        lesions_in_air=float(np.mean(images[lesion] < head_z)) if lesion.any() else 0.0,
        lesion_ml=_lesion_volumes(truth, scan),
        example=(images[most].astype(np.float16), targets[most].astype(np.float16)),
    )


def _plane(prepared: PreparedScan) -> SlicePlane:
    world_axis = int(nibabel.io_orientation(prepared.scan.affine)[prepared.manifest.geometry.slice_axis, 0])
    return _PLANE_ACROSS[world_axis]


def _longer_sides(head: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Longer side in mm of the head (slices, 256, 256) in each slice; lines with a few stray pixels do not count."""
    sides = []
    for axis in (1, 2):
        filled = head.sum(axis=axis)
        occupied = filled > 0.02 * filled.max(axis=1, keepdims=True)
        first, last = occupied.argmax(axis=1), occupied.shape[1] - occupied[:, ::-1].argmax(axis=1)
        sides.append((last - first) * occupied.any(axis=1))
    return np.maximum(*sides).astype(np.float64)


def _surrounding_z(images: NDArray[np.float32], targets: NDArray[np.float32]) -> float:
    numbers = slices_with_lesions(targets)
    marked = (targets[numbers] > 0.1).astype(np.uint8)
    near = ndimage.maximum_filter(marked, size=(1, _NEAR_PIXELS, _NEAR_PIXELS)) > 0
    touching = ndimage.maximum_filter(marked, size=(1, _TOUCHING_PIXELS, _TOUCHING_PIXELS)) > 0
    around = images[numbers][near & ~touching]
    return float(np.median(around)) if around.size else float("nan")


def _lesion_volumes(truth: NDArray[np.float32], scan: Scan) -> NDArray[np.float64]:
    labels = cc3d.connected_components(np.ascontiguousarray(truth > 0.5), connectivity=CONNECTIVITY)
    return np.bincount(labels.ravel())[1:] * float(np.prod(scan.spacing_mm)) / 1000
