"""A scan and its results, read back from the files that `hunet segment` left."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from hunet_client.errors import InputError
from hunet_client.findings import Examination, Findings
from hunet_client.findings.lesion_points import lesions_of
from hunet_client.nifti_input import GZIP_MAGIC, NiftiVolume, read_nifti
from hunet_client.report import Report


@dataclass(frozen=True, eq=False)
class StoredExamination:
    """`results`: the folder it was read from. `probability`: (i, j, k); None where it was not written."""

    results: Path
    examination: Examination
    probability: NDArray[np.float32] | None


def read_examination(scan: Path, results: Path) -> StoredExamination:
    """scan: a NIfTI file; results: the folder of its results. Raises InputError, naming the file at fault."""
    if scan.is_dir():
        raise InputError(str(scan), "is a folder", "Name the NIfTI file; a DICOM study is compared by the gateway")
    report = _read_report(results / "report.json")
    flair, mask = read_nifti(scan), read_nifti(results / "mask.nii.gz")
    shape = mask.voxels.shape
    if flair.voxels.shape != shape or report.input.shape != shape:
        what = f"its grid {flair.voxels.shape} is not that of the results in {results}"
        raise InputError(str(scan), what, "Name its own")
    if not _is_input(scan, flair, report, mask):
        raise InputError(str(scan), f"the results in {results} are of another scan", "Name its own")
    try:
        lesions_of(mask.voxels, mask.affine, report)
    except ValueError as exc:
        name = str(results / "mask.nii.gz")
        raise InputError(name, "was changed since its report was written", "Segment the scan again") from exc
    stored = results / "probability.nii.gz"
    return StoredExamination(
        results,
        Examination(flair.voxels, (mask.voxels > 0).astype(np.uint8), mask.affine, report),
        read_nifti(stored).voxels if stored.exists() else None,
    )


def _is_input(scan: Path, flair: NiftiVolume, report: Report, mask: NiftiVolume) -> bool:
    """By its content, which may have been compressed since; of a DICOM series a NIfTI file has the place alone."""
    if report.input.dicom is not None:
        return np.allclose(flair.affine, mask.affine, atol=1e-2)
    content = scan.read_bytes()
    forms = [content, gzip.decompress(content)] if content.startswith(GZIP_MAGIC) else [content]
    return report.input.sha256 in (hashlib.sha256(form).hexdigest() for form in forms)


def _read_report(path: Path) -> Report:
    try:
        return Report.model_validate_json(path.read_bytes())
    except OSError as exc:
        raise InputError(
            str(path), f"cannot be read: {exc.strerror}", "Name a folder that hunet segment wrote"
        ) from exc
    except ValidationError as exc:
        raise InputError(str(path), "is not a report of this version", "Segment the scan again") from exc


def read_confidence(stored: StoredExamination) -> float | None:
    """That of the label in its findings.json; None where there are no findings of this scan. Raises InputError."""
    path = stored.results / "findings.json"
    try:
        findings = Findings.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise InputError(str(path), f"cannot be read: {exc.strerror}", "Check its permissions") from exc
    except ValidationError as exc:
        raise InputError(str(path), "are no findings of this version", "Segment the scan again") from exc
    return findings.confidence if findings.input_sha256 == stored.examination.report.input.sha256 else None
