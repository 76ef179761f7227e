"""Whether the picture is a FLAIR's: fluid dark, tissue about one grey value, grey matter not below white matter.

T2 weighting shows in fluid that is bright instead, proton density in fluid that is neither, T1 in grey matter that
drags the distribution of tissue to the dark side.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from preprocess_service.pipeline.intensity import Intensity

# Relative to the median of brain tissue.
_DARK, _BRIGHT = 0.5, 1.8
# Sulci that share a voxel with fluid lie below.
_TISSUE_FROM = 0.7
_MIN_FLUID_SHARE = 0.002
_MIN_VOXELS = 2000


def measure_contrast(core: npt.NDArray[np.float32], intensity: Intensity) -> dict[str, float]:
    """Figures of brain voxels, (n,) grey values relative to the tissue's; none where there are too few.

    dark_fluid_share: voxels darker than half of the tissue. fluid_darkness: (dark - bright) / (dark + bright), from
    +1 where all that is not tissue is dark to -1 where it is bright. tissue_spread: (q3 - q1) / q2 of the quartiles of
    all that is not dark. tissue_skewness: (q3 + q1 - 2 q2) / (q3 - q1) of quartiles above those of sulci.
    tissue_offset: how far the median lies from the tissue peak that normalisation took, in its units.
    """
    if core.size < _MIN_VOXELS:
        return {}
    bulk = core[core > _DARK]
    # Where nearly all of the brain is dark, normalisation took something else for tissue.
    median = float(np.median(bulk if bulk.size >= _MIN_VOXELS else core))
    offset = abs(median - 1) * intensity.center / intensity.scale
    if bulk.size < _MIN_VOXELS:
        return {"tissue_offset": offset}
    relative = core / np.float32(median)
    dark, bright = float((relative < _DARK).mean()), float((relative > _BRIGHT).mean())
    figures = {"dark_fluid_share": dark, "tissue_offset": offset}
    if dark + bright > _MIN_FLUID_SHARE:
        figures["fluid_darkness"] = (dark - bright) / (dark + bright)
    low, middle, high = _quartiles(relative, _DARK)
    figures["tissue_spread"] = (high - low) / middle
    low, middle, high = _quartiles(relative, _TISSUE_FROM)
    if high > low:
        figures["tissue_skewness"] = (high + low - 2 * middle) / (high - low)
    return figures


def _quartiles(values: npt.NDArray[np.float32], lowest: float) -> tuple[float, float, float]:
    first, second, third = np.percentile(values[values > lowest], [25, 50, 75]).tolist()
    return first, second, third
