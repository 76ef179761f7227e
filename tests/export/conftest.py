"""A small network around the real operator, so that an export takes seconds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mamba_hunet.checkpoint import Checkpoint, CheckpointConfig
from mamba_hunet.precision import Precision
from mamba_hunet.selective_scan import selective_scan
from torch import Tensor, nn
from torch.nn import functional as F

WEIGHTS_SHA256 = "c0ffee" + "0" * 58


class SmallScanNetwork(nn.Module):
    """Slices (n, 1, 256, 256) -> logits: a scan along the rows of a coarse image, added to the slice."""

    def __init__(self) -> None:
        super().__init__()
        self.A = nn.Parameter(-torch.rand(4, 8) - 0.1)
        self.mix = nn.Conv2d(4, 1, kernel_size=1)

    def forward(self, slices: Tensor) -> Tensor:
        coarse = F.avg_pool2d(slices, 8)
        u = coarse.flatten(2).expand(-1, 4, -1).contiguous()
        B = u[:, None, :1].expand(-1, -1, 8, -1).contiguous()
        scanned = selective_scan(u, u, self.A, B, B, None, None, True)
        mixed = self.mix(scanned.unflatten(-1, coarse.shape[-2:]))
        return slices + F.interpolate(mixed, scale_factor=8.0)


class TwoFacedNetwork(SmallScanNetwork):
    """Adds a little to its logits when it is traced: too little for the canary to notice."""

    def forward(self, slices: Tensor) -> Tensor:
        logits = super().forward(slices)
        return logits + 0.002 if torch.compiler.is_exporting() else logits


class ConstantNetwork(nn.Module):
    def forward(self, slices: Tensor) -> Tensor:
        return 0.0 * slices


@pytest.fixture(scope="session")
def checkpoint_of() -> Callable[[nn.Module], Checkpoint]:
    """A loaded checkpoint that holds this network."""

    def make(network: nn.Module) -> Checkpoint:
        return Checkpoint(network.eval(), CheckpointConfig("mamba_hunet"), WEIGHTS_SHA256)

    return make


@pytest.fixture
def two_faced_network() -> nn.Module:
    return TwoFacedNetwork()


@pytest.fixture
def constant_network() -> nn.Module:
    return ConstantNetwork()


@pytest.fixture(scope="session")
def small_network() -> nn.Module:
    torch.manual_seed(1)
    return SmallScanNetwork()


@pytest.fixture(scope="session")
def exported(tmp_path_factory, checkpoint_of, small_network) -> Path:
    """A model repository into which the small network was exported. Tests read it only."""
    from hunet_export.publish import publish

    repository = tmp_path_factory.mktemp("exported") / "model_repository"
    publish(checkpoint_of(small_network), Path("small.safetensors"), repository, Precision.FLOAT32, print)
    return repository
