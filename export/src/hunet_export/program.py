"""The network in its inference form as the program that is served: probabilities for any batch size."""

from __future__ import annotations

import torch
from mamba_hunet.networks.inference_form import InferenceForm
from mamba_hunet.precision import Precision
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from hunet_export.description import SLICE_DIMS


class ProbabilityNetwork(nn.Module):
    """A network's logits as lesion probabilities: (n, 1, 256, 256) float32 -> same shape, in [0, 1]."""

    def __init__(self, network: nn.Module, precision: Precision = Precision.FLOAT32) -> None:
        super().__init__()
        self.network = InferenceForm(network, precision)

    def forward(self, slices: Tensor) -> Tensor:
        return torch.sigmoid(self.network(slices))


def freeze(network: nn.Module, max_batch_size: int) -> ExportedProgram:
    """Exports a network of slices with a batch of 1 to `max_batch_size` slices.

    Raises whatever `torch.export` raises for a network that it cannot trace.
    """
    # Two slices, not one: a batch of one would be frozen into the program as a constant.
    example = torch.zeros(2, *SLICE_DIMS)
    batch = Dim("batch", min=1, max=max_batch_size)
    with torch.no_grad():
        return torch.export.export(network.eval(), (example,), dynamic_shapes=({0: batch},))
