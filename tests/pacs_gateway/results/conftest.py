"""MR series written with pydicom, and what the client would have made of them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hunet_client.lesions import find_lesions
from hunet_client.segmentation import Segmentation
from hunet_client.transport import Model
from hunet_protocol.v1 import preprocess_pb2 as pb
from numpy.typing import NDArray
from pacs_gateway.results import SourceSeries, WantedResults, build_results
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import EnhancedMRImageStorage, ExplicitVRLittleEndian, MRImageStorage, generate_uid

MADE_AT = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)
LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
AXIAL = LPS_FROM_RAS @ np.array([[1.0, 0, 0, -20], [0, 1.2, 0, -30], [0, 0, 3, -15], [0, 0, 0, 1]])


def _common(uid: Callable[[str], str]) -> Dataset:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.StudyDate = dataset.SeriesDate = dataset.ContentDate = dataset.AcquisitionDate = "20260503"
    dataset.StudyTime = dataset.SeriesTime = dataset.ContentTime = dataset.AcquisitionTime = "101500"
    dataset.AccessionNumber = "A77"
    dataset.Modality = "MR"
    dataset.Manufacturer = "Scanner works"
    dataset.ReferringPhysicianName = "House^Gregory"
    dataset.StudyDescription = "Brain"
    dataset.SeriesDescription = "FLAIR"
    dataset.PatientName = "Müller^Jörg"
    dataset.PatientID = "P123"
    dataset.PatientBirthDate = "19700102"
    dataset.PatientSex = "M"
    dataset.PatientAge = "056Y"
    dataset.StudyInstanceUID = uid("study")
    dataset.SeriesInstanceUID = uid("series")
    dataset.FrameOfReferenceUID = uid("frame of reference")
    dataset.StudyID = "S1"
    dataset.SeriesNumber = 7
    dataset.PositionReferenceIndicator = ""
    dataset.Laterality = ""
    dataset.PatientPosition = "HFS"
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    return dataset


def _finished(dataset: Dataset, sop_class: str, instance: str) -> Dataset:
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, instance
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID, dataset.file_meta.MediaStorageSOPInstanceUID = sop_class, instance
    return dataset


def _decimals(numbers: NDArray[np.float64]) -> list[str]:
    """Decimal strings of at most 16 characters, as scanners write them."""
    return [f"{number:.9f}"[:16] for number in numbers.tolist()]


class WrittenSeries:
    """The geometry of an affine (4, 4) in LPS millimetres, for voxels (i, j, k) uint16, as DICOM attributes."""

    def __init__(self, volume: NDArray[np.uint16], lps_affine: NDArray[np.float64], name: str) -> None:
        self.volume, self.affine, self.name = volume, lps_affine, name
        self.spacing_mm = np.linalg.norm(lps_affine[:3, :3], axis=0)
        cosines = lps_affine[:3, :2] / self.spacing_mm[:2]
        self.orientation = _decimals(cosines.T.ravel())

    def uid(self, part: str) -> str:
        return generate_uid(prefix="1.2.826.0.1.3680043.8.498.", entropy_srcs=[self.name, part])

    def position(self, k: int) -> list[str]:
        return _decimals(self.affine[:3, 3] + k * self.affine[:3, 2])

    def single_frames(self) -> list[Dataset]:
        return [self._single_frame(k) for k in range(self.volume.shape[2])]

    def _single_frame(self, k: int) -> Dataset:
        dataset = _common(self.uid)
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "M"]
        dataset.ScanningSequence, dataset.SequenceVariant, dataset.ScanOptions = "IR", "SK", ""
        dataset.MRAcquisitionType, dataset.EchoTrainLength = "2D", "16"
        dataset.RepetitionTime, dataset.EchoTime, dataset.InversionTime = "9000", "120", "2500"
        dataset.AcquisitionNumber, dataset.InstanceNumber = 1, k + 1
        dataset.ImagePositionPatient = self.position(k)
        dataset.ImageOrientationPatient = self.orientation
        dataset.PixelSpacing = _decimals(self.spacing_mm[[1, 0]])
        dataset.SliceThickness = _decimals(self.spacing_mm[2:])[0]
        dataset.Columns, dataset.Rows = self.volume.shape[:2]
        dataset.PixelData = self.volume[:, :, k].T.tobytes()
        return _finished(dataset, MRImageStorage, self.uid(f"slice {k}"))

    def multi_frame(self, order: list[int]) -> Dataset:
        """One enhanced image with its frames in an order of its own: frame n + 1 shows slice order[n]."""
        dataset = _common(self.uid)
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "FLAIR", "NONE"]
        dataset.InstanceNumber = 1
        dataset.NumberOfFrames = len(order)
        dataset.Columns, dataset.Rows = self.volume.shape[:2]
        orientation, measures, shared = Dataset(), Dataset(), Dataset()
        orientation.ImageOrientationPatient = self.orientation
        measures.PixelSpacing = _decimals(self.spacing_mm[[1, 0]])
        measures.SliceThickness = _decimals(self.spacing_mm[2:])[0]
        shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [orientation], [measures]
        dataset.SharedFunctionalGroupsSequence = [shared]
        dataset.PerFrameFunctionalGroupsSequence = []
        for k in order:
            position, groups = Dataset(), Dataset()
            position.ImagePositionPatient = self.position(k)
            groups.PlanePositionSequence = [position]
            dataset.PerFrameFunctionalGroupsSequence.append(groups)
        dataset.PixelData = b"".join(self.volume[:, :, k].T.tobytes() for k in order)
        return _finished(dataset, EnhancedMRImageStorage, self.uid("multi-frame"))


def head(shape: tuple[int, int, int]) -> NDArray[np.uint16]:
    """An ellipsoid of tissue, 300, in air."""
    axes = np.meshgrid(*[np.linspace(-1.0, 1.0, n) for n in shape], indexing="ij")
    return np.where(sum(axis**2 for axis in axes) < 0.8, 300, 0).astype(np.uint16)


def segmented(
    probability: NDArray[np.float32],
    lps_affine: NDArray[np.float64],
    *,
    weights_sha256: str = "ab" * 32,
    threshold: float = 0.5,
    min_lesion_ml: float = 0.01,
) -> Segmentation:
    """What the client hands over for this probability, without any service."""
    affine = LPS_FROM_RAS @ lps_affine
    spacing_mm = tuple(np.linalg.norm(affine[:3, :3], axis=0).tolist())
    manifest = pb.Manifest(
        manifest_version=1,
        input_sha256="0a" * 32,
        input_bytes=1234,
        shape=probability.shape,
        spacing_mm=spacing_mm,
        affine=affine.ravel().tolist(),
        geometry=pb.SliceGeometry(slice_axis=2, row_axis=1, column_axis=0, slice_count=probability.shape[2]),
        intensity=pb.Intensity(clip_high=900.0, center=300.0, scale=40.0),
        in_plane_mode=pb.IN_PLANE_MODE_RESAMPLE_1MM,
        software={"hunet-preprocess-service": "0.1.0"},
        quality=pb.Quality(score=0.75, components=[pb.QualityComponent(name="noise", score=0.75)]),
        quality_flags=[pb.QualityFlag(code="noisy", message="Noise of 3 mm³, à high", severity=pb.SEVERITY_WARNING)],
    )
    return Segmentation(
        file_name="secret.dcm",
        probability=probability,
        lesions=find_lesions(probability, affine, spacing_mm, threshold=threshold, min_lesion_ml=min_lesion_ml),
        manifest=manifest,
        planes=("axial",),
        model=Model("mamba_hunet", "3", weights_sha256),
        elapsed_s=1.0,
    )


SHAPE = (40, 50, 9)


def two_lesions() -> NDArray[np.float32]:
    """Boxes of unlike size, off the centre along every axis, and low probability around them."""
    probability = np.zeros(SHAPE, np.float32)
    probability[8:20, 10:24, 2:7] = 0.2
    probability[10:16, 12:20, 3:5] = 0.9
    probability[25:28, 30:32, 5:6] = 0.8
    return probability


@pytest.fixture(scope="session")
def made_at() -> datetime:
    return MADE_AT


@pytest.fixture(scope="session")
def written() -> WrittenSeries:
    """An axial series of 40 x 50 x 9 voxels, 1 x 1.2 x 3 mm."""
    return WrittenSeries(head(SHAPE), AXIAL, "axial")


@pytest.fixture(scope="session")
def write_series() -> type[WrittenSeries]:
    return WrittenSeries


@pytest.fixture(scope="session")
def make_segmentation() -> Callable[..., Segmentation]:
    return segmented


@pytest.fixture
def series(written) -> SourceSeries:
    return SourceSeries(tuple(written.single_frames()))


@pytest.fixture(scope="session")
def with_lesions() -> Segmentation:
    return segmented(two_lesions(), AXIAL)


@pytest.fixture(scope="session")
def without_lesions() -> Segmentation:
    return segmented(np.zeros(SHAPE, np.float32), AXIAL)


EVERYTHING = WantedResults(probability=True, pdf=True)


@pytest.fixture(scope="session")
def results(written, with_lesions) -> dict[str, list[Dataset]]:
    """Every kind of object for two lesions, by the end of its class's name."""
    return by_kind(
        build_results(SourceSeries(tuple(written.single_frames())), with_lesions, EVERYTHING, made_at=MADE_AT)
    )


@pytest.fixture(scope="session")
def results_without(written, without_lesions) -> dict[str, list[Dataset]]:
    """The same for a scan without lesions."""
    sources = SourceSeries(tuple(written.single_frames()))
    return by_kind(build_results(sources, without_lesions, EVERYTHING, made_at=MADE_AT))


def by_kind(objects: list[Dataset]) -> dict[str, list[Dataset]]:
    kinds: dict[str, list[Dataset]] = {}
    for item in objects:
        name = item.get("SegmentationType") or item.SOPClassUID.name.removesuffix(" Storage")
        kinds.setdefault(name, []).append(item)
    return kinds


@pytest.fixture(scope="session")
def run_tool() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a program of the virtual environment: `dciodvfy`, `segimage2itkimage`, `tid1500reader`."""

    def run(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [Path(sys.executable).with_name(name), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    return run
