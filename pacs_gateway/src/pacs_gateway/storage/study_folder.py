"""The files that people look at, of one scan or one revision of a study."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Final

from pacs_gateway.storage.durable_file import write_durably

VIEWS_FOLDER: Final = "views"
# What may be asked for by name; nothing else in the folder is served.
VIEWS: Final = (
    "flair.nii.gz",
    "mask.nii.gz",
    "probability.nii.gz",
    "report.json",
    "findings.json",
    "overlay.png",
    "segmentation.dcm",
    "report.dcm",
    "report.pdf",
)
_SCAN: Final = "scan"
# For readers' corrections of a study of DICOM images; not for looking at.
CORRECTION_TEMPLATE: Final = "correction_template.dcm"
CORRECTIONS_FOLDER: Final = "corrections"


class StudyFolder:
    """`root/views/<id>`; the id is one of ours."""

    def __init__(self, root: Path, study_id: str) -> None:
        self._root = root
        self.path = root / VIEWS_FOLDER / study_id

    @property
    def scan(self) -> Path:
        """The bytes that were sent."""
        return self.path / _SCAN

    def beside(self, study_id: str) -> StudyFolder:
        """Another study's."""
        return StudyFolder(self._root, study_id)

    def write(self, name: str, content: bytes) -> None:
        """Durable when it returns. Raises OSError."""
        write_durably(self.path / name, content, root=self._root)

    def view(self, name: str) -> Path | None:
        """The file of a view, or none where there is none of this name."""
        path = self.path / name
        return path if name in VIEWS and path.is_file() else None

    def views(self) -> list[str]:
        """Names of those that are there."""
        return [name for name in VIEWS if (self.path / name).is_file()]

    def delete(self) -> None:
        """All of it; does nothing where there is none."""
        shutil.rmtree(self.path, ignore_errors=True)


def revision_folder_id(study_uid: str, number: int) -> str:
    """The id under which the API and the disk know a revision of a study that came by DICOM."""
    return hashlib.sha256(f"{study_uid} {number}".encode()).hexdigest()[:32]
