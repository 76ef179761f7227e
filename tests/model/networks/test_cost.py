"""Costs agree with counting by hand, and every network stays within its budget."""

import pytest
import torch
from mamba_hunet import create_model
from mamba_hunet.networks.cost import network_cost
from mamba_hunet.networks.vmamba import VMambaBlock
from torch.utils.flop_counter import FlopCounterMode


@pytest.mark.parametrize(
    ("name", "most_parameters", "most_multiply_accumulates"),
    [("mamba_hunet", 6e6, 3e9), ("hunet", 4e6, 8e9), ("hunet_lite", 0.4e6, 1e9)],
)
def test_our_own_networks_stay_light(name: str, most_parameters: float, most_multiply_accumulates: float):
    cost = network_cost(name)
    assert cost.parameters <= most_parameters
    assert cost.multiply_accumulates <= most_multiply_accumulates


def test_cost_grows_with_the_pixels_and_parameters_do_not():
    small, large = network_cost("mamba_unet", side=128), network_cost("mamba_unet", side=256)
    assert large.multiply_accumulates == 4 * small.multiply_accumulates
    assert large.state_updates == 4 * small.state_updates
    assert large.parameters == small.parameters


def test_state_updates_are_those_of_every_block_and_direction():
    # Tokens, channels after the expansion by two, and blocks in encoder and decoder, of each stage.
    stages = [(64 * 64, 192, 4), (32 * 32, 384, 4), (16 * 16, 768, 4), (8 * 8, 1536, 2)]
    by_hand = sum(tokens * channels * blocks for tokens, channels, blocks in stages) * 4 * 16
    assert network_cost("mamba_unet").state_updates == by_hand
    assert network_cost("unet").state_updates == 0


def test_multiplications_of_a_scan_block_are_those_of_its_linear_maps():
    dim, inner, states, rank, tokens = 32, 64, 16, 2, 64
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        VMambaBlock(dim, states)(torch.empty(1, 8, 8, dim))
    gate_and_value, depthwise, out = 2 * dim * inner, 9 * inner, inner * dim
    four_directions = 4 * ((rank + 2 * states) * inner + rank * inner)
    assert counter.get_total_flops() == 2 * tokens * (gate_and_value + depthwise + four_directions + out)


def test_a_size_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="256x256 only"):
        network_cost("swin_unet", side=160)
    assert create_model("swin_unet").slice_size == 256
