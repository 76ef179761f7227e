"""Swin-Unet as published: a U of Swin Transformer blocks.

Source: Cao et al., "Swin-Unet: Unet-like Pure Transformer for Medical Image Segmentation", 2021.
"""

from collections.abc import Sequence

from torch import nn

from mamba_hunet.networks.swin import SwinBlock
from mamba_hunet.networks.token_unet import PATCH, TokenUNet


class SwinUNet(TokenUNet):
    """Lesion logits for a batch of slices.

    Shapes:
        (batch, 1, slice_size, slice_size) -> same. No other size: the attention masks, which are stored with the
        weights, are made for one.

    Args:
        slice_size: pixels a row; every stage must be divisible by the window, or smaller than it.
        window: tokens a row of an attention window.
        embed_dim, depths, drop_path: as in `TokenUNet`.
        heads: attention heads a stage, finest first.
    """

    source = "Cao et al. 2021, Swin-Unet"
    # With more, and without the weights that its authors begin with, it soon says the same of every pixel.
    learning_rate = 3e-4

    def __init__(
        self,
        slice_size: int = 256,
        window: int = 8,
        embed_dim: int = 96,
        depths: Sequence[int] = (2, 2, 2, 2),
        heads: Sequence[int] = (3, 6, 12, 24),
        drop_path: float = 0.1,
    ) -> None:
        sides = [slice_size // PATCH // 2**stage for stage in range(len(depths))]
        if slice_size % (PATCH * 2 ** (len(depths) - 1)) or any(side % min(side, window) for side in sides):
            raise ValueError(f"slices of {slice_size} pixels make {sides} tokens a row: not whole windows of {window}")

        def make_block(stage: int, number: int, rate: float) -> nn.Module:
            dim = embed_dim * 2**stage
            return SwinBlock(dim, sides[stage], heads[stage], window, shifted=number % 2 == 1, drop_path=rate)

        super().__init__(make_block, embed_dim, depths, drop_path)
        self.slice_size = slice_size
