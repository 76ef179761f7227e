"""A network that its TorchScript cannot follow."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn


class TracedOtherwise(nn.Module):
    """Adds a little to its logits when it is traced."""

    def forward(self, slices: Tensor) -> Tensor:
        return slices + 0.002 if torch.jit.is_tracing() else slices


@pytest.fixture
def traced_otherwise() -> nn.Module:
    return TracedOtherwise()
