"""Distributions of normalised intensity, small enough to keep for every scan."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from preprocess_service.pipeline.intensity import Z_LIMIT

Z_EDGES = np.linspace(-Z_LIMIT, Z_LIMIT, 321)


@dataclass(frozen=True, eq=False)
class ZHistogram:
    """How often each z occurs. ``counts``: (320,) float64, of bins of 0.05 from -8 to 8."""

    counts: NDArray[np.float64]

    @classmethod
    def of(cls, values: NDArray[np.floating]) -> "ZHistogram":
        """Counts values of any shape, all of them within -8 and 8."""
        return cls(np.histogram(values, bins=Z_EDGES)[0].astype(np.float64))

    @classmethod
    def mean(cls, histograms: Sequence["ZHistogram"]) -> "ZHistogram":
        """Each histogram counts the same, however many values are in it; empty ones do not count."""
        shares = [h.counts / h.counts.sum() for h in histograms if h.counts.sum() > 0]
        return cls(np.mean(shares, axis=0) if shares else np.zeros(len(Z_EDGES) - 1))

    def percentile(self, percent: float) -> float:
        """z below which `percent` of the values lie, to a bin's width; NaN when there are no values."""
        cumulative = np.cumsum(self.counts)
        if cumulative[-1] == 0:
            return float("nan")
        bin_number = int(np.searchsorted(cumulative, percent / 100 * cumulative[-1]))
        return float((Z_EDGES[bin_number] + Z_EDGES[bin_number + 1]) / 2)
