"""Where the brain is, in a scan that shows nothing else."""

import numpy as np
from mamba_hunet.data.brain_extraction import extracted_brain


def test_fluid_as_dark_as_air_is_brain():
    image = np.full((64, 64), -8.0, np.float32)
    rows, columns = np.indices(image.shape)
    distance = np.hypot(rows - 32, columns - 32)
    image[distance < 25] = 0.0
    image[distance < 9] = -8.0
    np.testing.assert_array_equal(extracted_brain(image), distance < 25)
