"""Weights between those a training started from and those it came to."""

import torch
from torch import nn


@torch.no_grad()
def blend(trained: nn.Module, initial: nn.Module, initial_share: float) -> None:
    """Moves `trained`, tensor by tensor, so that `initial_share` of it is `initial`, the same network before.

    On the straight line between the two a network keeps most of what either knows (Wortsman et al., "Robust fine-tuning
    of zero-shot models", CVPR 2022, section 3).
    """
    before = initial.state_dict()
    for name, tensor in trained.state_dict().items():
        if tensor.is_floating_point():
            tensor.lerp_(before[name].to(tensor.dtype), initial_share)
