"""Visual state-space (VSS) block and the layers that change resolution between VSS stages.

Channels come last here: (batch, height, width, channels).
Source: Liu et al., "VMamba", 2024, figure 3; patch merging and expanding: Cao et al., "Swin-Unet", 2021, section 3.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mamba_hunet.networks.ss2d import SS2D


class DropPath(nn.Module):
    """Leaves out a residual branch for a random part of the batch (stochastic depth)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0.0:
            return x
        keep = 1.0 - self.rate
        mask = torch.empty(x.shape[0], 1, 1, 1, dtype=x.dtype, device=x.device).bernoulli_(keep)
        return x * mask / keep


class VSSBlock(nn.Module):
    """Layer norm, then a gated 2D selective scan on depth-wise convolved features, added to its input.

    Shapes:
        (batch, height, width, dim) -> same.
    """

    def __init__(self, dim: int, d_state: int = 8, expand: int = 2, drop_path: float = 0.0) -> None:
        super().__init__()
        d_inner = expand * dim
        self.norm = nn.LayerNorm(dim)
        self.in_proj = nn.Linear(dim, 2 * d_inner, bias=False)
        self.conv = nn.Conv2d(d_inner, d_inner, kernel_size=3, padding=1, groups=d_inner)
        self.ss2d = SS2D(d_inner, d_state)
        self.out_norm = nn.LayerNorm(d_inner)
        self.out_proj = nn.Linear(d_inner, dim, bias=False)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.in_proj(self.norm(x)).chunk(2, dim=-1)
        value = F.silu(self.conv(value.permute(0, 3, 1, 2))).permute(0, 2, 3, 1)
        scanned = self.ss2d(value)
        return x + self.drop_path(self.out_proj(self.out_norm(scanned) * F.silu(gate)))


class PatchEmbedding(nn.Module):
    """Cuts the image into patches and maps each linearly to a token.

    Shapes:
        (batch, in_channels, height, width) -> (batch, height / patch, width / patch, dim).
    """

    def __init__(self, in_channels: int, dim: int, patch: int = 4) -> None:
        super().__init__()
        self.proj = nn.Conv2d(in_channels, dim, kernel_size=patch, stride=patch)
        self.norm = nn.LayerNorm(dim)

    def forward(self, image: Tensor) -> Tensor:
        return self.norm(self.proj(image).permute(0, 2, 3, 1))


class PatchMerging(nn.Module):
    """Halves the resolution and doubles the channels: 2x2 neighbours are joined and mapped linearly.

    Shapes:
        (batch, height, width, dim) -> (batch, height / 2, width / 2, 2 dim).
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * dim)
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        neighbours = (x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2])
        return self.reduction(self.norm(torch.cat(neighbours, dim=-1)))


class PatchExpanding(nn.Module):
    """Multiplies the resolution by `scale`: each token is mapped linearly to its scale x scale children.

    Shapes:
        (batch, height, width, dim) -> (batch, scale height, scale width, out_dim); out_dim is dim / scale by default.
    """

    def __init__(self, dim: int, scale: int = 2, out_dim: int | None = None) -> None:
        super().__init__()
        self.scale = scale
        out_dim = out_dim or dim // scale
        self.expand = nn.Linear(dim, scale * scale * out_dim, bias=False)
        self.norm = nn.LayerNorm(out_dim)

    def forward(self, x: Tensor) -> Tensor:
        children = self.expand(x).unflatten(-1, (self.scale, self.scale, -1))
        return self.norm(children.permute(0, 1, 3, 2, 4, 5).flatten(3, 4).flatten(1, 2))
