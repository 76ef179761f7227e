"""What a reader of the result should know about a scan: flags, not refusals."""

from __future__ import annotations

from preprocess_service.pipeline.geometry import CANVAS_PIXELS, Bounds, InPlaneMode, SliceGeometry
from preprocess_service.pipeline.manifest import QualityFlag, Severity

_THICK_SLICE_MM = 5.0
_COARSE_PIXEL_MM = 1.5
_MIN_COVERAGE_MM = 100.0


def find_quality_flags(
    spacing_mm: tuple[float, float, float], geometry: SliceGeometry, mode: InPlaneMode, head_bounds: Bounds
) -> tuple[QualityFlag, ...]:
    """Flags of one scan, from its grid and where the head lies in it."""
    flags = []
    if mode is InPlaneMode.RESAMPLE_1MM and _overflows_canvas(geometry, head_bounds):
        flags.append(
            QualityFlag(
                "field_of_view_cropped",
                f"The head is larger than {CANVAS_PIXELS} mm in a slice; lesions beyond that are not seen.",
                Severity.WARNING,
            )
        )
    slice_mm = spacing_mm[geometry.slice_axis]
    if slice_mm > _THICK_SLICE_MM:
        flags.append(
            QualityFlag(
                "thick_slices",
                f"Slices lie {slice_mm:.1f} mm apart; small lesions can be missed and volumes are coarse.",
                Severity.WARNING,
            )
        )
    pixel_mm = max(spacing_mm[geometry.row_axis], spacing_mm[geometry.column_axis])
    if pixel_mm > _COARSE_PIXEL_MM:
        flags.append(
            QualityFlag(
                "coarse_pixels",
                f"Pixels are {pixel_mm:.1f} mm wide within a slice; small lesions can be missed.",
                Severity.WARNING,
            )
        )
    first, last = head_bounds[geometry.slice_axis]
    coverage_mm = (last - first + 1) * slice_mm
    if coverage_mm < _MIN_COVERAGE_MM:
        flags.append(
            QualityFlag(
                "partial_coverage",
                f"The slices cover {coverage_mm:.0f} mm of the head; lesions outside them are not counted.",
                Severity.WARNING,
            )
        )
    return tuple(flags)


def _overflows_canvas(geometry: SliceGeometry, head_bounds: Bounds) -> bool:
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
    for axis, flip, size, step, origin in lines:
        first, last = head_bounds[axis]
        if flip:
            first, last = size - 1 - last, size - 1 - first
        if (first - origin) / step < -0.5 or (last - origin) / step > CANVAS_PIXELS - 0.5:
            return True
    return False
