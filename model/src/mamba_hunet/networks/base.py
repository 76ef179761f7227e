"""What every network here can do."""

from typing import ClassVar, NamedTuple

from torch import Tensor, nn


class TrainingLogits(NamedTuple):
    """What a network is supervised by.

    Attributes:
        lesion: at every scale that is supervised, finest first; the first is what is served.
        brain: whether a pixel is brain, (batch, 1, height, width), of a network that says so.
    """

    lesion: tuple[Tensor, ...]
    brain: Tensor | None = None


class SegmentationNetwork(nn.Module):
    """Maps normalised slices (batch, 1, height, width) float32 to lesion logits of the same shape.

    Attributes:
        source: the paper that describes the network.
        learning_rate: AdamW's, for 8 slices a step and fresh weights.
        stride: height and width must be multiples of it.
        slice_size: the one height and width that fits, for a network that takes no other; else None.
    """

    source: ClassVar[str]
    learning_rate: ClassVar[float] = 1e-3
    stride: int
    slice_size: int | None = None

    def training_logits(self, slices: Tensor) -> TrainingLogits:
        """All that is supervised in training; by default the served logits alone."""
        return TrainingLogits((self(slices),))

    def check_size(self, slices: Tensor) -> None:
        """Raises ValueError when the network cannot take slices of this height and width."""
        height, width = slices.shape[-2:]
        if self.slice_size is not None and (height, width) != (self.slice_size, self.slice_size):
            raise ValueError(
                f"slices are {height}x{width}; this network takes {self.slice_size}x{self.slice_size} only"
            )
        if height % self.stride or width % self.stride:
            raise ValueError(f"slices are {height}x{width}; both must be multiples of {self.stride}")
