"""What readers accepted of a study: numbered revisions beside what the model said, and the last one for training."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from pacs_gateway.storage.durable_file import write_durably
from pacs_gateway.storage.study_folder import CORRECTIONS_FOLDER, StudyFolder

# A data folder as `hunet train --data` takes it: SOURCE/CASE/flair.nii.gz and lesions.nii.gz (docs/training.md).
ACCEPTED_FOLDER: Final = "accepted"
_SOURCE: Final = "corrected"
_RECORD: Final = "correction.json"
CORRECTION_FILES: Final = ("mask.nii.gz", "segmentation.dcm")


class Correction(BaseModel):
    """One accepted mask. ``revision`` counts from 1; ``time`` is when it came."""

    model_config = ConfigDict(frozen=True)

    revision: int
    time: datetime
    author: str
    comment: str
    volume_ml: float


class Corrections:
    """Those of one study. Nothing of what was accepted is ever changed."""

    def __init__(self, root: Path, study: StudyFolder) -> None:
        self._root = root
        self._study = study
        self._folder = study.path / CORRECTIONS_FOLDER
        self._training_case = root / ACCEPTED_FOLDER / _SOURCE / study.path.name

    def all(self) -> list[Correction]:
        """Oldest first."""
        records = [Correction.model_validate_json(path.read_bytes()) for path in self._folder.glob(f"*/{_RECORD}")]
        return sorted(records, key=lambda record: record.revision)

    def claim(self) -> int:
        """The next revision's number, for one caller alone."""
        self._folder.mkdir(parents=True, exist_ok=True)
        number = max((int(path.name) for path in self._folder.iterdir() if path.name.isdigit()), default=0)
        while True:
            number += 1
            try:
                (self._folder / str(number)).mkdir()
            except FileExistsError:
                continue
            return number

    def add(self, correction: Correction, files: dict[str, bytes]) -> None:
        """Keeps a claimed revision; durable when it returns, and not there at all before. Raises OSError."""
        folder = self._folder / str(correction.revision)
        for name, content in files.items():
            write_durably(folder / name, content, root=self._root)
        self._keep_for_training(files["mask.nii.gz"])
        write_durably(folder / _RECORD, correction.model_dump_json().encode(), root=self._root)

    def file(self, revision: int, name: str) -> Path | None:
        """None where there is no such revision, or it has no such file."""
        path = self._folder / str(revision) / name
        return path if name in CORRECTION_FILES and path.is_file() else None

    def delete_training_case(self) -> None:
        shutil.rmtree(self._training_case, ignore_errors=True)

    def _keep_for_training(self, mask: bytes) -> None:
        flair = self._study.view("flair.nii.gz")
        if flair is not None:
            write_durably(self._training_case / "flair.nii.gz", flair.read_bytes(), root=self._root)
            write_durably(self._training_case / "lesions.nii.gz", mask, root=self._root)
