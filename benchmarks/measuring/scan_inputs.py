"""What a selective scan is given in a network that starts to learn."""

import torch
from torch import Tensor

# u, delta, A, B, C, D, delta_bias
Sequences = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]


def random_sequences(batch: int, dim: int, length: int, groups: int, d_state: int) -> Sequences:
    """Over sequences."""
    return (
        torch.randn(batch, dim, length),
        torch.randn(batch, dim, length) * 0.5 - 3,
        -torch.arange(1.0, d_state + 1).repeat(dim, 1),
        torch.randn(batch, groups, d_state, length),
        torch.randn(batch, groups, d_state, length),
        torch.ones(dim),
        torch.zeros(dim),
    )


def random_images(batch: int, height: int, width: int, channels: int, dt_rank: int, d_state: int) -> list[Tensor]:
    """Over images: (x, projected, dt_weight, dt_bias, A, D)."""
    return [
        torch.randn(batch, height, width, channels),
        torch.randn(batch, height, width, 4, dt_rank + 2 * d_state),
        torch.randn(4, channels, dt_rank) * 0.5 * dt_rank**-0.5,
        torch.full((4, channels), -3.0),
        -torch.arange(1.0, d_state + 1).repeat(4 * channels, 1),
        torch.ones(4 * channels),
    ]
