"""A trained network in the form in which it answers: the same function with less to compute, and no lesion in fat."""

import copy

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from mamba_hunet.networks.fat import without_fat
from mamba_hunet.precision import Precision

_MULTIPLYING = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
# From so many features on, oneDNN cuts a bfloat16 sum on AMX into parts by how many rows there are.
_LONG_SUM = 512


class InferenceForm(nn.Module):
    """A copy of a network, in eval mode, that is quicker and can no longer be trained.

    Batch normalisations are folded into the convolutions before them, convolutions keep their channels last, as tokens
    do, and with `Precision.BFLOAT16` matrices and kernels are stored in the format in which they multiply. What the
    network takes for lesion in fat is taken back (`without_fat`).

    Shapes:
        (batch, 1, height, width) float32 -> logits of the same shape, float32.
    """

    def __init__(self, network: nn.Module, precision: Precision = Precision.FLOAT32) -> None:
        super().__init__()
        self.precision = precision
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        _fold_batch_norms(self.network)
        if precision is Precision.BFLOAT16:
            for module in self.network.modules():
                if isinstance(module, _MULTIPLYING):
                    module.to(torch.bfloat16)
            _map_slices_apart(self.network)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, slices: Tensor) -> Tensor:
        slices = slices.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.precision is Precision.BFLOAT16):
            logits = self.network(slices)
        return without_fat(logits.float().contiguous(), slices)


class _LinearSliceBySlice(nn.Module):
    """A linear map that gives a slice the same answer to the bit, whichever slices are in its batch.

    Shapes:
        (batch, ..., in_features) -> (batch, ..., out_features).
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.weight, self.bias = linear.weight, linear.bias

    def forward(self, x: Tensor) -> Tensor:
        batch, in_features = x.shape[0], x.shape[-1]
        matrices = self.weight.t().expand(batch, -1, -1)
        mapped = torch.bmm(x.reshape(batch, -1, in_features), matrices)
        if self.bias is not None:
            mapped = mapped + self.bias
        return mapped.reshape(*x.shape[:-1], -1)


def _map_slices_apart(network: nn.Module) -> None:
    """Puts `_LinearSliceBySlice` in place of every linear map of long sums."""
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.Linear) and child.in_features >= _LONG_SUM:
                setattr(parent, name, _LinearSliceBySlice(child))


def _fold_batch_norms(network: nn.Module) -> None:
    """In every `nn.Sequential`, each convolution that a batch normalisation follows takes it over."""
    for sequence in network.modules():
        if not isinstance(sequence, nn.Sequential):
            continue
        for index in range(len(sequence) - 1):
            first, second = sequence[index], sequence[index + 1]
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                sequence[index], sequence[index + 1] = fuse_conv_bn_eval(first, second), nn.Identity()
