"""One scan through the network in this process: for evaluation, and to hold served results against."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from hunet_client.lesions import DEFAULT_MIN_LESION_ML, LesionSet, find_lesions
from numpy.typing import NDArray
from preprocess_service.pipeline import Manifest, PrepareOptions, Scan, prepare_scan, read_scan, restore_volume
from torch import nn


@dataclass(frozen=True)
class EagerSegmentation:
    """A scan, how its slices were made, its lesion probability (i, j, k) float32, and the lesions found in it."""

    scan: Scan
    manifest: Manifest
    probability: NDArray[np.float32]
    lesions: LesionSet


@torch.inference_mode()
def predict_slices(model: nn.Module, slices: NDArray[np.float32]) -> NDArray[np.float32]:
    """Lesion probability of normalised slices, (slices, 256, 256) float32 each way."""
    logits = model(torch.from_numpy(slices)[:, None])
    return torch.sigmoid(logits)[:, 0].numpy()


def segment_scan(
    model: nn.Module,
    path: Path,
    *,
    threshold: float,
    min_lesion_ml: float = DEFAULT_MIN_LESION_ML,
    options: PrepareOptions | None = None,
    batch_slices: int = 8,
) -> EagerSegmentation:
    """Segments one scan with the pipeline and postprocessing of the served system.

    Args:
        model: slices to logits, in eval mode.
        path: the scan.
        threshold: lesion probability from which a voxel counts.
        min_lesion_ml: smaller lesions are dropped.
        options: of the preprocessing; its defaults when none.
        batch_slices: slices in one network call.

    Raises:
        preprocess_service.pipeline.ScanError: the file is not a usable scan.
    """
    scan = read_scan(path, file_name=str(path))
    prepared = prepare_scan(scan, options or PrepareOptions())
    count = prepared.manifest.geometry.slice_count
    predictions = (
        (first, predict_slices(model, prepared.slices(first, min(batch_slices, count - first))))
        for first in range(0, count, batch_slices)
    )
    probability = restore_volume(prepared.manifest, predictions)
    lesions = find_lesions(probability, scan.affine, scan.spacing_mm, threshold=threshold, min_lesion_ml=min_lesion_ml)
    return EagerSegmentation(scan, prepared.manifest, probability, lesions)
