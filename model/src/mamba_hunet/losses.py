"""Training loss: soft Dice plus cross-entropy of lesions, at every scale the network supervises, and of the brain."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from mamba_hunet.networks.base import TrainingLogits


def soft_dice_loss(logits: Tensor, target: Tensor, smooth: float = 1.0) -> Tensor:
    """One minus the soft Dice coefficient of the whole batch (Milletari et al., V-Net, 2016, section 3).

    Taken over the batch rather than slice by slice: most slices hold no lesion, and there Dice has no gradient to give.

    Args:
        logits, target: (batch, 1, height, width) float32; target in [0, 1].
        smooth: keeps an empty batch defined.
    """
    probability = torch.sigmoid(logits)
    overlap = (probability * target).sum()
    return 1 - (2 * overlap + smooth) / (probability.sum() + target.sum() + smooth)


def dice_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Soft Dice loss plus binary cross-entropy, equally weighted."""
    return soft_dice_loss(logits, target) + F.binary_cross_entropy_with_logits(logits, target)


def multi_scale_loss(logits: Sequence[Tensor], target: Tensor) -> Tensor:
    """`dice_cross_entropy` at each scale, each coarser one with half the weight of the one before.

    Coarse targets are the share of lesion in each coarse pixel, so a small lesion stays visible in them.

    Args:
        logits: finest first, each (batch, 1, height / 2**i, width / 2**i).
        target: (batch, 1, height, width) float32 in [0, 1].
    """
    weights = [0.5**i for i in range(len(logits))]
    total = torch.zeros((), dtype=torch.float32)
    for weight, scale in zip(weights, logits, strict=True):
        pooled = F.adaptive_avg_pool2d(target, (scale.shape[-2], scale.shape[-1]))
        total = total + weight * dice_cross_entropy(scale.float(), pooled)
    return total / sum(weights)


def brain_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy over the pixels of which it is known whether they are brain; 0 where none is.

    Args:
        logits: (batch, 1, height, width).
        target: the same shape, float32: 1 brain, 0 not, -1 not known.
    """
    known = (target >= 0).float()
    each = F.binary_cross_entropy_with_logits(logits.float(), target.clamp(min=0), reduction="none")
    return (each * known).sum() / known.sum().clamp(min=1)


def training_loss(logits: TrainingLogits, targets: Tensor, brain_weight: float = 0.3) -> Tensor:
    """`multi_scale_loss` of the lesions, plus `brain_loss` where the network says what is brain.

    Args:
        logits: of `SegmentationNetwork.training_logits`.
        targets: (batch, 2, height, width) float32: share of lesion; and 1 brain, 0 not, -1 not known.
        brain_weight: of the brain's part.
    """
    loss = multi_scale_loss(logits.lesion, targets[:, :1])
    if logits.brain is None:
        return loss
    return loss + brain_weight * brain_loss(logits.brain, targets[:, 1:])
