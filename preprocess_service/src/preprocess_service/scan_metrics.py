"""What the scans of a site are like, as distributions: a shift in one of them is drift.

Of a scan that is read in three planes the reading in its own counts; each attempt at a scan counts.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from prometheus_client import CollectorRegistry, Counter, Histogram

from preprocess_service.pipeline.geometry import is_in_natural_plane
from preprocess_service.pipeline.manifest import Manifest
from preprocess_service.pipeline.quality.references import COMPONENTS

# Where the served model's LESION_MASK begins.
LESION_PROBABILITY = 0.5

_SCORE_BUCKETS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99)
_SLICE_BUCKETS = (16, 24, 32, 40, 64, 96, 128, 160, 192, 224, 256, 512)
_LOAD_BUCKETS_ML = (0, 0.1, 0.3, 1, 2, 5, 10, 20, 40, 80, 160)


class ScanMetrics:
    """Distributions over scans. No label and no value tells one scan from another."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._quality = Histogram(
            "hunet_preprocess_scan_quality_score",
            "Quality of a scan, 0 to 1: that of its weakest component.",
            buckets=_SCORE_BUCKETS,
            registry=registry,
        )
        self._component_quality = Histogram(
            "hunet_preprocess_component_quality_score",
            "Quality of a scan by component, 0 to 1.",
            ["component"],
            buckets=_SCORE_BUCKETS,
            registry=registry,
        )
        self._flags = Counter(
            "hunet_preprocess_quality_flags_total", "Quality flags raised, by code.", ["flag"], registry=registry
        )
        self._slices = Histogram(
            "hunet_preprocess_scan_slices", "Slices of a scan.", buckets=_SLICE_BUCKETS, registry=registry
        )
        self._lesion_load = Histogram(
            "hunet_preprocess_lesion_load_ml",
            "Volume of a restored prediction at a probability of 0.5 or more, before specks are dropped.",
            buckets=_LOAD_BUCKETS_ML,
            registry=registry,
        )
        # A rate needs the zero before the first event.
        for component, scales in COMPONENTS.items():
            self._component_quality.labels(component)
            for scale in scales:
                self._flags.labels(scale.flag_code)

    def observe_scan(self, manifest: Manifest) -> None:
        """Counts a scan that was prepared."""
        if not _is_own_plane(manifest):
            return
        self._slices.observe(manifest.geometry.slice_count)
        if manifest.quality.score is not None:
            self._quality.observe(manifest.quality.score)
        for component in manifest.quality.components:
            if component.score is not None:
                self._component_quality.labels(component.name).observe(component.score)
        for flag in manifest.quality_flags:
            self._flags.labels(flag.code).inc()

    def observe_prediction(self, probability: npt.NDArray[np.float32], manifest: Manifest) -> None:
        """probability: (i, j, k) on the scan's own grid."""
        if not _is_own_plane(manifest):
            return
        voxel_ml = float(np.prod(manifest.spacing_mm)) / 1000.0
        self._lesion_load.observe(np.count_nonzero(probability >= LESION_PROBABILITY) * voxel_ml)


def _is_own_plane(manifest: Manifest) -> bool:
    return is_in_natural_plane(manifest.geometry, np.reshape(manifest.affine, (4, 4)))
