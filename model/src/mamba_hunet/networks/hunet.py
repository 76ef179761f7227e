"""HUNet and its lighter variant: two convolutional pathways, hierarchical upsampling, supervision at three scales.

`docs/networks.md` maps what the paper says of them to the modules here. Channels come first: (batch, channels, h, w).
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from mamba_hunet.networks.base import SegmentationNetwork, TrainingLogits
from mamba_hunet.networks.conv import ConvBlock, ConvUpsampling, SeparableConvBlock

SUPERVISED_SCALES = 3


class Pathway(nn.Module):
    """A feature map at every scale, each half as high and wide as the one before.

    Args:
        channels: at each scale, finest first.
        dilations: of the convolutions that follow the first one of a scale; they decide how far the pathway looks.
        block: makes the convolutions; the first one of all is always a full one, for it reads a single channel.
    """

    def __init__(self, channels: Sequence[int], dilations: Sequence[int], block: type[nn.Module]) -> None:
        super().__init__()
        ins = [1, *channels[:-1]]
        self.scales = nn.ModuleList(
            nn.Sequential(
                ConvBlock(before, width) if scale == 0 else block(before, width, stride=2),
                *[block(width, width, dilation=dilation) for dilation in dilations],
            )
            for scale, (before, width) in enumerate(zip(ins, channels, strict=True))
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        maps = []
        for scale in self.scales:
            image = scale(image)
            maps.append(image)
        return maps


class Fusion(nn.Module):
    """Both pathways' maps of one scale become one. (batch, a, h, w), (batch, b, h, w) -> (batch, out, h, w)."""

    def __init__(self, in_channels: int, out_channels: int, dropout: float) -> None:
        super().__init__()
        self.mix = nn.Conv2d(in_channels, out_channels, kernel_size=1, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)
        self.activation = nn.LeakyReLU(0.01, inplace=True)
        self.dropout = nn.Dropout2d(dropout)

    def forward(self, local: Tensor, context: Tensor) -> Tensor:
        return self.dropout(self.activation(self.norm(self.mix(torch.cat((local, context), dim=1)))))


class HUNet(SegmentationNetwork):
    """Lesion logits for a batch of slices.

    Shapes:
        (batch, 1, height, width) -> same; height and width are multiples of ``2 ** (len(channels) - 1)``: 16.

    Args:
        channels: of the local pathway and of the decoder at each scale, finest first; at least three.
        context_channels: of the context pathway at each scale.
        context_dilations: of the context pathway's convolutions at each scale.
        convolutions: of an upsampling block, after its transposed convolution.
        dropout: share of channels left out in training at the coarsest scale; less at finer ones, none at the finest.
        separable: whether convolutions are depth-wise separable.
    """

    source = "Sanjid et al. 2024, HUNet"

    def __init__(
        self,
        channels: Sequence[int] = (24, 48, 96, 160, 224),
        context_channels: Sequence[int] = (12, 24, 48, 80, 112),
        context_dilations: Sequence[int] = (2, 4),
        convolutions: int = 2,
        dropout: float = 0.3,
        separable: bool = False,
    ) -> None:
        super().__init__()
        coarsest = len(channels) - 1
        self.stride = 2**coarsest
        block: type[nn.Module] = SeparableConvBlock if separable else ConvBlock
        self.local_pathway = Pathway(channels, (1,), block)
        self.context_pathway = Pathway(context_channels, context_dilations, block)
        self.fusion = nn.ModuleList(
            Fusion(local + context, local, dropout * scale / coarsest)
            for scale, (local, context) in enumerate(zip(channels, context_channels, strict=True))
        )
        self.upsampling = nn.ModuleList(
            ConvUpsampling(coarse, fine, convolutions, block) for fine, coarse in pairwise(channels)
        )
        self.heads = nn.ModuleList(nn.Conv2d(width, 1, kernel_size=1) for width in channels[:SUPERVISED_SCALES])

    def forward(self, slices: Tensor) -> Tensor:
        return self.heads[0](self._decoded(slices)[0])

    def training_logits(self, slices: Tensor) -> TrainingLogits:
        """Logits at full, half and quarter resolution, for supervision at every scale."""
        decoded = self._decoded(slices)[:SUPERVISED_SCALES]
        return TrainingLogits(tuple(head(features) for head, features in zip(self.heads, decoded, strict=True)))

    def _decoded(self, slices: Tensor) -> list[Tensor]:
        """The decoder's feature maps, finest first."""
        self.check_size(slices)
        pathways = zip(self.local_pathway(slices), self.context_pathway(slices), strict=True)
        *skips, x = [fuse(local, context) for fuse, (local, context) in zip(self.fusion, pathways, strict=True)]
        decoded = [x]
        for upsample, skip in zip(reversed(self.upsampling), reversed(skips), strict=True):
            decoded.append(upsample(decoded[-1], skip))
        return decoded[::-1]


class HUNetLite(HUNet):
    """HUNet with fewer channels, depth-wise separable convolutions, one of them a block, and less dropout."""

    source = "Sanjid et al. 2024, lighter HUNet"

    def __init__(
        self,
        channels: Sequence[int] = (16, 32, 64, 96, 128),
        context_channels: Sequence[int] = (8, 16, 32, 48, 64),
        context_dilations: Sequence[int] = (3,),
        convolutions: int = 1,
        dropout: float = 0.15,
        separable: bool = True,
    ) -> None:
        super().__init__(channels, context_channels, context_dilations, convolutions, dropout, separable)
