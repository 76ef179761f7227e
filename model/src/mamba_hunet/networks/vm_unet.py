"""VM-UNet as published: VMamba blocks, skips by addition, a sigmoid at the end.

Channels come last between the embedding and the last convolution: (batch, height, width, channels).
Source: Ruan and Xiang, "VM-UNet: Vision Mamba UNet for Medical Image Segmentation", 2024, figure 2.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mamba_hunet.networks.published import PublishedNetwork
from mamba_hunet.networks.token_unet import PATCH, EncoderStage, drop_path_rates, init_linear_layers
from mamba_hunet.networks.vmamba import VMambaBlock
from mamba_hunet.networks.vss import PatchEmbedding, PatchExpanding, PatchMerging


class UpsamplingStage(nn.Module):
    """Patch expanding, then blocks: (batch, h, w, 2 dim) -> (batch, 2h, 2w, dim), or the same if there is none."""

    def __init__(self, upsample: nn.Module | None, blocks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.upsample = upsample or nn.Identity()
        self.blocks = nn.Sequential(*blocks)

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(self.upsample(x))


class VSSUNet(nn.Module):
    """(batch, 3, height, width) -> (batch, 1, height, width), before the sigmoid."""

    def __init__(
        self, embed_dim: int, depths: Sequence[int], depths_decoder: Sequence[int], d_state: int, drop_path: float
    ) -> None:
        super().__init__()
        last = len(depths) - 1
        dims = [embed_dim * 2**stage for stage in range(len(depths))]
        rates = drop_path_rates(depths, drop_path)
        # Decoder rates fall towards the output: they are the encoder's kind, read backwards.
        decoder_rates = [stage[::-1] for stage in drop_path_rates(depths_decoder[::-1], drop_path)[::-1]]

        def blocks(dim: int, stage_rates: Sequence[float]) -> list[nn.Module]:
            return [VMambaBlock(dim, d_state, rate) for rate in stage_rates]

        self.patch_embed = PatchEmbedding(3, embed_dim, PATCH)
        self.layers = nn.ModuleList(
            EncoderStage(blocks(dim, rates[stage]), PatchMerging(dim) if stage < last else None)
            for stage, dim in enumerate(dims)
        )
        self.layers_up = nn.ModuleList(
            UpsamplingStage(PatchExpanding(2 * dim) if number > 0 else None, blocks(dim, decoder_rates[number]))
            for number, dim in enumerate(reversed(dims))
        )
        self.final_up = PatchExpanding(embed_dim, PATCH)
        self.final_conv = nn.Conv2d(embed_dim // PATCH, 1, kernel_size=1)
        init_linear_layers(self)

    def forward(self, image: Tensor) -> Tensor:
        x = self.patch_embed(image)
        skips = []
        for layer in self.layers:
            skips.append(x)
            x = layer(x)
        first, *others = self.layers_up
        x = first(x)
        # The finest tokens have no partner: expanding comes first in a stage, so the last skip is one level coarser.
        for layer, skip in zip(others, reversed(skips[1:]), strict=True):
            x = layer(x + skip)
        return self.final_conv(self.final_up(x).permute(0, 3, 1, 2))


class VMUNet(PublishedNetwork):
    """Lesion logits for a batch of slices; `published_output` is their sigmoid.

    Shapes:
        (batch, 1, height, width) -> same; height and width are multiples of ``4 * 2 ** (len(depths) - 1)``: 32.

    Args:
        embed_dim: token channels of the finest stage; each coarser one has twice as many.
        depths: encoder blocks a stage, finest first.
        depths_decoder: decoder blocks a stage, coarsest first.
        d_state: states per channel of the selective scan.
        drop_path: share of the deepest block's branches left out in training; finer ones less.
    """

    source = "Ruan and Xiang 2024, VM-UNet"
    # With more, and without the weights that its authors begin with, it soon says the same of every pixel.
    learning_rate = 3e-4

    def __init__(
        self,
        embed_dim: int = 96,
        depths: Sequence[int] = (2, 2, 2, 2),
        depths_decoder: Sequence[int] = (2, 2, 2, 1),
        d_state: int = 16,
        drop_path: float = 0.2,
    ) -> None:
        super().__init__()
        if len(depths_decoder) != len(depths):
            raise ValueError("depths_decoder must hold as many stages as depths")
        self.stride = PATCH * 2 ** (len(depths) - 1)
        self.vmunet = VSSUNet(embed_dim, depths, depths_decoder, d_state, drop_path)

    def forward(self, slices: Tensor) -> Tensor:
        self.check_size(slices)
        return self.vmunet(slices.expand(-1, 3, -1, -1))

    def published_output(self, slices: Tensor) -> Tensor:
        return torch.sigmoid(self(slices))
