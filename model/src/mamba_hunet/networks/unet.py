"""U-Net as the benchmark of Mamba-UNet publishes it.

Source: Ronneberger, Fischer and Brox, "U-Net", 2015. The benchmark's variant has padded convolutions, batch
normalisation, leaky rectifiers, dropout that grows with depth, and bilinear upsampling behind a 1x1 convolution.
"""

import torch
from torch import Tensor, nn

from mamba_hunet.networks.published import TwoClassNetwork


class DoubleConvolution(nn.Module):
    """Twice 3x3 convolution, batch normalisation, leaky rectifier, with dropout between the two."""

    def __init__(self, in_channels: int, out_channels: int, dropout: float) -> None:
        super().__init__()
        self.conv_conv = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1),
            nn.BatchNorm2d(out_channels),
            nn.LeakyReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Conv2d(out_channels, out_channels, kernel_size=3, padding=1),
            nn.BatchNorm2d(out_channels),
            nn.LeakyReLU(inplace=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.conv_conv(x)


class Downsampling(nn.Module):
    """Largest of 2x2 pixels, then two convolutions. (batch, in, h, w) -> (batch, out, h / 2, w / 2)."""

    def __init__(self, in_channels: int, out_channels: int, dropout: float) -> None:
        super().__init__()
        self.maxpool_conv = nn.Sequential(nn.MaxPool2d(2), DoubleConvolution(in_channels, out_channels, dropout))

    def forward(self, x: Tensor) -> Tensor:
        return self.maxpool_conv(x)


class Upsampling(nn.Module):
    """Fewer channels, twice the pixels, the skip in front, two convolutions.

    Shapes:
        coarse (batch, in, h, w), skip (batch, out, 2h, 2w) -> (batch, out, 2h, 2w).
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1x1 = nn.Conv2d(in_channels, out_channels, kernel_size=1)
        self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.conv = DoubleConvolution(2 * out_channels, out_channels, dropout=0.0)

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        return self.conv(torch.cat((skip, self.up(self.conv1x1(coarse))), dim=1))


class Encoder(nn.Module):
    """(batch, in_channels, h, w) -> five feature maps, each half as high and wide as the one before."""

    def __init__(self, in_channels: int, widths: tuple[int, ...], dropouts: tuple[float, ...]) -> None:
        super().__init__()
        self.in_conv = DoubleConvolution(in_channels, widths[0], dropouts[0])
        self.down1 = Downsampling(widths[0], widths[1], dropouts[1])
        self.down2 = Downsampling(widths[1], widths[2], dropouts[2])
        self.down3 = Downsampling(widths[2], widths[3], dropouts[3])
        self.down4 = Downsampling(widths[3], widths[4], dropouts[4])

    def forward(self, image: Tensor) -> list[Tensor]:
        levels = [self.in_conv(image)]
        for down in (self.down1, self.down2, self.down3, self.down4):
            levels.append(down(levels[-1]))
        return levels


class Decoder(nn.Module):
    """The encoder's five feature maps -> (batch, classes, h, w)."""

    def __init__(self, widths: tuple[int, ...], classes: int) -> None:
        super().__init__()
        self.up1 = Upsampling(widths[4], widths[3])
        self.up2 = Upsampling(widths[3], widths[2])
        self.up3 = Upsampling(widths[2], widths[1])
        self.up4 = Upsampling(widths[1], widths[0])
        self.out_conv = nn.Conv2d(widths[0], classes, kernel_size=3, padding=1)

    def forward(self, levels: list[Tensor]) -> Tensor:
        *skips, x = levels
        for up, skip in zip((self.up1, self.up2, self.up3, self.up4), reversed(skips), strict=True):
            x = up(x, skip)
        return self.out_conv(x)


class UNet(TwoClassNetwork):
    """Lesion logits for a batch of slices.

    Shapes:
        (batch, 1, height, width) -> same; height and width are multiples of 16.

    Args:
        widths: channels at each of the five resolutions, finest first.
        dropouts: share of values left out in the encoder's blocks in training, finest first.
    """

    source = "Ronneberger et al. 2015, U-Net"
    stride = 16

    def __init__(
        self,
        widths: tuple[int, ...] = (16, 32, 64, 128, 256),
        dropouts: tuple[float, ...] = (0.05, 0.1, 0.2, 0.3, 0.5),
    ) -> None:
        super().__init__()
        self.encoder = Encoder(1, widths, dropouts)
        self.decoder = Decoder(widths, classes=2)

    def published_output(self, slices: Tensor) -> Tensor:
        self.check_size(slices)
        return self.decoder(self.encoder(slices))
