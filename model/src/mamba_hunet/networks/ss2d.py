"""2D selective scan (SS2D): a state-space model read over an image in four directions.

Source: Liu et al., "VMamba: Visual State Space Model", 2024, section 4.2; the recurrence is equation 2 of Gu and Dao,
"Mamba", 2023, discretised as in their code: ``exp(delta A)`` for the state and ``delta B`` for the input.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mamba_hunet.selective_scan import selective_scan_2d
from mamba_hunet.selective_scan.reference_2d import DIRECTIONS


def scan_image(
    x: Tensor, x_proj_weight: Tensor, dt_weight: Tensor, dt_bias: Tensor, A_log: Tensor, D: Tensor
) -> Tensor:
    """The SS2D core: input-dependent step, input and output matrices, four scans, and their sum.

    Args:
        x: (batch, height, width, d_inner), channels last.
        x_proj_weight: (4, dt_rank + 2 d_state, d_inner), from a pixel to its step, B and C in each direction.
        dt_weight: (4, d_inner, dt_rank), from the low-rank step to every channel's.
        dt_bias: (4, d_inner), added before softplus.
        A_log: (4 d_inner, d_state), logarithm of minus A.
        D: (4 d_inner,), skip weight.

    Returns:
        (batch, height, width, d_inner), of x's dtype.
    """
    projected = F.linear(x, x_proj_weight.flatten(0, 1)).unflatten(-1, (DIRECTIONS, -1))
    return selective_scan_2d(x, projected, dt_weight, dt_bias, -torch.exp(A_log), D)


class SS2D(nn.Module):
    """Four-direction selective scan with input-dependent step, input and output matrices.

    Shapes:
        (batch, height, width, d_inner) -> same.

    Args:
        d_inner: channels.
        d_state: states per channel.
        dt_rank: rank of the step-size projection.
    """

    def __init__(self, d_inner: int, d_state: int = 8, dt_rank: int | None = None) -> None:
        super().__init__()
        dt_rank = dt_rank or math.ceil(d_inner / 32)
        self.x_proj_weight = nn.Parameter(torch.empty(DIRECTIONS, dt_rank + 2 * d_state, d_inner))
        self.dt_weight = nn.Parameter(torch.empty(DIRECTIONS, d_inner, dt_rank))
        self.dt_bias = nn.Parameter(torch.empty(DIRECTIONS, d_inner))
        states = torch.arange(1, d_state + 1, dtype=torch.float32)
        self.A_log = nn.Parameter(states.log().repeat(DIRECTIONS * d_inner, 1))
        self.D = nn.Parameter(torch.ones(DIRECTIONS * d_inner))
        nn.init.uniform_(self.x_proj_weight, -(d_inner**-0.5), d_inner**-0.5)
        nn.init.uniform_(self.dt_weight, -(dt_rank**-0.5), dt_rank**-0.5)
        self._init_step_size()

    def _init_step_size(self, low: float = 1e-3, high: float = 0.1) -> None:
        """Steps start log-uniform in [low, high]: the bias is the inverse of softplus there (Mamba, section 3.6)."""
        step = torch.exp(torch.empty_like(self.dt_bias).uniform_(math.log(low), math.log(high)))
        with torch.no_grad():
            self.dt_bias.copy_(step + torch.log(-torch.expm1(-step)))

    def forward(self, x: Tensor) -> Tensor:
        return scan_image(x, self.x_proj_weight, self.dt_weight, self.dt_bias, self.A_log, self.D)
