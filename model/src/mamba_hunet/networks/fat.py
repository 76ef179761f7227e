"""Fat is no lesion: the one thing in a FLAIR that is brighter than any lesion, and told by that alone."""

import torch
from torch import Tensor
from torch.nn import functional as F

# In the pipeline's z units. Fewer than one in ten thousand lesion pixels of eight real scans are brighter; without fat
# suppression the fat of orbits and scalp lies at the pipeline's limit of 8.
FAT_Z = 6.5
# What touches fat is partly fat: 3 mm, in pixels of 1 mm. Skull and fluid keep brain farther away than that.
_REACH_PIXELS = 3
_NO_LESION_LOGIT = -20.0


def without_fat(logits: Tensor, slices: Tensor) -> Tensor:
    """Lesion logits with no lesion left in fat and within 3 mm of it.

    Shapes:
        logits and slices (batch, 1, height, width) float32 -> the same.
    """
    fat = F.max_pool2d((slices > FAT_Z).float(), 2 * _REACH_PIXELS + 1, stride=1, padding=_REACH_PIXELS)
    return torch.where(fat > 0, _NO_LESION_LOGIT, logits)
