"""A segmentation as the files that the web page shows."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from io import BytesIO

import nibabel
import numpy as np
from hunet_client.findings import ChangeReport, find
from hunet_client.nifti_output import mask_file
from hunet_client.overlay import segmentation_overlay
from hunet_client.report import Report
from hunet_client.segmentation import Segmentation
from numpy.typing import NDArray
from pydicom import Dataset, dcmwrite

from pacs_gateway.results.pdf_page import pdf_page

_LEVELS = 255


def view_files(
    segmentation: Segmentation, report: Report, volume: NDArray[np.float32], change: ChangeReport | None = None
) -> dict[str, bytes]:
    """Mask, probability, report, findings and pictures by file name.

    The probability is uint8 with a slope of 1/255: a quarter of the size, and as fine as a reader can set a threshold.

    Args:
        report: of this segmentation.
        volume: the scan's voxels (i, j, k) on the segmentation's grid.
        change: against an earlier scan, where there is one.
    """
    mask = segmentation.mask
    findings = find(volume, mask, segmentation.affine, report, probability=segmentation.probability, change=change)
    return {
        "mask.nii.gz": mask_file(mask, segmentation.manifest.nifti_header),
        "probability.nii.gz": _coarse_probability(segmentation),
        "report.json": report.to_json().encode(),
        "findings.json": findings.to_json().encode(),
        "overlay.png": segmentation_overlay(volume, segmentation),
        "report.pdf": pdf_page(volume, segmentation, report),
    }


def flair_file(segmentation: Segmentation, volume: NDArray[np.float32]) -> bytes:
    """The scan as NIfTI on the segmentation's grid, for scans that came as DICOM."""
    return _compressed(nibabel.Nifti1Image(volume, segmentation.affine))


def object_files(results: Iterable[Dataset]) -> dict[str, bytes]:
    """Of the DICOM objects of a result the mask and the structured report, by file name."""
    return {_OBJECT_FILES[kind]: dicom_file(result) for result in results if (kind := _kind(result)) in _OBJECT_FILES}


def dicom_file(result: Dataset) -> bytes:
    """PS3.10 file format."""
    content = BytesIO()
    dcmwrite(content, result, enforce_file_format=True)
    return content.getvalue()


_OBJECT_FILES = {("SEG", "BINARY"): "segmentation.dcm", ("SR", ""): "report.dcm"}


def _kind(result: Dataset) -> tuple[str, str]:
    return str(result.Modality), str(result.get("SegmentationType", ""))


def _coarse_probability(segmentation: Segmentation) -> bytes:
    levels = np.round(segmentation.probability * _LEVELS).astype(np.uint8)
    # Of the mask's header, which lies on the scan's grid bit for bit.
    mask = nibabel.Nifti1Image.from_bytes(gzip.decompress(mask_file(levels, segmentation.manifest.nifti_header)))
    mask.header["descrip"] = b"MS lesion probability, research use only"
    raw = nibabel.Nifti1Image(levels.reshape(mask.shape), None, mask.header)
    raw.header.set_slope_inter(1.0 / _LEVELS, 0.0)
    return _compressed(raw)


def _compressed(image: nibabel.Nifti1Image) -> bytes:
    return gzip.compress(image.to_bytes(), compresslevel=4, mtime=0)
