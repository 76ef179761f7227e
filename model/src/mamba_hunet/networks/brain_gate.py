"""A lesion is in the brain or it is none: two logits joined into one."""

import torch
from torch import Tensor


def lesion_in_brain(lesion: Tensor, brain: Tensor) -> Tensor:
    """Logit of the product of two probabilities, sigmoid(lesion) sigmoid(brain).

    1 / p = (1 + exp(-l)) (1 + exp(-b)), so logit p = -log(exp(-l) + exp(-b) + exp(-l - b)); no term can overflow before
    its logarithm is taken.

    Shapes:
        both (batch, 1, height, width) -> same, float32.
    """
    lesion, brain = lesion.float(), brain.float()
    return -torch.logsumexp(torch.cat((-lesion, -brain, -lesion - brain), dim=1), dim=1, keepdim=True)
