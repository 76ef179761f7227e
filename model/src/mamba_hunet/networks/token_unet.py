"""The U of Swin-Unet, which Mamba-UNet takes over with other blocks: tokens of 4x4 pixels, stages, linear skips.

Channels come last here: (batch, height, width, channels).
Source: Cao et al., "Swin-Unet", 2021, figure 1; Wang et al., "Mamba-UNet", 2024, figure 1.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from mamba_hunet.networks.published import TwoClassNetwork
from mamba_hunet.networks.vss import PatchEmbedding, PatchExpanding, PatchMerging

PATCH = 4

# Called with the stage (0 is the finest), the block's number in it, and its drop-path rate.
MakeBlock = Callable[[int, int, float], nn.Module]


class EncoderStage(nn.Module):
    """Blocks, then patch merging: (batch, h, w, dim) -> (batch, h / 2, w / 2, 2 dim), or the same if there is none."""

    def __init__(self, blocks: Sequence[nn.Module], downsample: nn.Module | None) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*blocks)
        self.downsample = downsample or nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.downsample(self.blocks(x))


class DecoderStage(nn.Module):
    """Blocks, then patch expanding: (batch, h, w, dim) -> (batch, 2h, 2w, dim / 2), or the same if there is none."""

    def __init__(self, blocks: Sequence[nn.Module], upsample: nn.Module | None) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*blocks)
        self.upsample = upsample or nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.upsample(self.blocks(x))


def drop_path_rates(depths: Sequence[int], last: float) -> list[list[float]]:
    """Rates for every block of every stage, growing linearly from 0 at the first block to `last` at the last one."""
    count = sum(depths)
    rates = iter([last * i / max(count - 1, 1) for i in range(count)])
    return [[next(rates) for _ in range(depth)] for depth in depths]


def init_linear_layers(network: nn.Module) -> None:
    """Truncated normal of deviation 0.02 for every linear layer, zero for its bias, as vision transformers start."""
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


class TokenUNet(TwoClassNetwork):
    """Encoder, bottleneck and decoder of one kind of block.

    Shapes:
        (batch, 1, height, width) -> same; height and width are multiples of ``4 * 2 ** (len(depths) - 1)``.

    Args:
        make_block: makes a block of the stage's width, (batch, h, w, dim) -> same.
        embed_dim: token channels of the finest stage; each coarser one has twice as many.
        depths: blocks a stage, finest first; the decoder mirrors them.
        drop_path: share of the last block's branches left out in training; earlier ones less.
    """

    def __init__(self, make_block: MakeBlock, embed_dim: int, depths: Sequence[int], drop_path: float) -> None:
        super().__init__()
        dims = [embed_dim * 2**stage for stage in range(len(depths))]
        self.stride = PATCH * 2 ** (len(depths) - 1)
        rates = drop_path_rates(depths, drop_path)
        last = len(depths) - 1

        def blocks(stage: int) -> list[nn.Module]:
            return [make_block(stage, number, rate) for number, rate in enumerate(rates[stage])]

        # Three equal channels: the published networks read colour images.
        self.patch_embed = PatchEmbedding(3, embed_dim, PATCH)
        self.layers = nn.ModuleList(
            EncoderStage(blocks(stage), PatchMerging(dim) if stage < last else None) for stage, dim in enumerate(dims)
        )
        self.norm = nn.LayerNorm(dims[-1])
        upwards = range(last - 1, -1, -1)
        self.layers_up = nn.ModuleList([PatchExpanding(dims[-1])])
        self.layers_up.extend(
            DecoderStage(blocks(stage), PatchExpanding(dims[stage]) if stage > 0 else None) for stage in upwards
        )
        # The first expansion has no skip; the published list keeps an empty place for it.
        self.concat_back_dim = nn.ModuleList([nn.Identity()])
        self.concat_back_dim.extend(nn.Linear(2 * dims[stage], dims[stage]) for stage in upwards)
        self.norm_up = nn.LayerNorm(embed_dim)
        self.up = PatchExpanding(embed_dim, PATCH, out_dim=embed_dim)
        self.output = nn.Conv2d(embed_dim, 2, kernel_size=1, bias=False)
        init_linear_layers(self)

    def published_output(self, slices: Tensor) -> Tensor:
        self.check_size(slices)
        x = self.patch_embed(slices.expand(-1, 3, -1, -1))
        skips = []
        for layer in self.layers:
            skips.append(x)
            x = layer(x)
        x = self._decode(self.norm(x), skips[:-1])
        return self.output(self.up(self.norm_up(x)).permute(0, 3, 1, 2))

    def _decode(self, x: Tensor, skips: list[Tensor]) -> Tensor:
        first, *others = self.layers_up
        x = first(x)
        for layer, joined, skip in zip(others, list(self.concat_back_dim)[1:], reversed(skips), strict=True):
            x = layer(joined(torch.cat((x, skip), dim=-1)))
        return x
