"""Swin Transformer block: attention within windows, which move by half a window in every second block.

Channels come last here: (batch, height, width, channels).
Source: Liu et al., "Swin Transformer", 2021, section 3.2; relative position bias, equation 4.
"""

import torch
from torch import Tensor, nn

from mamba_hunet.networks.vss import DropPath

# Added to the score of two tokens that are neighbours only because the image was rolled round.
FORBIDDEN = -100.0


def split_windows(x: Tensor, window: int) -> Tensor:
    """(batch, height, width, dim) -> (batch * windows, window * window, dim)."""
    batch, height, width, dim = x.shape
    windows = x.view(batch, height // window, window, width // window, window, dim).permute(0, 1, 3, 2, 4, 5)
    return windows.reshape(-1, window * window, dim)


def join_windows(windows: Tensor, window: int, height: int, width: int) -> Tensor:
    """(batch * windows, window * window, dim) -> (batch, height, width, dim); undoes `split_windows`."""
    x = windows.view(-1, height // window, width // window, window, window, windows.shape[-1])
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, height, width, windows.shape[-1])


def relative_position_index(window: int) -> Tensor:
    """Which row of the bias table two tokens of a window share: (window**2, window**2) int64."""
    rows, columns = torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")
    positions = torch.stack((rows.flatten(), columns.flatten()))
    down, right = positions[:, :, None] - positions[:, None, :] + window - 1
    return down * (2 * window - 1) + right


def shifted_window_mask(side: int, window: int, shift: int) -> Tensor:
    """What keeps tokens from opposite edges of a rolled image apart.

    Returns:
        (windows, window**2, window**2) float32: `FORBIDDEN` between tokens of different regions, else 0.
    """
    strip = torch.zeros(side)
    strip[-window:] = 1
    strip[-shift:] = 2
    regions = (3 * strip[:, None] + strip)[None, :, :, None]
    region = split_windows(regions, window).squeeze(-1)
    return torch.where(region[:, :, None] == region[:, None, :], 0.0, FORBIDDEN)


class WindowAttention(nn.Module):
    """Multi-head attention of the tokens of each window, with a learnt bias for their relative position.

    Shapes:
        windows (batch * windows, window**2, dim), mask (windows, window**2, window**2) or None -> as windows.
    """

    relative_position_index: Tensor

    def __init__(self, dim: int, window: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.relative_position_bias_table = nn.Parameter(torch.empty((2 * window - 1) ** 2, heads))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)
        self.register_buffer("relative_position_index", relative_position_index(window))
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, windows: Tensor, mask: Tensor | None) -> Tensor:
        query, key, value = self.qkv(windows).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        scores = query * query.shape[-1] ** -0.5 @ key.transpose(-2, -1) + self._bias()
        if mask is not None:
            by_image = scores.unflatten(0, (-1, mask.shape[0])) + mask[:, None]
            scores = by_image.flatten(0, 1)
        mixed = scores.softmax(dim=-1) @ value
        return self.proj(mixed.transpose(1, 2).flatten(2))

    def _bias(self) -> Tensor:
        """(heads, window**2, window**2)."""
        return self.relative_position_bias_table[self.relative_position_index].permute(2, 0, 1)


class Perceptron(nn.Module):
    """Two linear layers with a GELU between them. (..., dim) -> same."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.act(self.fc1(x)))


class SwinBlock(nn.Module):
    """Window attention and a perceptron, each behind a layer norm and added to its input.

    Shapes:
        (batch, side, side, dim) -> same.

    Args:
        dim: channels.
        side: tokens a row; the mask is made for it.
        heads: of the attention.
        window: tokens a row of a window.
        shifted: whether windows lie half a window off; no difference where one window holds all tokens.
        drop_path: share of either branch left out in training.
    """

    attn_mask: Tensor | None

    def __init__(self, dim: int, side: int, heads: int, window: int, shifted: bool, drop_path: float) -> None:
        super().__init__()
        self.window = min(window, side)
        self.shift = self.window // 2 if shifted and side > window else 0
        mask = shifted_window_mask(side, self.window, self.shift) if self.shift else None
        self.register_buffer("attn_mask", mask)
        self.norm1 = nn.LayerNorm(dim)
        self.attn = WindowAttention(dim, self.window, heads)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = Perceptron(dim, 4 * dim)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop_path(self._attend(self.norm1(x)))
        return x + self.drop_path(self.mlp(self.norm2(x)))

    def _attend(self, x: Tensor) -> Tensor:
        height, width = x.shape[1:3]
        if self.shift:
            x = torch.roll(x, (-self.shift, -self.shift), dims=(1, 2))
        windows = self.attn(split_windows(x, self.window), self.attn_mask)
        x = join_windows(windows, self.window, height, width)
        return torch.roll(x, (self.shift, self.shift), dims=(1, 2)) if self.shift else x
