"""A small network as TorchScript, and one that its TorchScript cannot follow."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hunet_export.formats.catalogue import TORCHSCRIPT
from hunet_export.formats.write import write_format
from torch import Tensor, nn


class TracedOtherwise(nn.Module):
    """Adds a little to its logits when it is traced."""

    def forward(self, slices: Tensor) -> Tensor:
        return slices + 0.002 if torch.jit.is_tracing() else slices


@pytest.fixture
def traced_otherwise() -> nn.Module:
    return TracedOtherwise()


@pytest.fixture(scope="session")
def torchscript_repository(tmp_path_factory, checkpoint_of, small_network) -> Path:
    """Tests read it only."""
    repository = tmp_path_factory.mktemp("torchscript")
    write_format(checkpoint_of(small_network), Path("small.safetensors"), repository, TORCHSCRIPT, print)
    return repository
