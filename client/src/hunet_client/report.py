"""The report of one scan: what was found, in what, by what. Written as JSON; its schema is versioned.

Two runs of one scan through the same model and software give the same report, byte for byte: it holds no
time.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from typing import Annotated, Literal, TypeVar

import numpy as np
from hunet_protocol.v1 import preprocess_pb2 as pb
from pydantic import BaseModel, ConfigDict, Field

from hunet_client.lesions import CONNECTIVITY, Lesion
from hunet_client.notice import RESEARCH_USE_ONLY
from hunet_client.planes import Reading
from hunet_client.segmentation import Segmentation

_SOFTWARE = ("hunet-client", "numpy", "connected-components-3d")

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Number = TypeVar("Number", int, float)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DicomSeries(_Part):
    """The series that a DICOM scan was read from; nothing about the patient."""

    study_instance_uid: str
    series_instance_uid: str


class InputScan(_Part):
    """The scan as it was sent."""

    file_name: str
    sha256: Sha256
    bytes: int = Field(ge=0)
    shape: tuple[int, int, int] = Field(description="Voxels along i, j, k")
    spacing_mm: tuple[float, float, float] = Field(description="Edge lengths of a voxel along i, j, k")
    dicom: DicomSeries | None = Field(default=None, description="Null for a scan that is not DICOM")


class ReportedLesion(_Part):
    """One lesion. `index` is its rank by volume, and its number in the picture."""

    index: int = Field(ge=1)
    volume_ml: float = Field(gt=0)
    voxels: int = Field(ge=1)
    centroid_mm: tuple[float, float, float] = Field(description="World coordinates: to the Right, Anterior, Superior")
    extent_mm: tuple[float, float, float] = Field(description="Edges of the box about it, along i, j, k")
    box_start: tuple[int, int, int] = Field(description="First voxel (i, j, k) of that box, counted from 0")
    box_stop: tuple[int, int, int] = Field(description="One past its last voxel")
    max_probability: float = Field(ge=0, le=1)
    mean_probability: float = Field(ge=0, le=1)
    confidence: float = Field(
        ge=0, le=1, description="Mean probability of its 27 most probable mm3; what a smaller lesion lacks counts as 0"
    )


class QualityMeasurement(_Part):
    """One figure measured in the scan. Its score is 1 where it is ordinary and below 0.5 where a flag is raised."""

    name: str = Field(description="Stable, for machines")
    value: float
    unit: str
    score: float = Field(ge=0, le=1)


class QualityComponent(_Part):
    """One side of quality: contrast, motion, noise, coverage or resolution."""

    name: str
    score: float | None = Field(ge=0, le=1, description="The lowest of its measurements; null when there are none")
    measurements: tuple[QualityMeasurement, ...]


class Quality(_Part):
    """How good the scan is for this system, as the preprocessing service measured it."""

    score: float | None = Field(ge=0, le=1, description="The lowest of its components; null when nothing was assessed")
    components: tuple[QualityComponent, ...]

    @property
    def weakest(self) -> str | None:
        """Name of the component that the score is; None without a score."""
        return next((component.name for component in self.components if component.score == self.score), None)


class QualityFlag(_Part):
    """Something a reader of the result should know about the scan."""

    code: str = Field(description="Stable, for machines")
    message: str
    severity: Literal["info", "warning"]


class ModelUsed(_Part):
    """The model as the inference server named it; `weights_sha256` is that of the checkpoint file."""

    name: str
    version: str
    weights_sha256: Sha256


class Preprocessing(_Part):
    """How the network's slices were made. z = (value clipped to clip_low..clip_high - center) / scale."""

    planes: tuple[Reading, ...] = Field(
        min_length=1,
        description="Read in these planes, mirrored: with left and right exchanged; probabilities are their mean",
    )
    slice_axis: int = Field(ge=0, le=2, description="Axis that numbers the first plane's slices: 0 is i, 2 is k")
    slice_count: int = Field(ge=1)
    in_plane_mode: Literal["resample_1mm", "resize"]
    clip_low: float
    clip_high: float
    center: float
    scale: float
    sharpening_amount: float
    sharpening_sigma_mm: float
    denoised: bool


class Postprocessing(_Part):
    """How probabilities became lesions."""

    threshold: float = Field(gt=0, le=1, description="A voxel is lesion at or above this probability")
    min_lesion_ml: float = Field(ge=0, description="Smaller lesions are dropped")
    connectivity: int = Field(description="Neighbours of a voxel that belong to the same lesion")


class Provenance(_Part):
    """All that the result depends on besides the scan."""

    model: ModelUsed
    preprocessing: Preprocessing
    postprocessing: Postprocessing
    software: dict[str, str] = Field(description="Distribution name to version")


class Report(_Part):
    """Lesions of multiple sclerosis on one FLAIR scan. Research use only."""

    # The first number changes when a reader of the old report could misread the new one.
    schema_version: Literal["1.2"] = "1.2"
    research_use_only: str = RESEARCH_USE_ONLY
    input: InputScan
    lesion_count: int = Field(ge=0)
    total_volume_ml: float = Field(ge=0)
    lesions: tuple[ReportedLesion, ...] = Field(description="Largest first")
    quality: Quality
    quality_flags: tuple[QualityFlag, ...]
    provenance: Provenance

    def to_json(self) -> str:
        """The report as indented JSON text that ends with a newline."""
        return self.model_dump_json(indent=2) + "\n"


def build_report(segmentation: Segmentation) -> Report:
    """The report of one segmented scan.

    Raises pydantic's ValidationError when a service sent a manifest or digest that no report may carry.
    """
    manifest, found = segmentation.manifest, segmentation.lesions
    return Report(
        input=InputScan(
            file_name=segmentation.file_name,
            sha256=manifest.input_sha256,
            bytes=manifest.input_bytes,
            shape=_triple(manifest.shape),
            spacing_mm=_triple(manifest.spacing_mm),
            dicom=_dicom(manifest),
        ),
        lesion_count=len(found.lesions),
        total_volume_ml=_rounded(found.total_volume_ml),
        lesions=tuple(_row(lesion, segmentation.spacing_mm) for lesion in found.lesions),
        quality=_quality(manifest.quality),
        quality_flags=tuple(_flag(flag) for flag in manifest.quality_flags),
        provenance=Provenance(
            model=ModelUsed(
                name=segmentation.model.name,
                version=segmentation.model.version,
                weights_sha256=segmentation.model.weights_sha256,
            ),
            preprocessing=_preprocessing(manifest, segmentation.planes),
            postprocessing=Postprocessing(
                threshold=found.threshold, min_lesion_ml=found.min_lesion_ml, connectivity=CONNECTIVITY
            ),
            software=dict(manifest.software) | {name: version(name) for name in _SOFTWARE},
        ),
    )


def _dicom(manifest: pb.Manifest) -> DicomSeries | None:
    if manifest.format != pb.SCAN_FORMAT_DICOM:
        return None
    return DicomSeries(study_instance_uid=manifest.study_instance_uid, series_instance_uid=manifest.series_instance_uid)


def _row(lesion: Lesion, spacing_mm: tuple[float, float, float]) -> ReportedLesion:
    extent_mm = np.subtract(lesion.box_stop, lesion.box_start) * np.asarray(spacing_mm)
    return ReportedLesion(
        index=lesion.index,
        volume_ml=_rounded(lesion.volume_ml),
        voxels=lesion.voxels,
        centroid_mm=_triple(_rounded(value) for value in lesion.centroid_mm),
        extent_mm=_triple(_rounded(value) for value in extent_mm.tolist()),
        box_start=lesion.box_start,
        box_stop=lesion.box_stop,
        max_probability=_rounded(lesion.max_probability),
        mean_probability=_rounded(lesion.mean_probability),
        confidence=_rounded(lesion.confidence),
    )


def _quality(quality: pb.Quality) -> Quality:
    return Quality(
        score=_score(quality),
        components=tuple(
            QualityComponent(
                name=component.name,
                score=_score(component),
                measurements=tuple(
                    QualityMeasurement(
                        name=figure.name,
                        value=_rounded(figure.value),
                        unit=figure.unit,
                        score=_rounded(figure.score),
                    )
                    for figure in component.measurements
                ),
            )
            for component in quality.components
        ),
    )


def _score(scored: pb.Quality | pb.QualityComponent) -> float | None:
    """Absent where nothing could be measured, or where the service is older than the field."""
    return _rounded(scored.score) if scored.HasField("score") else None


def _flag(flag: pb.QualityFlag) -> QualityFlag:
    severity: Literal["info", "warning"] = "info" if flag.severity == pb.SEVERITY_INFO else "warning"
    return QualityFlag(code=flag.code, message=flag.message, severity=severity)


def _preprocessing(manifest: pb.Manifest, planes: tuple[Reading, ...]) -> Preprocessing:
    resized = manifest.in_plane_mode == pb.IN_PLANE_MODE_RESIZE
    intensity = manifest.intensity
    return Preprocessing(
        planes=planes,
        slice_axis=manifest.geometry.slice_axis,
        slice_count=manifest.geometry.slice_count,
        in_plane_mode="resize" if resized else "resample_1mm",
        clip_low=intensity.clip_low,
        clip_high=intensity.clip_high,
        center=intensity.center,
        scale=intensity.scale,
        sharpening_amount=intensity.sharpening_amount,
        sharpening_sigma_mm=intensity.sharpening_sigma_mm,
        denoised=intensity.denoised,
    )


def _rounded(value: float) -> float:
    """Six decimals: a nanolitre, a nanometre; more would be noise of the arithmetic."""
    return round(value, 6)


def _triple(values: Iterable[Number]) -> tuple[Number, Number, Number]:
    first, second, third = values
    return first, second, third
