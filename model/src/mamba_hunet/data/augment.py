"""Augmentation of one normalised slice: what differs from one scanner, protocol and head to the next.

Every function takes and returns an image (height, width) float32 in the pipeline's z units (brain tissue about 0)
and draws from the generator it is given, so a batch is a function of its seed.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

Image = NDArray[np.float32]

# In z units tissue is 0 and black lies near -BLACK_TO_TISSUE (docs/preprocessing.md); shifted by it, black is 0, and
# multiplicative effects (coil bias, gamma) are what they are in a scanner.
BLACK_TO_TISSUE = 7.0
Z_LIMIT = 8.0


def smooth_field(rng: Generator, shape: tuple[int, int], knots: int) -> Image:
    """A smooth random field of unit variance, interpolated from knots x knots normal values."""
    coarse = rng.standard_normal((knots, knots)).astype(np.float32)
    zoom = (shape[0] / knots, shape[1] / knots)
    field = ndimage.zoom(coarse, zoom, order=3, mode="reflect", grid_mode=True)
    return field.astype(np.float32)


def coil_bias(rng: Generator, image: Image) -> Image:
    """Multiplies by a smooth field, as an uneven receive coil does."""
    field = np.exp(rng.uniform(0.02, 0.15) * smooth_field(rng, image.shape, int(rng.integers(2, 5))))
    return (image + BLACK_TO_TISSUE) * field - BLACK_TO_TISSUE


def slice_brightness(rng: Generator, image: Image) -> Image:
    """Multiplies the slice, as coils do that see the cerebellum better than the vertex."""
    return (image + BLACK_TO_TISSUE) * np.float32(np.exp(rng.normal(0, 0.1))) - BLACK_TO_TISSUE


def contrast(rng: Generator, image: Image) -> Image:
    """Scales and shifts, as when tissue peak and spread are estimated differently."""
    return image * np.float32(rng.uniform(0.65, 1.45)) + np.float32(rng.normal(0, 0.35))


def gamma(rng: Generator, image: Image) -> Image:
    """Bends the intensity scale with black and tissue held in place."""
    positive = np.clip((image + BLACK_TO_TISSUE) / BLACK_TO_TISSUE, 0, None)
    return np.power(positive, np.float32(rng.uniform(0.7, 1.5))) * BLACK_TO_TISSUE - BLACK_TO_TISSUE


def tone_curve(rng: Generator, image: Image) -> Image:
    """Moves grey levels by a random increasing piecewise-linear curve: other inversion and echo times."""
    knots = np.array([-Z_LIMIT, -4, -2, -1, 0, 1, 2, 3, 5, Z_LIMIT], dtype=np.float32)
    steps = np.diff(knots) * np.exp(rng.normal(0, 0.4, size=len(knots) - 1)).clip(0.35, 2.5)
    moved = np.concatenate(([0.0], np.cumsum(steps)))
    moved += -moved[4]
    return np.interp(image, knots, moved).astype(np.float32)


def bright_cortex(rng: Generator, image: Image) -> Image:
    """Raises what is brighter than its surroundings: grey matter stands out from white, most at the brain's rim."""
    local = ndimage.gaussian_filter(image, 1.0) - ndimage.gaussian_filter(image, rng.uniform(4, 8))
    return image + np.float32(rng.uniform(0.2, 0.8)) * np.clip(local, -1, 3)


def blur(rng: Generator, image: Image) -> Image:
    """Widens the point spread, differently along rows and columns."""
    return ndimage.gaussian_filter(image, sigma=rng.uniform(0.2, 1.1, size=2))


def sharpen(rng: Generator, image: Image) -> Image:
    """Edge enhancement as scanners apply it."""
    return image + np.float32(rng.uniform(0.2, 1.0)) * (image - ndimage.gaussian_filter(image, 1.0))


def low_resolution(rng: Generator, image: Image) -> Image:
    """Coarser acquisition matrix, interpolated back."""
    factors = rng.uniform(0.5, 0.95, size=2)
    coarse = ndimage.zoom(image, factors, order=1, grid_mode=True, mode="nearest")
    back = (image.shape[0] / coarse.shape[0], image.shape[1] / coarse.shape[1])
    return ndimage.zoom(coarse, back, order=1, grid_mode=True, mode="nearest")


def noise(rng: Generator, image: Image) -> Image:
    """Thermal noise; it has the grain of the acquisition matrix, not always of the pixels."""
    grain = rng.standard_normal(image.shape).astype(np.float32)
    if rng.random() < 0.5:
        grain = ndimage.gaussian_filter(grain, 0.7) * 2.5
    return image + np.float32(rng.uniform(0.05, 0.45)) * grain


_INTENSITY: tuple[tuple[float, Callable[[Generator, Image], Image]], ...] = (
    (0.4, tone_curve),
    (0.4, gamma),
    (0.35, bright_cortex),
    (0.5, coil_bias),
    (0.4, slice_brightness),
    (0.3, low_resolution),
    (0.3, blur),
    (0.2, sharpen),
    (0.5, noise),
    (0.7, contrast),
)


def vary_intensity(rng: Generator, image: Image) -> Image:
    """Applies a random part of the intensity augmentations, in the order in which a scanner would."""
    for probability, change in _INTENSITY:
        if rng.random() < probability:
            image = change(rng, image)
    return np.clip(image, -Z_LIMIT, Z_LIMIT).astype(np.float32)


def vary_geometry(
    rng: Generator,
    image: Image,
    shares: Sequence[Image],
    size: int,
    centre: tuple[float, float],
    *,
    sides_alike: bool = True,
) -> tuple[Image, list[Image]]:
    """Rotates, scales, shears, bends and mirrors image and shares alike and cuts out size x size about the centre.

    Args:
        image: (height, width) float32.
        shares: of lesion, of brain, in each pixel; shaped like the image, 0 to 1.
        size: side of the result in pixels.
        centre: (row, column) in the input that becomes the middle of the result.
        sides_alike: the columns run between the patient's sides, which are exchangeable in a brain.
    """
    angle = np.deg2rad(rng.normal(0, 10))
    scale = np.exp(rng.normal(0, 0.1)) * np.exp(rng.normal(0, 0.05, size=2))
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shear = np.array([[1, rng.normal(0, 0.05)], [0, 1]])
    matrix = rotation @ shear @ np.diag(scale)
    if rng.random() < 0.5 and sides_alike:
        matrix[:, 1] *= -1
    grid = np.indices((size, size), dtype=np.float32) - (size - 1) / 2
    rows_columns = np.einsum("ab,bij->aij", matrix, grid) + np.reshape(centre, (2, 1, 1))
    if rng.random() < 0.3:
        bend = np.stack([smooth_field(rng, (size, size), 5) for _ in range(2)])
        rows_columns = rows_columns + rng.uniform(0.5, 2.5) * bend
    # Air, as the pipeline pads with; the lowest value is the undershoot of sharpening.
    background = float(np.median(image[[0, -1]]))
    moved = ndimage.map_coordinates(image, rows_columns, order=1, cval=background)
    moved_shares = [ndimage.map_coordinates(share, rows_columns, order=1, cval=0.0) for share in shares]
    return moved.astype(np.float32), [np.clip(share, 0, 1).astype(np.float32) for share in moved_shares]
