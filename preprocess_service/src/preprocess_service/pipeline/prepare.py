"""From a scan to network slices: fit the grey scale, find the head, lay the canvas; make slices on demand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from preprocess_service.pipeline.errors import ScanContentError
from preprocess_service.pipeline.geometry import InPlaneMode, SlicePlane, oriented, plan_slices, to_network
from preprocess_service.pipeline.head import find_head
from preprocess_service.pipeline.intensity import Intensity, denoise, fit_intensity
from preprocess_service.pipeline.manifest import MANIFEST_VERSION, Manifest, software_versions
from preprocess_service.pipeline.quality import assess_quality
from preprocess_service.pipeline.scan import Scan

# The head's outline, fat and skin included, relative to brain tissue's grey value.
_HEAD_FRACTION = 0.3


@dataclass(frozen=True, slots=True)
class PrepareOptions:
    """How slices are made; the defaults are what the committed weights were trained with."""

    in_plane_mode: InPlaneMode = InPlaneMode.RESAMPLE_1MM
    slice_plane: SlicePlane = SlicePlane.AUTO
    denoise: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class PreparedScan:
    """A scan with all that is needed to make any of its network slices."""

    scan: Scan
    manifest: Manifest

    def slices(self, first: int, count: int) -> npt.NDArray[np.float32]:
        """Network slices first to first + count - 1: (count, 256, 256) float32, C order."""
        geometry, intensity = self.manifest.geometry, self.manifest.intensity
        if first < 0 or count < 1 or first + count > geometry.slice_count:
            raise IndexError(f"slices {first} to {first + count - 1} of {geometry.slice_count}")
        native = oriented(self.scan.data, geometry)[first : first + count]
        clipped = intensity.clip(native)
        if intensity.denoised:
            clipped = denoise(clipped)
        return intensity.sharpen(intensity.normalise(to_network(clipped, geometry)), self._pixel_mm())

    def _pixel_mm(self) -> tuple[float, float]:
        geometry, spacing = self.manifest.geometry, self.manifest.spacing_mm
        return (
            geometry.row_step * spacing[geometry.row_axis],
            geometry.column_step * spacing[geometry.column_axis],
        )


def prepare_scan(scan: Scan, options: PrepareOptions | None = None) -> PreparedScan:
    """Works out everything about a scan's slices, without making one. Raises ScanContentError."""
    options = options or PrepareOptions()
    intensity = _fit(scan, options)
    head_bounds = find_head(scan.data, _HEAD_FRACTION * intensity.center)
    geometry = plan_slices(
        scan.data.shape,
        scan.affine,
        plane=options.slice_plane,
        in_plane_mode=options.in_plane_mode,
        head_bounds=head_bounds,
    )
    quality, flags = assess_quality(scan, geometry, intensity, options.in_plane_mode, head_bounds)
    manifest = Manifest(
        manifest_version=MANIFEST_VERSION,
        input_sha256=scan.sha256,
        input_bytes=scan.byte_count,
        format=scan.format,
        shape=scan.data.shape,
        spacing_mm=scan.spacing_mm,
        affine=tuple(scan.affine.ravel().tolist()),
        nifti_header=scan.nifti_header,
        geometry=geometry,
        intensity=intensity,
        in_plane_mode=options.in_plane_mode,
        quality=quality,
        quality_flags=flags,
        software=software_versions(scan.format),
        dicom=scan.dicom,
    )
    return PreparedScan(scan, manifest)


def _fit(scan: Scan, options: PrepareOptions) -> Intensity:
    try:
        return fit_intensity(scan.data, denoised=options.denoise)
    except ValueError as exc:
        raise ScanContentError(scan.file_name, "no_tissue_peak", str(exc), "Send a FLAIR scan of a head") from exc
