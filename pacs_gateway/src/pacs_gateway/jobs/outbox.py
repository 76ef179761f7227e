"""Results on disk between build and delivery."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from hunet_client.errors import ResponseError
from pydicom import dcmwrite
from pydicom.dataset import Dataset

from pacs_gateway.routing.outputs import output_kind
from pacs_gateway.storage.deliveries import Result
from pacs_gateway.storage.durable_file import write_durably
from pacs_gateway.storage.uids import is_uid, path_part

OUTBOX_FOLDER = "outbox"


def write_results(root: Path, study_uid: str, number: int, datasets: Sequence[Dataset]) -> list[Result]:
    """Writes each object as a file. Raises ResponseError where one is not of this study, OSError."""
    results = []
    for dataset in datasets:
        if dataset.StudyInstanceUID != study_uid or not is_uid(str(dataset.SOPInstanceUID)):
            raise ResponseError(study_uid, "a result was built for another study", "Report this: it was not sent")
        content = BytesIO()
        dcmwrite(content, dataset, enforce_file_format=True)
        sop_uid = str(dataset.SOPInstanceUID)
        path = f"{_folder(study_uid, number)}/{path_part(sop_uid)}.dcm"
        write_durably(root / path, content.getvalue(), root=root)
        results.append(Result(sop_uid, study_uid, number, str(dataset.SOPClassUID), output_kind(dataset), path))
    return results


def clear_results(root: Path, study_uid: str, number: int) -> None:
    """Deletes them; the ledger still knows their UIDs."""
    shutil.rmtree(root / _folder(study_uid, number), ignore_errors=True)


def _folder(study_uid: str, number: int) -> str:
    return f"{OUTBOX_FOLDER}/{path_part(study_uid)}/{number}"
