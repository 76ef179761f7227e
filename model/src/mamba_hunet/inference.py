"""One scan through the network in this process: for evaluation, and to hold served results against."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from hunet_client.lesions import DEFAULT_MIN_LESION_ML, LesionSet, find_lesions
from hunet_client.planes import further_readings, is_mirrored, plane_of
from numpy.typing import NDArray
from preprocess_service.pipeline import (
    Manifest,
    PrepareOptions,
    Scan,
    SlicePlane,
    prepare_scan,
    read_scan,
    restore_volume,
)
from torch import nn

from mamba_hunet.networks.inference_form import InferenceForm
from mamba_hunet.precision import Precision, native_precision


@dataclass(frozen=True)
class EagerSegmentation:
    """A scan, how its first plane's slices were made, its lesion probability (i, j, k) float32, and its lesions."""

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
    network: nn.Module,
    path: Path,
    *,
    threshold: float,
    min_lesion_ml: float = DEFAULT_MIN_LESION_ML,
    single_plane: bool = False,
    batch_slices: int = 8,
    precision: Precision | None = None,
) -> EagerSegmentation:
    """Segments one scan as the served system does: its pipeline, its form of the network, planes and postprocessing.

    Args:
        network: slices to logits.
        path: the scan.
        threshold: lesion probability from which a voxel counts.
        min_lesion_ml: smaller lesions are dropped.
        single_plane: read the scan once, in its own plane.
        batch_slices: slices in one network call.
        precision: that the network computes in; by default what `hunet export` takes on this machine.

    Raises:
        preprocess_service.pipeline.ScanError: the file is not a usable scan.
    """
    scan = read_scan(path, file_name=str(path))
    model = InferenceForm(network, precision or native_precision())
    probability, manifest = _predict_plane(model, scan, SlicePlane.AUTO, batch_slices)
    slice_axis = manifest.geometry.slice_axis
    others = () if single_plane else further_readings(scan.affine, scan.spacing_mm, slice_axis)
    for reading in others:
        plane = SlicePlane(plane_of(reading))
        probability += _predict_plane(model, scan, plane, batch_slices, mirrored=is_mirrored(reading))[0]
    if others:
        probability /= np.float32(1 + len(others))
    lesions = find_lesions(probability, scan.affine, scan.spacing_mm, threshold=threshold, min_lesion_ml=min_lesion_ml)
    return EagerSegmentation(scan, manifest, probability, lesions)


def _predict_plane(
    model: nn.Module, scan: Scan, plane: SlicePlane, batch_slices: int, *, mirrored: bool = False
) -> tuple[NDArray[np.float32], Manifest]:
    prepared = prepare_scan(scan, PrepareOptions(slice_plane=plane))
    count = prepared.manifest.geometry.slice_count
    columns = slice(None, None, -1 if mirrored else 1)

    def predict(first: int) -> NDArray[np.float32]:
        slices = prepared.slices(first, min(batch_slices, count - first))
        return predict_slices(model, np.ascontiguousarray(slices[:, :, columns]))[:, :, columns]

    predictions = ((first, predict(first)) for first in range(0, count, batch_slices))
    return restore_volume(prepared.manifest, predictions), prepared.manifest
