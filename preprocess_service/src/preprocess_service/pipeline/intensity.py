"""Brings every scanner's grey values to one scale on which normal brain tissue lies about 0.

Brain tissue is the bulk of a FLAIR image and, CSF and air being dark and fat scarce, its main bright mode,
with the skull on or off. So the peak of the histogram over the *logarithm* of intensity (value times count,
which lets a large dark mode weigh little) is taken as the tissue's grey value, the spread about it as unit:

    m = argmax of the smoothed histogram over log intensity, above 0.15 p99.9
    s = standard deviation of the values within [0.7 m, 1.3 m]
    z = (clip(x, 0, p99.9) - m) / s

then unsharp masking within the slice, z + amount * (z - blur(z)), and a clip to [-8, 8].

All figures come from histograms, so they do not depend on the order in which voxels are stored.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from preprocess_service.pipeline.content import pieces

Z_LIMIT = 8.0
SHARPENING_AMOUNT = 0.3
SHARPENING_SIGMA_MM = 1.0
_BINS = 4096
# Air and noise lie below this fraction of the brightest value (p99.9).
_FOREGROUND_FRACTION = 0.05
# Tissue lies above this fraction of it, even beside bright fat; on a noisy scan air does not, and air is most of it.
_TISSUE_FRACTION = 0.15
_LOG_BIN = 0.01
_LOG_SMOOTHING = 0.05
_TISSUE_RANGE = (0.7, 1.3)
_DENOISING_PIXELS = 3


@dataclass(frozen=True, slots=True)
class Intensity:
    """How grey values become z; field for field the protocol's Intensity. z = (value - center) / scale."""

    clip_low: float
    clip_high: float
    center: float
    scale: float
    sharpening_amount: float
    sharpening_sigma_mm: float
    denoised: bool

    def normalise(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """z of clipped grey values, float32."""
        return np.multiply(values - np.float32(self.center), np.float32(1.0 / self.scale))

    def clip(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Grey values within the clip range, a new array."""
        return np.clip(values, np.float32(self.clip_low), np.float32(self.clip_high))

    def sharpen(self, z_slices: npt.NDArray[np.float32], pixel_mm: tuple[float, float]) -> npt.NDArray[np.float32]:
        """Unsharp masking of (n, rows, columns) within each slice, then the clip to [-8, 8]."""
        sigma = (self.sharpening_sigma_mm / pixel_mm[0], self.sharpening_sigma_mm / pixel_mm[1])
        blurred = ndimage.gaussian_filter(z_slices, sigma, axes=(1, 2), mode="nearest")
        sharpened = z_slices + np.float32(self.sharpening_amount) * (z_slices - blurred)
        return np.clip(sharpened, -Z_LIMIT, Z_LIMIT, out=sharpened)


def denoise(native_slices: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """3x3 median within each slice of (n, rows, columns)."""
    return ndimage.median_filter(native_slices, size=_DENOISING_PIXELS, axes=(1, 2), mode="nearest")


@dataclass(frozen=True, slots=True)
class _Histogram:
    """Counts of positive values in equal bins from 0 to `top`; values above are in `above`."""

    counts: npt.NDArray[np.int64]
    top: float
    above: int

    @property
    def centers(self) -> npt.NDArray[np.float64]:
        return (np.arange(_BINS, dtype=np.float64) + 0.5) * (self.top / _BINS)

    def quantile(self, fraction: float, lowest: float = 0.0) -> float:
        """Value below which `fraction` of the values over `lowest` lie, to a bin's width."""
        first = int(np.ceil(lowest / self.top * _BINS))
        cumulative = np.cumsum(self.counts[first:])
        total = int(cumulative[-1]) + self.above
        bins = int(np.searchsorted(cumulative, fraction * total)) + 1
        return float(min(first + bins, _BINS) * self.top / _BINS)


def fit_intensity(volume: npt.NDArray[np.float32], *, denoised: bool = False) -> Intensity:
    """Finds the grey-value scale of a volume, (i, j, k) float32, finite.

    Raises ValueError where there is no tissue peak: no positive values, or none that spread about the peak.
    """
    histogram = _robust_histogram(volume)
    brightest = histogram.quantile(0.999)
    foreground = _FOREGROUND_FRACTION * brightest
    clip_high = histogram.quantile(0.999, lowest=foreground)
    center = _tissue_peak(histogram, foreground, clip_high, darkest_tissue=_TISSUE_FRACTION * brightest)
    scale = _spread(histogram, center)
    if not scale > 0:
        raise ValueError("no tissue peak: the values do not spread about their main grey value")
    return Intensity(
        clip_low=0.0,
        clip_high=clip_high,
        center=center,
        scale=scale,
        sharpening_amount=SHARPENING_AMOUNT,
        sharpening_sigma_mm=SHARPENING_SIGMA_MM,
        denoised=denoised,
    )


def _robust_histogram(volume: npt.NDArray[np.float32]) -> _Histogram:
    """Histogram whose range ends near the bright end of the bulk, whatever a few outliers do."""
    top = max(float(piece.max()) for piece in pieces(volume))
    if not top > 0:
        raise ValueError("no tissue peak: no voxel is positive")
    # What lies at the very bottom is background, also where a constant was added to the scan.
    bottom = max(0.0, float(volume.min()))
    if bottom == top:
        bottom = 0.0
    while True:
        histogram = _histogram(volume, bottom, top)
        bulk = histogram.quantile(0.999)
        if bulk >= top / 4:
            return histogram
        top = 2 * bulk


def _histogram(volume: npt.NDArray[np.float32], bottom: float, top: float) -> _Histogram:
    """Of the values above `bottom`; its bins begin at 0."""
    counts = np.zeros(_BINS + 1, dtype=np.int64)
    for piece in pieces(volume):
        # Bins are closed above, so that the largest value falls into the last one.
        bins = np.ceil(piece[piece > bottom].astype(np.float64) * (_BINS / top)) - 1
        counts += np.bincount(np.clip(bins, 0, _BINS).astype(np.intp), minlength=_BINS + 1)
    return _Histogram(counts[:_BINS], top, int(counts[_BINS]))


def _tissue_peak(histogram: _Histogram, lowest: float, highest: float, darkest_tissue: float) -> float:
    edges = np.arange(np.log(lowest), np.log(highest) + _LOG_BIN, _LOG_BIN)
    counts, _ = np.histogram(np.log(histogram.centers), bins=edges, weights=histogram.counts)
    smooth = ndimage.gaussian_filter1d(counts.astype(np.float64), _LOG_SMOOTHING / _LOG_BIN, mode="constant")
    smooth[: np.searchsorted(edges, np.log(darkest_tissue))] = 0
    return float(np.exp(edges[int(np.argmax(smooth))] + _LOG_BIN / 2))


def _spread(histogram: _Histogram, center: float) -> float:
    values = histogram.centers
    tissue = (values >= _TISSUE_RANGE[0] * center) & (values <= _TISSUE_RANGE[1] * center)
    weights = histogram.counts * tissue
    total = weights.sum()
    if total == 0:
        return 0.0
    mean = float((weights * values).sum() / total)
    return float(np.sqrt((weights * (values - mean) ** 2).sum() / total))
