"""Fat is no lesion: what is brighter in a FLAIR than lesions are, over more of a slice than their brightest specks."""

import torch
from torch import Tensor
from torch.nn import functional as F

# In the pipeline's z units. Without fat suppression the fat of orbits and scalp lies at the pipeline's limit of 8. Of
# lesions, specks of up to 15 mm2 are as bright on some scanners.
FAT_Z = 6.5
# So much is fat: 20 mm2 within 15 mm x 15 mm, in pixels of 1 mm.
LEAST_FAT_PIXELS, _WINDOW_PIXELS = 20, 15
# What touches fat is partly fat: 3 mm. Skull and fluid keep brain farther away than that.
_REACH_PIXELS = 3
_NO_LESION_LOGIT = -20.0


def without_fat(logits: Tensor, slices: Tensor) -> Tensor:
    """Lesion logits with no lesion left in fat and within 3 mm of it.

    Shapes:
        logits and slices (batch, 1, height, width) float32 -> the same.
    """
    bright = (slices > FAT_Z).float()
    share = F.avg_pool2d(bright, _WINDOW_PIXELS, stride=1, padding=_WINDOW_PIXELS // 2)
    # Half a pixel below, since the share is rounded.
    fat = bright * (share > (LEAST_FAT_PIXELS - 0.5) / _WINDOW_PIXELS**2).float()
    near = F.max_pool2d(fat, 2 * _REACH_PIXELS + 1, stride=1, padding=_REACH_PIXELS)
    return torch.where(near > 0, _NO_LESION_LOGIT, logits)
