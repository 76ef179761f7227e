"""Networks whose weights others have published.

Their `state_dict` has the published names and shapes, and `published_output` gives what the published code gives. The
rest of the project works with lesion logits, which are derived from it or it from them.
"""

from torch import Tensor

from mamba_hunet.networks.base import SegmentationNetwork


class PublishedNetwork(SegmentationNetwork):
    """A network that published checkpoints fit with `strict=True`."""

    def published_output(self, slices: Tensor) -> Tensor:
        """What the published network answers to slices (batch, 1, height, width)."""
        raise NotImplementedError


class TwoClassNetwork(PublishedNetwork):
    """`published_output` is (batch, 2, height, width): scores of background and lesion, before softmax.

    The lesion logit is their difference: softmax over two scores is the sigmoid of it.
    """

    def forward(self, slices: Tensor) -> Tensor:
        background, lesion = self.published_output(slices).split(1, dim=1)
        return lesion - background
