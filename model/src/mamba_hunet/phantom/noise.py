"""Band-limited random fields: the irregularity of folds, textures and shapes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

Array = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class RandomField:
    """A periodic scalar field in millimetre space. ``values``: (n, n, n) float32 at ``spacing_mm``."""

    values: Array
    spacing_mm: float

    def __call__(self, x: Array, y: Array, z: Array) -> Array:
        """The field at the points (x, y, z) mm, arrays of one shape; trilinear, periodic."""
        coordinates = np.stack([x, y, z])
        coordinates /= np.float32(self.spacing_mm)
        return map_coordinates(self.values, coordinates, np.float32, order=1, mode="grid-wrap")


def band_noise(
    rng: np.random.Generator,
    wavelength_mm: float,
    *,
    octaves: float = 0.35,
    spacing_mm: float = 2.0,
    size: int = 96,
) -> RandomField:
    """Gaussian noise of unit variance whose power lies around one wavelength, ``octaves`` (1 sigma) wide."""
    white = rng.standard_normal((size, size, size), dtype=np.float32)
    full, half = np.fft.fftfreq(size, spacing_mm), np.fft.rfftfreq(size, spacing_mm)
    frequency = np.sqrt(full[:, None, None] ** 2 + full[None, :, None] ** 2 + half[None, None, :] ** 2)
    frequency[0, 0, 0] = 1e-9
    gain = np.exp(-0.5 * (np.log2(frequency * wavelength_mm) / octaves) ** 2)
    values = np.fft.irfftn(np.fft.rfftn(white) * gain, s=white.shape, axes=(0, 1, 2))
    values /= values.std()
    return RandomField(values.astype(np.float32), spacing_mm)


def distance_to_zero(field: RandomField, *, limit_mm: float) -> RandomField:
    """Signed distance in mm to the sheet where the field is zero (first order), clipped to +-limit_mm."""
    slopes = [np.roll(field.values, -1, axis) - np.roll(field.values, 1, axis) for axis in range(3)]
    slope_per_mm = np.sqrt(sum(slope**2 for slope in slopes)) / (2 * field.spacing_mm)
    # Where the field is flat the first order says nothing: the floor keeps such places away from the sheet.
    distance = field.values / np.maximum(slope_per_mm, 0.3 * slope_per_mm.mean())
    return RandomField(np.clip(distance, -limit_mm, limit_mm).astype(np.float32), field.spacing_mm)
