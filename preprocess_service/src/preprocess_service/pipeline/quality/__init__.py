"""How good a scan is for this system: five components, each measured in the voxels or the grid, none a refusal.

contrast    is the picture a FLAIR's, as in the scans that the networks know?
motion      ghosts in the air, slices that do not continue each other
noise       noise relative to tissue
coverage    is all of the head there?
resolution  slices and pixels no coarser than those of the training scans

Source of the idea of cheap no-reference figures: Mortamet et al., "Automatic quality assessment in structural brain
MRI", Magn Reson Med 2009; Esteban et al., "MRIQC", PLoS ONE 2017.
"""

from __future__ import annotations

from statistics import median

import numpy as np

from preprocess_service.pipeline.geometry import Bounds, InPlaneMode, SliceGeometry
from preprocess_service.pipeline.intensity import Intensity
from preprocess_service.pipeline.quality.coarse_head import find_coarse_head
from preprocess_service.pipeline.quality.contrast import measure_contrast
from preprocess_service.pipeline.quality.coverage import beyond_canvas_mm, covered_mm, cut_share
from preprocess_service.pipeline.quality.motion import measure_ghosting, slice_disagreement
from preprocess_service.pipeline.quality.noise import noise_level
from preprocess_service.pipeline.quality.references import COMPONENTS
from preprocess_service.pipeline.quality.result import Component, Quality, QualityFlag
from preprocess_service.pipeline.quality.samples import sample_slices
from preprocess_service.pipeline.scan import Scan


def assess_quality(
    scan: Scan, geometry: SliceGeometry, intensity: Intensity, mode: InPlaneMode, head_bounds: Bounds
) -> tuple[Quality, tuple[QualityFlag, ...]]:
    """Scores of one scan, and a flag for every measurement below `scale.FLAG_LIMIT`."""
    figures = measure_scan(scan, geometry, intensity, mode, head_bounds)
    components = []
    flags = []
    for name, scales in COMPONENTS.items():
        measurements = []
        for scale in scales:
            if scale.name in figures:
                measurements.append(scale.measurement(figures[scale.name]))
                flag = scale.flag(measurements[-1])
                flags += [flag] if flag else []
        components.append(Component(name, tuple(measurements)))
    return Quality(tuple(components)), tuple(flags)


def measure_scan(
    scan: Scan, geometry: SliceGeometry, intensity: Intensity, mode: InPlaneMode, head_bounds: Bounds
) -> dict[str, float]:
    """Every figure that can be measured on this scan, by its scale's name."""
    head = find_coarse_head(scan, intensity.center)
    core, disagreements, noise_levels = [], [], []
    for sample in sample_slices(scan, head, geometry.slice_axis, intensity.center):
        core.append(sample.middle[sample.core])
        disagreements.append(slice_disagreement(sample))
        noise_levels.append(noise_level(sample))
    spacing_mm = scan.spacing_mm
    figures = {
        "ghosting": measure_ghosting(head, geometry.slice_axis),
        "slice_disagreement": _median(disagreements),
        "noise_level": _median(noise_levels),
        "covered_mm": covered_mm(head_bounds, geometry, spacing_mm),
        "cut_share": cut_share(head),
        "slice_mm": spacing_mm[geometry.slice_axis],
        "pixel_mm": max(spacing_mm[geometry.row_axis], spacing_mm[geometry.column_axis]),
    }
    if mode is InPlaneMode.RESAMPLE_1MM:
        figures["beyond_canvas_mm"] = beyond_canvas_mm(head_bounds, geometry, spacing_mm)
    if core:
        figures |= measure_contrast(np.concatenate(core), intensity)
    return {name: figure for name, figure in figures.items() if figure is not None}


def _median(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
