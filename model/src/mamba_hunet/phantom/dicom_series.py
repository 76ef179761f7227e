"""A synthetic scan as a DICOM series: single-frame MR Image Storage files, as a scanner would send them.

Source: DICOM PS3.3 A.4 (MR image), C.7.6.2 (image plane), C.8.3 (MR image module).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid
from pydicom.valuerep import format_number_as_ds

# NIfTI's axes run to the right, front and head, DICOM's to the left, back and head.
_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0])
_THREE_D_BELOW_MM = 2.0


def mr_datasets(flair: npt.NDArray[np.number], affine: npt.NDArray[np.float64]) -> Iterator[Dataset]:
    """One data set for each slice along k, in the order of k.

    flair: (i, j, k) grey values in 0..65535, rounded to integers; i becomes the column and j the row.
    affine: 4x4, voxel index to RAS millimetres, its columns at right angles.
    Equal scans get equal UIDs. Study, series and frame of reference have one UID each.
    """
    voxels = np.rint(flair).astype(np.uint16)
    lps = _RAS_TO_LPS @ affine[:3]
    spacing_mm = np.linalg.norm(lps[:, :3], axis=0)
    content = hashlib.sha256(np.ascontiguousarray(voxels).tobytes() + affine.tobytes()).hexdigest()
    for k in range(voxels.shape[2]):
        dataset = _acquisition(content, spacing_mm)
        dataset.SOPInstanceUID = _uid(content, f"slice {k}")
        dataset.InstanceNumber = k + 1
        dataset.ImageOrientationPatient = _decimals(*(lps[:, 0] / spacing_mm[0]), *(lps[:, 1] / spacing_mm[1]))
        dataset.ImagePositionPatient = _decimals(*(lps[:, 2] * k + lps[:, 3]))
        dataset.PixelSpacing = _decimals(spacing_mm[1], spacing_mm[0])
        pixels = voxels[:, :, k].T
        dataset.Rows, dataset.Columns = pixels.shape
        dataset.SamplesPerPixel = 1
        dataset.PhotometricInterpretation = "MONOCHROME2"
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
        dataset.PixelRepresentation = 0
        dataset.PixelData = pixels.astype("<u2").tobytes()
        dataset["PixelData"].VR = "OW"
        yield dataset


def write_mr_series(folder: Path, flair: npt.NDArray[np.number], affine: npt.NDArray[np.float64]) -> int:
    """Writes `mr_datasets` as 0001.dcm, 0002.dcm, ... to a folder; returns how many.

    The folder is made if there is none, and a series that was written there before is removed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("[0-9][0-9][0-9][0-9].dcm"):
        old.unlink()
    count = 0
    for count, dataset in enumerate(mr_datasets(flair, affine), start=1):
        dataset.save_as(folder / f"{count:04d}.dcm", enforce_file_format=True)
    return count


def _acquisition(content: str, spacing_mm: npt.NDArray[np.float64]) -> Dataset:
    """All that the slices of a series have in common."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = MRImageStorage
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
    dataset.SyntheticData = "YES"
    dataset.PatientName, dataset.PatientID = "Phantom^Synthetic", "PHANTOM"
    dataset.PatientBirthDate = dataset.PatientSex = ""
    dataset.StudyInstanceUID = _uid(content, "study")
    dataset.StudyDate = dataset.StudyTime = dataset.StudyID = dataset.AccessionNumber = ""
    dataset.ReferringPhysicianName = ""
    dataset.Modality = "MR"
    dataset.SeriesInstanceUID = _uid(content, "series")
    dataset.BodyPartExamined = "HEAD"
    dataset.SeriesNumber = 1
    dataset.SeriesDescription = "Synthetic FLAIR, research use only"
    dataset.PatientPosition = "HFS"
    dataset.FrameOfReferenceUID = _uid(content, "frame of reference")
    dataset.PositionReferenceIndicator = ""
    dataset.Manufacturer = "Mamba-HUNet phantom"
    dataset.ScanningSequence = ["SE", "IR"]
    dataset.SequenceVariant = "SK"
    dataset.ScanOptions = ""
    dataset.MRAcquisitionType = "3D" if spacing_mm[2] < _THREE_D_BELOW_MM else "2D"
    dataset.MagneticFieldStrength = "3"
    dataset.RepetitionTime, dataset.EchoTime, dataset.InversionTime = "9000", "120", "2500"
    dataset.EchoTrainLength = 16
    dataset.SliceThickness = dataset.SpacingBetweenSlices = _decimals(spacing_mm[2])[0]
    return dataset


def _uid(content: str, what: str) -> str:
    return str(generate_uid(entropy_srcs=[content, what]))


def _decimals(*numbers: float) -> list[str]:
    """Numbers as decimal strings of 16 characters, the most that DICOM has room for."""
    return [format_number_as_ds(float(number)) for number in numbers]
