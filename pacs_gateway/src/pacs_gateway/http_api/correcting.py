"""From a reader's mask to a revision beside the model's result."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from hunet_client.nifti_output import mask_file
from pydicom import dcmread

from pacs_gateway.audit import AuditLog
from pacs_gateway.http_api.corrected_mask import CorrectedMask, read_corrected_mask
from pacs_gateway.http_api.problem import ProblemError
from pacs_gateway.results.correction_object import corrected_object
from pacs_gateway.results.views import dicom_file
from pacs_gateway.storage.corrections import Correction, Corrections
from pacs_gateway.storage.study_folder import CORRECTION_TEMPLATE, StudyFolder


class Correcting:
    """Masks in, revisions out."""

    def __init__(self, root: Path, audit: AuditLog) -> None:
        self._root = root
        self._audit = audit

    def of(self, study_id: str) -> Corrections:
        return Corrections(self._root, StudyFolder(self._root, study_id))

    def take(self, study_id: str, content: bytes, author: str, comment: str) -> Correction:
        """content: gzipped NIfTI on the scan's grid. Raises ProblemError; nothing is kept of what is refused."""
        folder = StudyFolder(self._root, study_id)
        model_mask = folder.view("mask.nii.gz")
        if model_mask is None:
            fix = "Wait until the study is done."
            raise ProblemError(409, "No result yet", "there is no mask to correct", fix)
        sent = read_corrected_mask(content, model_mask)
        corrections = self.of(study_id)
        correction = Correction(
            revision=corrections.claim(),
            time=datetime.now(UTC),
            author=author,
            comment=comment,
            volume_ml=sent.volume_ml,
        )
        files = {"mask.nii.gz": mask_file(sent.mask, sent.header)}
        template = folder.path / CORRECTION_TEMPLATE
        if template.is_file() and sent.mask.any():
            files["segmentation.dcm"] = _segmentation(template, sent, correction)
        corrections.add(correction, files)
        self._audit.write("correction accepted", study=study_id, revision=correction.revision)
        return correction


def _segmentation(template: Path, sent: CorrectedMask, correction: Correction) -> bytes:
    made = corrected_object(
        dcmread(template),
        sent.mask,
        sent.affine,
        revision=correction.revision,
        author=correction.author,
        made_at=correction.time,
    )
    return dicom_file(made)
