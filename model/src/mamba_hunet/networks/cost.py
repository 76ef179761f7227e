"""What a network costs: parameters, multiplications, and steps of the selective scan."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from mamba_hunet.networks import create_model
from mamba_hunet.networks.ss2d import SS2D
from mamba_hunet.networks.vmamba import GatedScan


@dataclass(frozen=True)
class NetworkCost:
    """Cost of one slice.

    Attributes:
        parameters: trainable numbers.
        multiply_accumulates: of convolutions, linear layers and attention; the scan's own are not among them.
        state_updates: steps of the selective scan, each of one state of one channel.
    """

    parameters: int
    multiply_accumulates: int
    state_updates: int


def network_cost(name: str, side: int = 256) -> NetworkCost:
    """Counts what a network does to one slice of `side` x `side` pixels, without doing it: no number is computed.

    Raises:
        ValueError: the name is not known, or the network does not take slices of this side.
    """
    with torch.device("meta"):
        network = create_model(name).eval()
        slices = torch.empty(1, 1, side, side)
    updates: list[int] = []

    def count_updates(scan: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        _, height, width, _ = output.shape
        updates.append(height * width * _states_a_pixel(scan))

    for module in network.modules():
        if isinstance(module, SS2D | GatedScan):
            module.register_forward_hook(count_updates)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(slices)
    return NetworkCost(
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        multiply_accumulates=counter.get_total_flops() // 2,
        state_updates=sum(updates),
    )


def _states_a_pixel(scan: nn.Module) -> int:
    """In all four directions together: the decay matrix has one entry for each."""
    decay = scan.A_logs if isinstance(scan, GatedScan) else scan.A_log
    assert isinstance(decay, Tensor)
    return decay.numel()
