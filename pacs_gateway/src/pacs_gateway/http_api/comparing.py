"""What became of lesions between two studies of one patient."""

from __future__ import annotations

import threading
from pathlib import Path

from hunet_client.errors import InputError
from hunet_client.examination_files import read_examination
from hunet_client.findings import ChangeReport, Examination, compare

from pacs_gateway.http_api.problem import ProblemError
from pacs_gateway.storage.study_folder import StudyFolder


class Comparing:
    """One comparison at a time: each takes seconds of every core."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._turn = threading.Lock()

    def change(self, study_id: str, prior_id: str) -> ChangeReport:
        """Raises ProblemError, with the reason where the two cannot be compared."""
        with self._turn:
            try:
                return compare(self._examination(study_id), self._examination(prior_id))
            except InputError as error:
                raise ProblemError(404, "Cannot be compared", error.what, error.fix) from error

    def _examination(self, study_id: str) -> Examination:
        folder = StudyFolder(self._root, study_id)
        flair = folder.view("flair.nii.gz")
        if flair is None or folder.view("mask.nii.gz") is None:
            what = f"study {study_id} has no result"
            raise ProblemError(404, "No result", what, "Wait until it is done, or see why it failed.")
        return read_examination(flair, folder.path).examination
