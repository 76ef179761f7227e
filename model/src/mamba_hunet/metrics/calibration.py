"""Whether a probability means what it says: of the voxels given 0.7, seven in ten should be lesion.

Source: reliability diagrams, DeGroot and Fienberg, "The comparison and evaluation of forecasters", The Statistician
1983; expected calibration error: Naeini et al., AAAI 2015.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mamba_hunet.metrics.masks import as_masks

# Below the first edge lies nearly all of a scan, air included, which would hide every other voxel in a mean.
EDGES = (0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@dataclass(frozen=True)
class ReliabilityBin:
    """Voxels whose probability lies in [low, high), the last bin's upper edge included.

    Attributes:
        low, high: edges.
        voxels: how many.
        mean_probability: what the network said on average; 0 where there is no voxel.
        lesion_share: how many of them are lesion, as a part; 0 where there is no voxel.
    """

    low: float
    high: float
    voxels: int
    mean_probability: float
    lesion_share: float


def reliability(probability: NDArray[np.floating], truth: NDArray) -> list[ReliabilityBin]:
    """A scan's voxels by the probability they were given, from 0.02 upwards.

    Args:
        probability: (i, j, k) in [0, 1].
        truth: (i, j, k), lesion where not zero.

    Raises:
        ValueError: the shapes differ, or a probability lies outside [0, 1].
    """
    _, lesion = as_masks(probability, truth)
    if probability.size and not (probability.min() >= 0 and probability.max() <= 1):
        raise ValueError("a probability lies outside 0 to 1")
    values = probability.astype(np.float64)
    judged = values >= EDGES[0]
    values, hits = values[judged], lesion[judged]
    number = np.minimum(np.searchsorted(EDGES, values, side="right") - 1, len(EDGES) - 2)
    voxels, said, were = (
        np.bincount(number, weights=weights, minlength=len(EDGES) - 1) for weights in (None, values, hits)
    )
    several = np.maximum(voxels, 1)
    return [
        ReliabilityBin(low, high, int(count), float(mean), float(share))
        for low, high, count, mean, share in zip(
            EDGES[:-1], EDGES[1:], voxels, said / several, were / several, strict=True
        )
    ]


def expected_calibration_error(bins: Sequence[ReliabilityBin]) -> float | None:
    """Mean distance between what was said and what was true, each bin weighted by its voxels; none without voxels."""
    voxels = sum(each.voxels for each in bins)
    if not voxels:
        return None
    return sum(each.voxels * abs(each.mean_probability - each.lesion_share) for each in bins) / voxels
