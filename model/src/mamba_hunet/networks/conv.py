"""HUNet's convolutional parts: the blocks of the full-resolution pathway and the upsampling blocks.

Channels come first here: (batch, channels, height, width).
"""

import torch
from torch import Tensor, nn

from mamba_hunet.networks.vss import PatchExpanding


class Conv3x3(nn.Conv2d):
    """3x3 convolution without bias. (batch, in, h, w) -> (batch, out, h / stride, w / stride).

    A dilated one is trained in float32: oneDNN's bfloat16 gradients of its weights are wrong for channels-last images,
    of some widths and of every depth-wise convolution (torch 2.13).
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int, dilation: int, groups: int = 1) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size=3,
            stride=stride,
            padding=dilation,
            dilation=dilation,
            groups=groups,
            bias=False,
        )

    def forward(self, input: Tensor) -> Tensor:
        if self.dilation == (1, 1) or not (torch.is_grad_enabled() and torch.is_autocast_enabled("cpu")):
            return super().forward(input)
        with torch.autocast("cpu", enabled=False):
            return super().forward(input.float())


class ConvBlock(nn.Sequential):
    """3x3 convolution, batch normalisation, rectifier. (batch, in, h, w) -> (batch, out, h / stride, w / stride)."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__(
            Conv3x3(in_channels, out_channels, stride, dilation),
            nn.BatchNorm2d(out_channels),
            nn.LeakyReLU(0.01, inplace=True),
        )


class SeparableConvBlock(nn.Sequential):
    """`ConvBlock` with its convolution split in two: 3x3 within each channel, then 1x1 across channels.

    About a ninth of the parameters and multiplications. Source: Howard et al., "MobileNets", 2017, section 3.1.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__(
            Conv3x3(in_channels, in_channels, stride, dilation, groups=in_channels),
            nn.Conv2d(in_channels, out_channels, kernel_size=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.LeakyReLU(0.01, inplace=True),
        )


class ConvPathway(nn.Module):
    """Keeps what a patch of 4x4 pixels would lose: features at full, half and quarter resolution.

    Shapes:
        (batch, in_channels, h, w) -> (batch, c0, h, w), (batch, c1, h / 2, w / 2), (batch, c2, h / 4, w / 4).
    """

    def __init__(self, in_channels: int, channels: tuple[int, int, int]) -> None:
        super().__init__()
        full, half, quarter = channels
        self.full_resolution = nn.Sequential(ConvBlock(in_channels, full), ConvBlock(full, full))
        self.half_resolution = nn.Sequential(ConvBlock(full, half, stride=2), ConvBlock(half, half))
        self.quarter_resolution = ConvBlock(half, quarter, stride=2)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        full = self.full_resolution(image)
        half = self.half_resolution(full)
        return full, half, self.quarter_resolution(half)


class TokenUpsampling(nn.Module):
    """HUNet upsampling between VSS stages: patch expanding and a transposed convolution side by side, then the skip.

    Shapes:
        coarse (batch, h, w, dim), skip (batch, 2h, 2w, dim / 2) -> (batch, 2h, 2w, dim / 2).
    """

    def __init__(self, dim: int, dropout: float) -> None:
        super().__init__()
        half = dim // 2
        self.expanding = PatchExpanding(dim)
        self.transposed = nn.ConvTranspose2d(dim, half, kernel_size=2, stride=2)
        self.fuse = nn.Sequential(
            nn.Conv2d(dim, half, kernel_size=1, bias=False), nn.BatchNorm2d(half), ConvBlock(half, half)
        )
        self.dropout = nn.Dropout2d(dropout)

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        tokens = self.expanding(coarse).permute(0, 3, 1, 2)
        up = tokens + self.transposed(coarse.permute(0, 3, 1, 2))
        fused = self.fuse(torch.cat((up, skip.permute(0, 3, 1, 2)), dim=1))
        return self.dropout(fused).permute(0, 2, 3, 1)


class ConvUpsampling(nn.Module):
    """HUNet upsampling towards full resolution: transposed convolution, skip, convolutions.

    Shapes:
        coarse (batch, in, h, w), skip (batch, out, 2h, 2w) -> (batch, out, 2h, 2w).
    """

    def __init__(
        self, in_channels: int, out_channels: int, convolutions: int = 1, block: type[nn.Module] = ConvBlock
    ) -> None:
        super().__init__()
        self.transposed = nn.ConvTranspose2d(in_channels, out_channels, kernel_size=2, stride=2)
        extra = [block(out_channels, out_channels) for _ in range(convolutions - 1)]
        self.convolutions = nn.Sequential(block(2 * out_channels, out_channels), *extra)

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        return self.convolutions(torch.cat((self.transposed(coarse), skip), dim=1))
