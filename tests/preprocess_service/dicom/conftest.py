"""DICOM series of known voxels, as a scanner would send them, and ways to re-encode and pack them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable
from copy import deepcopy
from pathlib import Path
from typing import Any

import gdcm
import numpy as np
import numpy.typing as npt
import pydicom.uid
import pytest
from mamba_hunet.phantom.dicom_series import mr_datasets
from preprocess_service.pipeline import Limits, Scan, ScanError, read_scan
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import EnhancedMRImageStorage, ExplicitVRBigEndian, JPEGTransferSyntaxes, generate_uid

Array = npt.NDArray[Any]

SHAPE = (44, 36, 9)
_FRAME_KEYWORDS = {
    "PlanePositionSequence": ["ImagePositionPatient"],
    "PlaneOrientationSequence": ["ImageOrientationPatient"],
    "PixelMeasuresSequence": ["PixelSpacing", "SliceThickness"],
    "PixelValueTransformationSequence": ["RescaleSlope", "RescaleIntercept"],
}

_LOSS: dict[str, dict[str, Any]] = {"JPEGLSNearLossless": {"jls_error": 2}, "JPEG2000": {"j2k_psnr": [60.0]}}


def oblique_affine(spacing_mm: tuple[float, float, float] = (0.9, 1.1, 3.0)) -> Array:
    """Axial slices turned by 20 degrees about the left-right axis; right-handed, as a decoded series is."""
    angle = np.deg2rad(20)
    axes = np.array([[-1, 0, 0], [0, -np.cos(angle), -np.sin(angle)], [0, -np.sin(angle), np.cos(angle)]])
    affine = np.eye(4)
    affine[:3, :3] = axes * spacing_mm
    affine[:3, 3] = [80.0, 110.0, -60.5]
    return affine


def dicom_bytes(dataset: Dataset) -> bytes:
    content = io.BytesIO()
    dataset.save_as(content, enforce_file_format=True)
    return content.getvalue()


def zip_bytes(contents: Iterable[bytes | Dataset], compression: int = zipfile.ZIP_STORED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", compression) as archive:
        for number, content in enumerate(contents):
            plain = dicom_bytes(content) if isinstance(content, Dataset) else content
            archive.writestr(f"{number:04d}", plain)
    return packed.getvalue()


def enhanced_dataset(datasets: list[Dataset]) -> Dataset:
    """One enhanced multi-frame image of single-frame ones; what all frames share is still said frame by frame."""
    whole = Dataset()
    whole.update({tag: element for tag, element in datasets[0].items() if tag != "PixelData"})
    whole.file_meta = datasets[0].file_meta
    whole.SOPClassUID = EnhancedMRImageStorage
    whole.SOPInstanceUID = generate_uid(entropy_srcs=[datasets[0].SOPInstanceUID])
    whole.NumberOfFrames = len(datasets)
    whole.PixelData = b"".join(dataset.PixelData for dataset in datasets)
    whole["PixelData"].VR = "OW"
    whole.PerFrameFunctionalGroupsSequence = Sequence([_functional_groups(dataset) for dataset in datasets])
    shared = Dataset()
    whole.SharedFunctionalGroupsSequence = Sequence([shared])
    for keywords in _FRAME_KEYWORDS.values():
        for keyword in keywords:
            if keyword in whole:
                del whole[keyword]
    return whole


def _functional_groups(dataset: Dataset) -> Dataset:
    groups = Dataset()
    for group, keywords in _FRAME_KEYWORDS.items():
        item = Dataset()
        for keyword in keywords:
            if keyword in dataset:
                setattr(item, keyword, dataset.get(keyword))
        if len(item):
            setattr(groups, group, Sequence([item]))
    return groups


@pytest.fixture(scope="session")
def voxels() -> Array:
    """(44, 36, 9) integers in 0..2999."""
    return np.random.default_rng(1).integers(0, 3000, SHAPE)


@pytest.fixture
def affine() -> Array:
    return oblique_affine()


@pytest.fixture
def series(voxels: Array, affine: Array) -> list[Dataset]:
    """One data set a slice, in ascending order along the normal."""
    return list(mr_datasets(voxels, affine))


@pytest.fixture(scope="session")
def make_series() -> Callable[..., list[Dataset]]:
    return lambda voxels, affine: list(mr_datasets(voxels, affine))


@pytest.fixture(scope="session")
def to_bytes() -> Callable[[Dataset], bytes]:
    return dicom_bytes


@pytest.fixture(scope="session")
def zipped() -> Callable[..., bytes]:
    return zip_bytes


@pytest.fixture(scope="session")
def enhanced() -> Callable[[list[Dataset]], Dataset]:
    return enhanced_dataset


@pytest.fixture(scope="session")
def read() -> Callable[..., Scan]:
    """Reads data sets as one zip, or bytes as they are."""

    def read_datasets(upload: list[Any] | bytes, limits: Limits | None = None) -> Scan:
        content = upload if isinstance(upload, bytes) else zip_bytes(upload)
        return read_scan(content, file_name="upload", limits=limits)

    return read_datasets


@pytest.fixture(scope="session")
def refusal(read: Callable[..., Scan]) -> Callable[..., ScanError]:
    def of(upload: list[Any] | bytes, limits: Limits | None = None) -> ScanError:
        with pytest.raises(ScanError) as caught:
            read(upload, limits)
        assert str(caught.value).startswith("upload: ")
        assert caught.value.fix
        return caught.value

    return of


@pytest.fixture
def recompress(tmp_path: Path) -> Callable[[Dataset, str], bytes]:
    """A DICOM file in another transfer syntax; where there is one, made by another library than reads it."""

    def to(dataset: Dataset, syntax: str) -> bytes:
        uid = getattr(pydicom.uid, syntax)
        copy = deepcopy(dataset)
        if uid in JPEGTransferSyntaxes:
            return _jpeg(copy, uid, tmp_path)
        if uid.is_encapsulated:
            copy.compress(uid, generate_instance_uid=False, **_LOSS.get(syntax, {}))
            return dicom_bytes(copy)
        copy.file_meta.TransferSyntaxUID = uid
        if uid == ExplicitVRBigEndian:
            copy.PixelData = np.frombuffer(dataset.PixelData, "<u2").astype(">u2").tobytes()
            copy["PixelData"].VR = "OW"
        return dicom_bytes(copy)

    return to


def _jpeg(dataset: Dataset, uid: str, folder: Path) -> bytes:
    source, target = folder / "plain.dcm", folder / "compressed.dcm"
    source.write_bytes(dicom_bytes(dataset))
    reader = gdcm.ImageReader()
    reader.SetFileName(str(source))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(str(uid))))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    writer.SetFileName(str(target))
    assert writer.Write()
    return target.read_bytes()
