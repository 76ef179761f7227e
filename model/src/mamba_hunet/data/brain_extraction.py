"""Whether a scan shows the whole head or the brain alone, and where the brain is in the latter."""

import numpy as np
from numpy.typing import NDArray
from preprocess_service.pipeline.intensity import Z_LIMIT
from scipy import ndimage

# Below the outline of a whole head comes the skull, which is dark; below that of a brain comes cortex.
_SKULL_DEPTH_PIXELS = (4.0, 14.0)
_SKULL_SHARE = 0.15
_OUTLINE_FRACTION = 0.3
_DARK_FRACTION = 0.5
_SLICES_LOOKED_AT = 9


def z_of_brightness(fraction: float, air_z: float) -> float:
    """z of a pixel that has this fraction of healthy tissue's grey value, or the lowest z that is told from the clip.

    Args:
        fraction: 0 is air, 1 is tissue.
        air_z: z of an empty voxel, unclipped.
    """
    return max((1 - fraction) * air_z, -Z_LIMIT + 0.5)


def shows_brain_alone(images: NDArray[np.floating], air_z: float) -> bool:
    """Whether skull and scalp are missing, by how much of the rim is dark: that of a median slice.

    On the development scans 1 to 12% of an extracted brain's rim is dark, and 24% or more of a whole head's.

    Args:
        images: (slices, 256, 256) in z units, those that show the head, in order.
        air_z: z of an empty voxel, unclipped.
    """
    middle = np.linspace(0.3, 0.7, _SLICES_LOOKED_AT) * (len(images) - 1)
    numbers = np.unique(np.round(middle).astype(int))
    return float(np.median([_dark_rim(images[number].astype(np.float32), air_z) for number in numbers])) < _SKULL_SHARE


def _dark_rim(image: NDArray[np.float32], air_z: float) -> float:
    """Share of pixels under half of tissue's brightness, at the depth where a skull would be."""
    outline = ndimage.binary_closing(image > z_of_brightness(_OUTLINE_FRACTION, air_z), iterations=2)
    labels, count = ndimage.label(ndimage.binary_fill_holes(outline))
    if count == 0:
        return 0.0
    head = labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))
    depth = ndimage.distance_transform_edt(np.pad(head, 1))[1:-1, 1:-1]
    rim = (depth > _SKULL_DEPTH_PIXELS[0]) & (depth <= _SKULL_DEPTH_PIXELS[1])
    return float(np.mean(image[rim] < z_of_brightness(_DARK_FRACTION, air_z))) if rim.any() else 0.0


def extracted_brain(image: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where the brain is in a slice (height, width), in z units, that shows nothing else."""
    # Sharpening leaves values below air's along the brain's edge, so the lowest value is not air's.
    air = float(np.median(image[[0, -1]]))
    # Fluid may be as dark as air.
    return ndimage.binary_fill_holes(ndimage.binary_closing(image > air + 0.5, iterations=3))
