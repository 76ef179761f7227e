"""Pipeline values to protocol messages and back: the only place that knows both."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from hunet_protocol.v1 import preprocess_pb2 as pb

from preprocess_service.pipeline.errors import RestoreError
from preprocess_service.pipeline.geometry import CANVAS_PIXELS, InPlaneMode, SliceGeometry, SlicePlane
from preprocess_service.pipeline.intensity import Intensity
from preprocess_service.pipeline.manifest import Manifest
from preprocess_service.pipeline.prepare import PrepareOptions
from preprocess_service.pipeline.quality.result import Component, Measurement, Quality, QualityFlag, Severity
from preprocess_service.pipeline.scan import DicomSource, ScanFormat, SourceFrame

DEFAULT_BATCH_SLICES = 8
# 15 slices are 3.75 MiB, which fits gRPC's default message limit of 4 MiB; 16 and their framing do not.
MAX_BATCH_SLICES = 15
_SLICE_BYTES = CANVAS_PIXELS * CANVAS_PIXELS * 4

_PLANES = {
    SlicePlane.AUTO: pb.SLICE_PLANE_UNSPECIFIED,
    SlicePlane.AXIAL: pb.SLICE_PLANE_AXIAL,
    SlicePlane.CORONAL: pb.SLICE_PLANE_CORONAL,
    SlicePlane.SAGITTAL: pb.SLICE_PLANE_SAGITTAL,
}
_MODES = {
    InPlaneMode.RESAMPLE_1MM: pb.IN_PLANE_MODE_RESAMPLE_1MM,
    InPlaneMode.RESIZE: pb.IN_PLANE_MODE_RESIZE,
}
_FORMATS = {ScanFormat.NIFTI: pb.SCAN_FORMAT_NIFTI, ScanFormat.DICOM: pb.SCAN_FORMAT_DICOM}
_SEVERITIES = {Severity.INFO: pb.SEVERITY_INFO, Severity.WARNING: pb.SEVERITY_WARNING}

_Value = TypeVar("_Value")
_Code = TypeVar("_Code", bound=int)


class RequestError(ValueError):
    """A request that breaks the protocol: what is wrong, what to do."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(f"{what}. {fix}.")
        self.what = what
        self.fix = fix


def prepare_options(message: pb.PreprocessOptions) -> PrepareOptions:
    """Raises RequestError for a mode or plane that this version does not know."""
    mode = message.in_plane_mode or pb.IN_PLANE_MODE_RESAMPLE_1MM
    return PrepareOptions(
        in_plane_mode=_known(_MODES, mode, "in_plane_mode"),
        slice_plane=_known(_PLANES, message.slice_plane, "slice_plane"),
        denoise=message.denoise,
    )


def batch_slices(message: pb.PreprocessOptions) -> int:
    """Slices in one batch that the client wants and a message can hold."""
    return min(message.batch_slices or DEFAULT_BATCH_SLICES, MAX_BATCH_SLICES)


def check_format(message: pb.PreprocessHeader) -> None:
    """Raises RequestError for a format that this version does not know; the content says which one it is."""
    if message.format != pb.SCAN_FORMAT_UNSPECIFIED:
        _known(_FORMATS, message.format, "format")


def manifest_message(manifest: Manifest) -> pb.Manifest:
    """A manifest as it is sent."""
    return pb.Manifest(
        manifest_version=manifest.manifest_version,
        input_sha256=manifest.input_sha256,
        input_bytes=manifest.input_bytes,
        format=_FORMATS[manifest.format],
        shape=manifest.shape,
        spacing_mm=manifest.spacing_mm,
        affine=manifest.affine,
        nifti_header=manifest.nifti_header,
        geometry=pb.SliceGeometry(**asdict(manifest.geometry)),
        intensity=pb.Intensity(**asdict(manifest.intensity)),
        in_plane_mode=_MODES[manifest.in_plane_mode],
        quality_flags=[
            pb.QualityFlag(code=flag.code, message=flag.message, severity=_SEVERITIES[flag.severity])
            for flag in manifest.quality_flags
        ],
        software=dict(manifest.software),
        quality=_quality_message(manifest.quality),
        **_dicom_fields(manifest.dicom),
    )


def manifest_from_message(message: pb.Manifest) -> Manifest:
    """A manifest as it comes back. Raises RestoreError where a field is missing or unknown."""
    lengths = {"shape": 3, "spacing_mm": 3, "affine": 16}
    for field, length in lengths.items():
        if len(getattr(message, field)) != length:
            raise _bad_field(field)
    if not message.HasField("geometry"):
        raise _bad_field("geometry")
    if not message.HasField("intensity"):
        raise _bad_field("intensity")
    try:
        return Manifest(
            manifest_version=message.manifest_version,
            input_sha256=message.input_sha256,
            input_bytes=message.input_bytes,
            format=_known(_FORMATS, message.format, "format"),
            shape=(message.shape[0], message.shape[1], message.shape[2]),
            spacing_mm=(message.spacing_mm[0], message.spacing_mm[1], message.spacing_mm[2]),
            affine=tuple(message.affine),
            nifti_header=message.nifti_header,
            geometry=SliceGeometry(**_fields(message.geometry)),
            intensity=Intensity(**_fields(message.intensity)),
            in_plane_mode=_known(_MODES, message.in_plane_mode, "in_plane_mode"),
            quality=_quality(message.quality),
            quality_flags=tuple(
                QualityFlag(flag.code, flag.message, _known(_SEVERITIES, flag.severity, "severity"))
                for flag in message.quality_flags
            ),
            software=tuple(sorted(message.software.items())),
            dicom=_dicom(message),
        )
    except RequestError as exc:
        raise RestoreError("bad_manifest", exc.what, exc.fix) from exc


def slice_batch_message(first_slice: int, slices: npt.NDArray[np.float32]) -> pb.SliceBatch:
    """Consecutive slices, (n, 256, 256) float32, as they are sent."""
    return pb.SliceBatch(first_slice=first_slice, count=len(slices), data=slices.astype("<f4", copy=False).tobytes())


def slices_from_message(message: pb.SliceBatch) -> npt.NDArray[np.float32]:
    """Slices of a batch, (count, 256, 256) float32. Raises RequestError where count and data disagree."""
    if message.count < 1 or len(message.data) != message.count * _SLICE_BYTES:
        raise RequestError(
            f"a batch of {message.count} slices holds {len(message.data)} bytes",
            f"Send {_SLICE_BYTES} bytes of float32 a slice, and at least one slice",
        )
    values = np.frombuffer(message.data, dtype="<f4")
    return values.reshape(message.count, CANVAS_PIXELS, CANVAS_PIXELS).astype(np.float32, copy=False)


def _quality_message(quality: Quality) -> pb.Quality:
    return pb.Quality(
        score=quality.score,
        components=[
            pb.QualityComponent(
                name=component.name,
                score=component.score,
                measurements=[pb.QualityMeasurement(**asdict(figure)) for figure in component.measurements],
            )
            for component in quality.components
        ],
    )


def _quality(message: pb.Quality) -> Quality:
    return Quality(
        tuple(
            Component(component.name, tuple(Measurement(**_fields(figure)) for figure in component.measurements))
            for component in message.components
        )
    )


def _dicom_fields(source: DicomSource | None) -> dict[str, Any]:
    if source is None:
        return {}
    return {
        "study_instance_uid": source.study_instance_uid,
        "series_instance_uid": source.series_instance_uid,
        "source_frames": [pb.SourceFrame(**asdict(frame)) for frame in source.frames],
    }


def _dicom(message: pb.Manifest) -> DicomSource | None:
    if message.format != pb.SCAN_FORMAT_DICOM:
        return None
    frames = tuple(SourceFrame(frame.sop_instance_uid, frame.frame_number) for frame in message.source_frames)
    return DicomSource(message.study_instance_uid, message.series_instance_uid, frames)


def _known(table: dict[_Value, _Code], code: int, field: str) -> _Value:
    for value, known in table.items():
        if known == code:
            return value
    raise RequestError(f"{field} {code} is unknown", "Use a value of this version of the protocol")


def _fields(message: pb.SliceGeometry | pb.Intensity | pb.QualityMeasurement) -> dict[str, Any]:
    return {field.name: getattr(message, field.name) for field in message.DESCRIPTOR.fields}


def _bad_field(field: str) -> RestoreError:
    return RestoreError(
        "bad_manifest",
        f"the manifest's {field} is incomplete",
        "Send the manifest as it came from Preprocess",
    )
