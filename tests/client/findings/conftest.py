"""Phantoms as examinations: a scan, its true mask and a report of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hunet_client.findings import Examination
from hunet_client.lesions import LesionSet, find_lesions
from hunet_client.report import Report, build_report
from hunet_client.segmentation import Segmentation
from hunet_client.transport import Model
from hunet_protocol.v1 import preprocess_pb2 as pb
from mamba_hunet.phantom import PhantomSettings, ScanSettings
from mamba_hunet.phantom.image import Renderer
from mamba_hunet.phantom.lesions import PlacedLesion

Lesions = tuple[PlacedLesion, ...]


def report_of(
    probability: np.ndarray,
    affine: np.ndarray,
    spacing_mm: tuple[float, float, float],
    tissue_level: float,
    name: str = "scan.nii.gz",
    weights_sha256: str = "ff" * 32,
) -> tuple[Report, LesionSet]:
    """A report as the client builds it, and the lesions in it."""
    manifest = pb.Manifest(
        manifest_version=1,
        input_sha256="0a" * 32,
        input_bytes=1234,
        shape=probability.shape,
        spacing_mm=spacing_mm,
        affine=np.asarray(affine).ravel().tolist(),
        geometry=pb.SliceGeometry(slice_axis=2, slice_count=probability.shape[2]),
        intensity=pb.Intensity(clip_high=900.0, center=tissue_level, scale=0.1 * tissue_level),
        in_plane_mode=pb.IN_PLANE_MODE_RESAMPLE_1MM,
        quality=pb.Quality(score=0.8, components=[pb.QualityComponent(name="noise", score=0.8)]),
    )
    found = find_lesions(probability, affine, spacing_mm)
    segmentation = Segmentation(
        file_name=name,
        probability=probability,
        lesions=found,
        manifest=manifest,
        planes=("axial",),
        model=Model("mamba_hunet", "3", weights_sha256),
        elapsed_s=1.0,
    )
    return build_report(segmentation), found


@dataclass(frozen=True, eq=False)
class Made:
    """A phantom's examination, and its lesions as they were drawn."""

    examination: Examination
    placed: Lesions


def examine(
    settings: PhantomSettings,
    change_lesions: Callable[[Lesions], Lesions] = lambda lesions: lesions,
    moved: np.ndarray | None = None,
    slices: slice = slice(None),
    name: str = "scan.nii.gz",
) -> Made:
    """moved: (4, 4), where the head lies now, from where it lay; slices: what the scan shows."""
    renderer = Renderer(settings)
    renderer.lesions = change_lesions(renderer.lesions)
    numbers = range(*slices.indices(renderer.grid.shape[2]))
    made = [renderer.slice(number) for number in numbers]
    flair = np.stack([signal for signal, _ in made], axis=2).astype(np.float32)
    truth = np.stack([lesions for _, lesions in made], axis=2).astype(np.float32)
    affine = renderer.grid.affine.copy()
    affine[:3, 3] += affine[:3, 2] * numbers[0]
    affine = (np.eye(4) if moved is None else moved) @ affine
    report, found = report_of(truth, affine, settings.scan.spacing_mm, settings.scan.white_matter_level, name)
    return Made(Examination(flair, found.mask, affine, report), renderer.lesions)


# Coarse enough to be quick.
SETTINGS = PhantomSettings(seed=3, scan=ScanSettings(spacing_mm=(1.2, 1.2, 3.0)))


@pytest.fixture(scope="session")
def settings() -> PhantomSettings:
    return SETTINGS


@pytest.fixture(scope="session", name="examine")
def _examine() -> Callable[..., Made]:
    return examine


@pytest.fixture(scope="session", name="report_of")
def _report_of() -> Callable[..., tuple[Report, LesionSet]]:
    return report_of


@pytest.fixture(scope="session")
def phantom() -> Made:
    return examine(SETTINGS)


@pytest.fixture(scope="session")
def lesion_free() -> Made:
    return examine(SETTINGS.without_lesions())


@pytest.fixture(scope="session")
def extracted() -> Made:
    scan = replace(SETTINGS.scan, brain_extracted=True, orientation="PSR", spacing_mm=(1.5, 1.5, 1.5))
    return examine(replace(SETTINGS, seed=8, scan=scan))
