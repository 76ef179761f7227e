"""The files that one segmented scan, or its comparison with an earlier one, leaves in a folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hunet_client.atomic_write import write_atomically
from hunet_client.errors import HunetError
from hunet_client.examination_files import StoredExamination, read_confidence
from hunet_client.findings import ChangeReport, find, findings_page
from hunet_client.findings.change_picture import change_picture
from hunet_client.nifti_output import mask_file, probability_file
from hunet_client.overlay import segmentation_overlay
from hunet_client.report import Report
from hunet_client.scan_source import ScanSource
from hunet_client.segmentation import Segmentation


@dataclass(frozen=True)
class OutputFiles:
    """What was written. `probability` is None where it was not asked for."""

    mask: Path
    report: Path
    findings: Path
    page: Path
    overlay: Path
    probability: Path | None


def prepare_folder(folder: Path) -> None:
    """Makes the folder where there is none, and sees whether it can be written to.

    To be called before anything is computed. Raises HunetError.
    """
    with _naming(folder):
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()


def write_outputs(
    segmentation: Segmentation, report: Report, source: ScanSource, folder: Path, *, with_probability: bool
) -> OutputFiles:
    """Writes mask, picture, findings, report and, if asked for, probability into `folder`, made if there is none.

    Each file appears whole or not at all, the mask as soon as it can, the report last: without it the files of a folder
    do not belong together. What earlier runs left of a report, of a change, and of a probability that this one does not
    write, is removed first. source: the scan that was segmented, for picture and findings; where it has no voxels to
    show, the folder stays as it is. Raises HunetError.
    """
    files = OutputFiles(
        mask=folder / "mask.nii.gz",
        report=folder / "report.json",
        findings=folder / "findings.json",
        page=folder / "findings.html",
        overlay=folder / "overlay.png",
        probability=folder / "probability.nii.gz" if with_probability else None,
    )
    header = segmentation.manifest.nifti_header
    volume = source.volume(segmentation.manifest)
    prepare_folder(folder)
    with _naming(folder):
        for left_over in (files.report, folder / "change.json", folder / "change.png"):
            left_over.unlink(missing_ok=True)
        write_atomically(files.mask, mask_file(segmentation.mask, header))
        if files.probability is None:
            (folder / "probability.nii.gz").unlink(missing_ok=True)
        else:
            write_atomically(files.probability, probability_file(segmentation.probability, header))
    overlay = segmentation_overlay(volume, segmentation)
    findings = find(volume, segmentation.mask, segmentation.affine, report, probability=segmentation.probability)
    with _naming(folder):
        write_atomically(files.overlay, overlay)
        write_atomically(files.findings, findings.to_json().encode())
        write_atomically(files.page, findings_page(findings).encode())
        write_atomically(files.report, report.to_json().encode())
    return files


def write_change(current: StoredExamination, earlier: StoredExamination, change: ChangeReport, folder: Path) -> Path:
    """Writes the change, its picture and the current scan's findings with the change in them; returns the folder.

    The findings keep the label's confidence where the probability it was made of is no longer there. Raises HunetError.
    """
    scan = current.examination
    findings = find(scan.flair, scan.mask, scan.affine, scan.report, probability=current.probability, change=change)
    if findings.confidence is None:
        findings = findings.model_copy(update={"confidence": read_confidence(current)})
    picture = change_picture(scan, earlier.examination, change)
    prepare_folder(folder)
    with _naming(folder):
        write_atomically(folder / "change.png", picture)
        write_atomically(folder / "findings.json", findings.to_json().encode())
        write_atomically(folder / "findings.html", findings_page(findings).encode())
        write_atomically(folder / "change.json", change.to_json().encode())
    return folder


@contextmanager
def _naming(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise HunetError(
            str(folder), f"cannot be written: {exc.strerror or exc}", "Choose another folder with -o"
        ) from exc
