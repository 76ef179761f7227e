"""A skull and scalp drawn round a brain-extracted slice, so that a network trained on it knows whole heads too."""

import numpy as np
from numpy.random import Generator
from scipy import ndimage

from mamba_hunet.data.augment import Image, smooth_field
from mamba_hunet.data.brain_extraction import extracted_brain


def draw_head_shell(rng: Generator, image: Image) -> Image:
    """Draws fluid and bone (dark), scalp fat (bright) and air round the brain; thickness and brightness vary.

    Args:
        image: (height, width) float32 in z units of a brain alone. Lesion targets stay valid.
    """
    background = float(np.median(image[[0, -1]]))
    brain = extracted_brain(image)
    if np.count_nonzero(brain) < 400:
        return image
    away = ndimage.distance_transform_edt(~brain).astype(np.float32)
    away += rng.uniform(0.3, 1.2) * smooth_field(rng, image.shape, 8)
    bone_end = rng.uniform(3, 9)
    fat_end = bone_end + rng.uniform(2, 9)
    outside = ~brain
    result = image.copy()
    dark = background + rng.uniform(0.0, 2.0) + 0.5 * smooth_field(rng, image.shape, 16)
    result[outside] = dark[outside]
    fat = outside & (away > bone_end) & (away < fat_end)
    bright = rng.uniform(0, 8) + 1.5 * smooth_field(rng, image.shape, 12)
    result[fat] = bright[fat]
    result[outside & (away >= fat_end)] = background
    softened = ndimage.gaussian_filter(result, 0.7)
    return np.where(brain, image, softened).astype(np.float32)
