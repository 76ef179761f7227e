"""Small versions of every network, and the facts measured on the published ones."""

import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from mamba_hunet import create_model
from mamba_hunet.networks.base import SegmentationNetwork
from torch import Tensor, nn

# Constructor arguments that make each network quick to train; its structure stays.
SMALL: dict[str, dict[str, Any]] = {
    "mamba_hunet": {"embed_dim": 8, "encoder_depths": (1, 1), "decoder_depths": (1,), "conv_channels": (4, 4)},
    "hunet": {"channels": (8, 12, 16, 16), "context_channels": (4, 6, 8, 8), "dropout": 0.1},
    "hunet_lite": {"channels": (8, 12, 16, 16), "context_channels": (4, 6, 8, 8), "dropout": 0.1},
    "unet": {"widths": (8, 8, 12, 12, 16)},
    "swin_unet": {"slice_size": 32, "window": 4, "embed_dim": 16, "depths": (2, 1), "heads": (2, 4)},
    "mamba_unet": {"embed_dim": 16, "depths": (1, 1), "d_state": 4},
    "vm_unet": {"embed_dim": 16, "depths": (1, 1), "depths_decoder": (1, 1), "d_state": 4},
}


@pytest.fixture(params=list(SMALL))
def small(request: pytest.FixtureRequest) -> SegmentationNetwork:
    """Each network in turn, small, with weights of one seed."""
    torch.manual_seed(0)
    return create_model(request.param, **SMALL[request.param])


@pytest.fixture(scope="session")
def small_options() -> dict[str, dict[str, Any]]:
    return SMALL


@pytest.fixture(scope="session")
def published_facts() -> dict[str, Any]:
    """Names, shapes and sample outputs of the published networks, measured by running their own public code.

    Weights and input are drawn by rule (`fill_by_rule`, `published_input`), so the figures can be had again.
    """
    return json.loads(Path(__file__).with_name("published_networks.json").read_text())


@pytest.fixture(scope="session")
def fill_by_rule() -> Callable[[nn.Module], None]:
    """Fills a network with numbers that depend on the names of its tensors alone."""

    def fill(network: nn.Module) -> None:
        network.load_state_dict({name: _filled(name, tensor) for name, tensor in network.state_dict().items()})

    return fill


def _filled(name: str, tensor: Tensor) -> Tensor:
    if not tensor.is_floating_point() or name.endswith("attn_mask"):
        return tensor
    seed = zlib.crc32(name.encode()) & 0x7FFFFFFF
    noise = torch.randn(tensor.shape, generator=torch.Generator().manual_seed(seed))
    last = name.rpartition(".")[2]
    if last == "running_var":
        return 1 + 0.1 * noise.abs()
    if last == "running_mean":
        return 0.1 * noise
    if last == "A_logs":
        return torch.arange(1, tensor.shape[1] + 1).log() + 0.02 * noise
    if last == "dt_projs_bias":
        return -4 + 0.5 * noise
    if last == "Ds" or (last == "weight" and tensor.ndim == 1):
        return 1 + 0.1 * noise
    return 0.05 * noise


@pytest.fixture(scope="session")
def published_input() -> Tensor:
    return torch.randn(1, 1, 256, 256, generator=torch.Generator().manual_seed(7))
