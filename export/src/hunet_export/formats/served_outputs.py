"""A network that gives everything that the description promises, in the description's order."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hunet_export.description import LESION_MASK, LESION_PROBABILITY, WEIGHTS_SHA256, ServedModel


class ServedOutputs(nn.Module):
    """Slices (n, 1, 256, 256) float32 -> the outputs of `ServedModel.outputs`, each with a first axis of n.

    Args:
        probabilities: from slices to lesion probabilities.
        model: what is served.
        weights_sha256: hexadecimal digest of the checkpoint.
    """

    digest: Tensor

    def __init__(self, probabilities: nn.Module, model: ServedModel, weights_sha256: str) -> None:
        super().__init__()
        self.probabilities = probabilities
        self.mask_threshold = model.mask_threshold
        self.names = [tensor.name for tensor in model.outputs]
        digest = torch.tensor(list(bytes.fromhex(weights_sha256)), dtype=torch.uint8)
        self.register_buffer("digest", digest[None])

    def forward(self, slices: Tensor) -> tuple[Tensor, ...]:
        probability = self.probabilities(slices)
        outputs = {
            LESION_PROBABILITY: probability,
            LESION_MASK: (probability >= self.mask_threshold).to(torch.uint8),
            WEIGHTS_SHA256: self.digest.repeat(slices.shape[0], 1),
        }
        return tuple(outputs[name] for name in self.names)
