"""Mamba-HUNet: a visual state-space encoder and decoder with HUNet's convolutional pathway and upsampling.

`docs/mamba_hunet.md` maps each sentence of the paper's section 3 to the modules here.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from mamba_hunet.networks.base import SegmentationNetwork, TrainingLogits
from mamba_hunet.networks.brain_gate import lesion_in_brain
from mamba_hunet.networks.conv import ConvPathway, ConvUpsampling, TokenUpsampling
from mamba_hunet.networks.vss import PatchEmbedding, PatchMerging, VSSBlock

PATCH = 4
# The brain's logit before training: shut, the gate would pass the lesion head no gradient.
_OPEN_GATE = 3.0


def _vss_stage(dim: int, depth: int, d_state: int, drop_path: float) -> nn.Sequential:
    return nn.Sequential(*[VSSBlock(dim, d_state, drop_path=drop_path) for _ in range(depth)])


class MambaHUNet(SegmentationNetwork):
    """Lesion logits for a batch of slices.

    Shapes:
        (batch, in_channels, height, width) -> (batch, 1, height, width); height and width are multiples of
        ``4 * 2 ** (len(encoder_depths) - 1)``: 32 by default.

    Args:
        in_channels: channels of a slice.
        embed_dim: token channels of the first stage; each patch merging doubles them.
        encoder_depths: VSS blocks a stage, finest first.
        decoder_depths: VSS blocks a stage, finest first; one stage fewer than the encoder.
        conv_channels: the convolutional pathway's channels at full and at half resolution.
        d_state: states per channel of the selective scan.
        drop_path: share of VSS branches left out in training.
        dropout: share of channels left out after each upsampling in training.
    """

    source = "Sanjid et al. 2024, Mamba-HUNet"

    def __init__(
        self,
        in_channels: int = 1,
        embed_dim: int = 48,
        encoder_depths: Sequence[int] = (1, 1, 2, 2),
        decoder_depths: Sequence[int] = (1, 1, 1),
        conv_channels: tuple[int, int] = (16, 32),
        d_state: int = 8,
        drop_path: float = 0.1,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if len(decoder_depths) != len(encoder_depths) - 1:
            raise ValueError("decoder_depths must hold one stage fewer than encoder_depths")
        full, half = conv_channels
        dims = [embed_dim * 2**i for i in range(len(encoder_depths))]
        self.stride = PATCH * 2 ** (len(dims) - 1)

        self.conv_pathway = ConvPathway(in_channels, (full, half, embed_dim))
        self.patch_embedding = PatchEmbedding(in_channels, embed_dim, PATCH)
        self.encoder = nn.ModuleList(
            _vss_stage(dim, depth, d_state, drop_path) for dim, depth in zip(dims, encoder_depths, strict=True)
        )
        self.merging = nn.ModuleList(PatchMerging(dim) for dim in dims[:-1])
        self.upsampling = nn.ModuleList(TokenUpsampling(2 * dim, dropout) for dim in dims[:-1])
        self.decoder = nn.ModuleList(
            _vss_stage(dim, depth, d_state, drop_path) for dim, depth in zip(dims, decoder_depths, strict=False)
        )
        self.up_half = ConvUpsampling(embed_dim, half)
        self.up_full = ConvUpsampling(half, full, convolutions=2)
        self.head = nn.Conv2d(full, 1, kernel_size=1)
        self.head_brain = nn.Conv2d(full, 1, kernel_size=1)
        nn.init.constant_(self.head_brain.bias, _OPEN_GATE)  # type: ignore[arg-type]
        self.head_half = nn.Conv2d(half, 1, kernel_size=1)
        self.head_quarter = nn.Conv2d(embed_dim, 1, kernel_size=1)

    def forward(self, slices: Tensor) -> Tensor:
        full, _, _ = self._features(slices)
        return lesion_in_brain(self.head(full), self.head_brain(full))

    def training_logits(self, slices: Tensor) -> TrainingLogits:
        """Lesion logits at full, half and quarter resolution, the first through the gate, and the brain's."""
        full, half, quarter = self._features(slices)
        brain = self.head_brain(full)
        lesion = lesion_in_brain(self.head(full), brain)
        return TrainingLogits((lesion, self.head_half(half), self.head_quarter(quarter)), brain)

    def _features(self, slices: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        self.check_size(slices)
        conv_full, conv_half, conv_quarter = self.conv_pathway(slices)
        tokens = self.patch_embedding(slices) + conv_quarter.permute(0, 2, 3, 1)
        quarter = self._decode(self._encode(tokens)).permute(0, 3, 1, 2)
        half = self.up_half(quarter, conv_half)
        full = self.up_full(half, conv_full)
        return full, half, quarter

    def _encode(self, tokens: Tensor) -> list[Tensor]:
        levels = [self.encoder[0](tokens)]
        for merge, stage in zip(self.merging, list(self.encoder)[1:], strict=True):
            levels.append(stage(merge(levels[-1])))
        return levels

    def _decode(self, levels: list[Tensor]) -> Tensor:
        *skips, x = levels
        for upsample, stage, skip in zip(
            reversed(self.upsampling), reversed(self.decoder), reversed(skips), strict=True
        ):
            x = stage(upsample(x, skip))
        return x
