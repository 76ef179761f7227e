"""The gate before bfloat16: does the network still find in a phantom what it finds in float32?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from mamba_hunet.inference import predict_slices
from mamba_hunet.metrics import dice
from mamba_hunet.networks.inference_form import InferenceForm
from mamba_hunet.phantom import PhantomSettings, make_phantom
from mamba_hunet.precision import Precision
from numpy.typing import NDArray
from preprocess_service.pipeline import oriented, prepare_scan, scan_from_array, to_network
from torch import nn

LARGEST_DICE_CHANGE = 0.002
LEAST_AGREEMENT = 0.99
# Of the default phantom: through the ventricles, where most of its lesions lie.
_PHANTOM_SLICES = range(20, 44)
_BATCH_SLICES = 8


@dataclass(frozen=True)
class PrecisionChoice:
    """``precision``: to export in.

    ``dice``: on the phantom, where more than one was in question: of each against the truth, and of both masks.
    """

    precision: Precision
    dice: dict[str, float]


def choose_precision(network: nn.Module, wanted: Precision, mask_threshold: float) -> PrecisionChoice:
    """The wanted precision; float32 where bfloat16 would move the Dice coefficient by over 0.002, or 1% of the mask.

    Args:
        network: slices to logits.
        wanted: float32 is never in question.
        mask_threshold: lesion probability from which a pixel counts.
    """
    if wanted is Precision.FLOAT32:
        return PrecisionChoice(wanted, {})
    slices, truth = _phantom_slices()
    masks = {
        precision: np.concatenate(list(_masks(network, precision, slices, mask_threshold))) for precision in Precision
    }
    found = {precision.value: dice(mask, truth) for precision, mask in masks.items()}
    change = abs(found[Precision.BFLOAT16] - found[Precision.FLOAT32])
    # Two masks can be equally right and yet not the same.
    agreement = dice(masks[Precision.BFLOAT16], masks[Precision.FLOAT32])
    is_same = change <= LARGEST_DICE_CHANGE and agreement >= LEAST_AGREEMENT
    return PrecisionChoice(wanted if is_same else Precision.FLOAT32, found | {"agreement": agreement})


def _phantom_slices() -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Network slices of the default phantom and where its lesions are, both (n, 256, 256)."""
    phantom = make_phantom(PhantomSettings(), slices=_PHANTOM_SLICES)
    prepared = prepare_scan(scan_from_array(phantom.flair, phantom.affine, file_name="phantom"))
    geometry = prepared.manifest.geometry
    truth = to_network(oriented(phantom.lesions.astype(np.float32), geometry), geometry)
    return prepared.slices(0, geometry.slice_count), truth > 0.5


def _masks(
    network: nn.Module, precision: Precision, slices: NDArray[np.float32], threshold: float
) -> Iterator[NDArray[np.bool_]]:
    form = InferenceForm(network, precision)
    for first in range(0, len(slices), _BATCH_SLICES):
        yield predict_slices(form, slices[first : first + _BATCH_SLICES]) >= threshold
