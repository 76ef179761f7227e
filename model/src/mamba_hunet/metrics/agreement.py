"""Every figure of one scan: a mask against the truth."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from mamba_hunet.metrics.lesion_wise import LesionDetection, lesion_detection
from mamba_hunet.metrics.masks import Mask, as_masks
from mamba_hunet.metrics.surface import hd95_mm
from mamba_hunet.metrics.volume import relative_volume_error, volume_ml
from mamba_hunet.metrics.voxels import dice, iou, sensitivity, specificity


@dataclass(frozen=True, slots=True)
class VoxelFigures:
    """The five figures of the Mamba-HUNet paper, of a volume or of a slice, or their means over slices."""

    dice: float
    iou: float
    hd95_mm: float
    sensitivity: float
    specificity: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """A mask against the truth of the same scan.

    Attributes:
        volume: over all voxels of the scan, as lesion segmentation is usually reported.
        slices: means over the slices whose truth shows lesion, as the paper reports; none when no slice does. These
            slices are the same for every network, but marks in all other slices go unseen.
        slice_count: how many slices that is.
        lesions: found and correct lesions.
        volume_ml, truth_ml: marked and true lesion volume.
        relative_volume_error: as the function of that name defines it.
    """

    volume: VoxelFigures
    slices: VoxelFigures | None
    slice_count: int
    lesions: LesionDetection
    volume_ml: float
    truth_ml: float
    relative_volume_error: float | None

    def figures(self) -> dict[str, float | None]:
        """Everything by name, in a fixed order; those of slices begin with ``slice_``."""
        slices = asdict(self.slices) if self.slices else dict.fromkeys(field.name for field in fields(VoxelFigures))
        return {
            **asdict(self.volume),
            "lesion_sensitivity": self.lesions.sensitivity,
            "lesion_precision": self.lesions.precision,
            "lesion_f1": self.lesions.f1,
            **asdict(self.lesions),
            "volume_ml": self.volume_ml,
            "truth_ml": self.truth_ml,
            "volume_error_ml": self.volume_ml - self.truth_ml,
            "relative_volume_error": self.relative_volume_error,
            **{f"slice_{name}": value for name, value in slices.items()},
            "slice_count": self.slice_count,
        }


def agreement(mask: NDArray, truth: NDArray, spacing_mm: tuple[float, float, float], slice_axis: int) -> Agreement:
    """Compares a mask with the truth.

    Args:
        mask, truth: (i, j, k) on one grid.
        spacing_mm: edge lengths of a voxel.
        slice_axis: the axis that numbers the slices which the network saw.

    Raises:
        ValueError: the shapes differ, or the masks are not volumes.
    """
    mask, truth = as_masks(mask, truth)
    lesions = lesion_detection(mask, truth)
    in_plane_mm = [spacing for axis, spacing in enumerate(spacing_mm) if axis != slice_axis]
    with_lesion = np.flatnonzero(truth.any(axis=tuple(axis for axis in range(3) if axis != slice_axis)))
    of_slices = [
        _voxel_figures(np.moveaxis(mask, slice_axis, 0)[number], np.moveaxis(truth, slice_axis, 0)[number], in_plane_mm)
        for number in with_lesion
    ]
    return Agreement(
        volume=_voxel_figures(mask, truth, spacing_mm),
        slices=_mean(of_slices) if of_slices else None,
        slice_count=len(of_slices),
        lesions=lesions,
        volume_ml=volume_ml(mask, spacing_mm),
        truth_ml=volume_ml(truth, spacing_mm),
        relative_volume_error=relative_volume_error(mask, truth),
    )


def _voxel_figures(mask: Mask, truth: Mask, spacing_mm: Sequence[float]) -> VoxelFigures:
    return VoxelFigures(
        dice(mask, truth),
        iou(mask, truth),
        hd95_mm(mask, truth, spacing_mm),
        sensitivity(mask, truth),
        specificity(mask, truth),
    )


def _mean(figures: Sequence[VoxelFigures]) -> VoxelFigures:
    return VoxelFigures(*(fmean(getattr(one, field.name) for one in figures) for field in fields(VoxelFigures)))
