"""How well a lesion mask agrees with the truth: by voxel, by surface, by lesion and by volume.

Masks lie on one grid; a voxel is lesion where its value is not zero. What holds when a mask is empty is part of each
definition: a scan without lesions on which nothing is marked is a perfect result, not a missing one. What each figure
means, and how a table of them is to be read: `docs/metrics.md`.
"""

from mamba_hunet.metrics.agreement import Agreement, VoxelFigures, agreement
from mamba_hunet.metrics.calibration import ReliabilityBin, expected_calibration_error, reliability
from mamba_hunet.metrics.lesion_wise import LesionDetection, lesion_detection, split_by_contact
from mamba_hunet.metrics.surface import hd95_mm
from mamba_hunet.metrics.volume import relative_volume_error, volume_error_ml, volume_ml
from mamba_hunet.metrics.voxels import dice, iou, sensitivity, specificity

__all__ = [
    "Agreement",
    "LesionDetection",
    "ReliabilityBin",
    "VoxelFigures",
    "agreement",
    "dice",
    "expected_calibration_error",
    "hd95_mm",
    "iou",
    "lesion_detection",
    "relative_volume_error",
    "reliability",
    "sensitivity",
    "specificity",
    "split_by_contact",
    "volume_error_ml",
    "volume_ml",
]
