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
    fat = bright * (_counted(bright) >= LEAST_FAT_PIXELS).float()
    side, padding = 2 * _REACH_PIXELS + 1, _REACH_PIXELS
    # Columns, then rows: a seventh of the work.
    near = F.max_pool2d(F.max_pool2d(fat, (side, 1), 1, (padding, 0)), (1, side), 1, (0, padding))
    return torch.where(near > 0, _NO_LESION_LOGIT, logits)


def _counted(bright: Tensor) -> Tensor:
    """How many pixels of the window about each are 1: whole numbers, exact in float32."""
    size, padding = _WINDOW_PIXELS, _WINDOW_PIXELS // 2
    columns = F.conv2d(bright, bright.new_ones(1, 1, size, 1), padding=(padding, 0))
    return F.conv2d(columns, bright.new_ones(1, 1, 1, size), padding=(0, padding))
