"""How large the lesions of a scan are."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from hunet_client.findings.document import SizeBand, Sizes

# Spheres of about 4.6, 8.5 and 12.4 mm: a small focus, a usual lesion, a large one, and what has grown together.
LIMITS_ML = (0.0, 0.05, 0.32, 1.0)


def describe_sizes(volumes_ml: Sequence[float]) -> Sizes:
    return Sizes(
        smallest_ml=min(volumes_ml, default=None),
        median_ml=round(median(volumes_ml), 6) if volumes_ml else None,
        largest_ml=max(volumes_ml, default=None),
        bands=tuple(_band(volumes_ml, low, high) for low, high in pairwise((*LIMITS_ML, None))),
    )


def _band(volumes_ml: Sequence[float], low_ml: float | None, high_ml: float | None) -> SizeBand:
    assert low_ml is not None
    within = [volume for volume in volumes_ml if volume >= low_ml and (high_ml is None or volume < high_ml)]
    return SizeBand(at_least_ml=low_ml, below_ml=high_ml, count=len(within), volume_ml=round(sum(within), 6))
