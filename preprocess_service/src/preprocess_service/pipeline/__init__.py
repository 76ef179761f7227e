"""The one preprocessing truth, used by the service and by training: plain numpy, no torch, no network.

scan = read_scan(Path("flair.nii.gz"), file_name="flair.nii.gz")
prepared = prepare_scan(scan)
slices = prepared.slices(0, prepared.manifest.geometry.slice_count)       # (n, 256, 256) float32
volume = restore_volume(prepared.manifest, [(0, probabilities)])          # (i, j, k) float32
"""

from preprocess_service.pipeline.decode import read_scan
from preprocess_service.pipeline.decode.memory import scan_from_array
from preprocess_service.pipeline.errors import RestoreError, ScanError
from preprocess_service.pipeline.geometry import (
    InPlaneMode,
    SliceGeometry,
    SlicePlane,
    oriented,
    plan_slices,
    to_native,
    to_network,
)
from preprocess_service.pipeline.intensity import Intensity, fit_intensity
from preprocess_service.pipeline.manifest import Manifest
from preprocess_service.pipeline.prepare import PreparedScan, PrepareOptions, prepare_scan
from preprocess_service.pipeline.quality.result import Quality, QualityFlag
from preprocess_service.pipeline.restore import VolumeRestorer, restore_volume
from preprocess_service.pipeline.scan import Limits, Scan

__all__ = [
    "InPlaneMode",
    "Intensity",
    "Limits",
    "Manifest",
    "PrepareOptions",
    "PreparedScan",
    "Quality",
    "QualityFlag",
    "RestoreError",
    "Scan",
    "ScanError",
    "SliceGeometry",
    "SlicePlane",
    "VolumeRestorer",
    "fit_intensity",
    "oriented",
    "plan_slices",
    "prepare_scan",
    "read_scan",
    "restore_volume",
    "scan_from_array",
    "to_native",
    "to_network",
]
