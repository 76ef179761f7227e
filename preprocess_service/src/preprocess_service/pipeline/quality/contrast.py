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
    +1 where all that is not tissue is dark to -1 where it is bright. tissue_skewness: (q3 + q1 - 2 q2) / (q3 - q1) of
    the tissue's quartiles.
    tissue_offset: how far the median lies from the tissue peak that normalisation took, in its units.
    """
    if core.size < _MIN_VOXELS:
        return {}
    median = float(np.median(core[core > _DARK])) if (core > _DARK).any() else 1.0
    relative = core / np.float32(median)
    dark, bright = float((relative < _DARK).mean()), float((relative > _BRIGHT).mean())
    figures = {"dark_fluid_share": dark}
    if dark + bright > _MIN_FLUID_SHARE:
        figures["fluid_darkness"] = (dark - bright) / (dark + bright)
    tissue = relative[relative > _TISSUE_FROM]
    low, middle, high = np.percentile(tissue, [25, 50, 75]).tolist()
    if high > low:
        figures["tissue_skewness"] = (high + low - 2 * middle) / (high - low)
    figures["tissue_offset"] = abs(median - 1) * intensity.center / intensity.scale
    return figures
