"""Whether all of the head is there."""

from __future__ import annotations

import numpy as np

from preprocess_service.pipeline.geometry import CANVAS_PIXELS, Bounds, SliceGeometry
from preprocess_service.pipeline.quality.coarse_head import CoarseHead


def covered_mm(head_bounds: Bounds, geometry: SliceGeometry, spacing_mm: tuple[float, float, float]) -> float:
    """Length of the head along the slice axis that the slices cover."""
    first, last = head_bounds[geometry.slice_axis]
    return (last - first + 1) * spacing_mm[geometry.slice_axis]


def cut_share(head: CoarseHead) -> float:
    """Cross-section of the head where it leaves the volume, relative to its largest along that axis.

    The largest of five faces: every scan of a head ends somewhere in the neck.
    """
    inferior = (head.superior_axis, 0 if head.superior_sign > 0 else -1)
    shares = [0.0]
    for axis in range(3):
        areas = np.moveaxis(head.head, axis, 0).sum(axis=(1, 2))
        for end in (0, -1):
            if (axis, end) != inferior and areas.max() > 0:
                shares.append(float(areas[end] / areas.max()))
    return max(shares)


def beyond_canvas_mm(head_bounds: Bounds, geometry: SliceGeometry, spacing_mm: tuple[float, float, float]) -> float:
    """How far the head reaches beyond the canvas within a slice, at most; 0 where all of it is on the canvas."""
    lines = (
        (geometry.row_axis, geometry.flip_rows, geometry.native_rows, geometry.row_step, geometry.row_origin),
        (
            geometry.column_axis,
            geometry.flip_columns,
            geometry.native_columns,
            geometry.column_step,
            geometry.column_origin,
        ),
    )
    beyond = 0.0
    for axis, flip, size, step, origin in lines:
        first, last = head_bounds[axis]
        if flip:
            first, last = size - 1 - last, size - 1 - first
        pixels = max(-(first - origin) / step - 0.5, (last - origin) / step - (CANVAS_PIXELS - 0.5))
        beyond = max(beyond, pixels * step * spacing_mm[axis])
    return beyond
