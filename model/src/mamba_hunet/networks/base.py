"""What every network here can do."""

from torch import Tensor, nn


class SegmentationNetwork(nn.Module):
    """Maps normalised slices (batch, 1, height, width) float32 to lesion logits of the same shape."""

    def multi_scale_logits(self, slices: Tensor) -> tuple[Tensor, ...]:
        """Logits at every scale that is supervised in training, finest first; by default the served one alone."""
        return (self(slices),)
