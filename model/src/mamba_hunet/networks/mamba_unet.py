"""Mamba-UNet as published: Swin-Unet's U of VMamba blocks.

Source: Wang et al., "Mamba-UNet: UNet-Like Pure Visual Mamba for Medical Image Segmentation", 2024.
"""

from collections.abc import Sequence

from torch import nn

from mamba_hunet.networks.token_unet import TokenUNet
from mamba_hunet.networks.vmamba import VMambaBlock


class MambaUNet(TokenUNet):
    """Lesion logits for a batch of slices.

    Shapes:
        (batch, 1, height, width) -> same; height and width are multiples of 32.

    Args:
        embed_dim, depths, drop_path: as in `TokenUNet`.
        d_state: states per channel of the selective scan.
    """

    source = "Wang et al. 2024, Mamba-UNet"
    # With more, and without the weights that its authors begin with, it soon says the same of every pixel.
    learning_rate = 3e-4

    def __init__(
        self,
        embed_dim: int = 96,
        depths: Sequence[int] = (2, 2, 2, 2),
        d_state: int = 16,
        drop_path: float = 0.2,
    ) -> None:
        def make_block(stage: int, number: int, rate: float) -> nn.Module:
            return VMambaBlock(embed_dim * 2**stage, d_state, rate)

        super().__init__(make_block, embed_dim, depths, drop_path)
