"""What is kept of a study after its results are delivered: the basic profile of PS3.15 annex E, by dicom-anonymizer."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from dicomanonymizer import anonymize_dataset, simpledicomanonymizer
from pydicom import dcmread, dcmwrite

from pacs_gateway.storage.durable_file import write_durably
from pacs_gateway.storage.uids import path_part

KEPT_FOLDER = "deidentified"

_LOG = logging.getLogger(__name__)
_ONE_STUDY_AT_A_TIME = threading.Lock()


def keep_deidentified(root: Path, files: Sequence[Path]) -> int:
    """Writes a de-identified copy of each file and says how many. A file that cannot be de-identified is left out.

    UIDs are replaced alike within the study, by new ones that nothing connects with the old. Raises OSError.
    """
    written = 0
    with _ONE_STUDY_AT_A_TIME:
        # The library's memory of replaced UIDs, old to new: it ends with the study.
        simpledicomanonymizer.dictionary.clear()
        try:
            for file in files:
                written += _keep(root, file)
        finally:
            simpledicomanonymizer.dictionary.clear()
    return written


def _keep(root: Path, file: Path) -> bool:
    try:
        dataset = dcmread(file)
        anonymize_dataset(dataset, delete_private_tags=True)
        # A preamble and a meta group may hold what the data set does not.
        dataset.preamble = b"\0" * 128
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        for keyword in ("SourceApplicationEntityTitle", "SendingApplicationEntityTitle", "PrivateInformation"):
            if keyword in dataset.file_meta:
                delattr(dataset.file_meta, keyword)
        dataset.PatientIdentityRemoved = "YES"
        dataset.DeidentificationMethod = "PS3.15 basic profile (dicom-anonymizer)"
        content = BytesIO()
        dcmwrite(content, dataset, enforce_file_format=True)
    except OSError:
        raise
    except Exception as error:
        _LOG.warning("an instance cannot be de-identified (%s) and is not kept", type(error).__name__)
        return False
    folder = f"{KEPT_FOLDER}/{path_part(dataset.StudyInstanceUID)}/{path_part(dataset.SeriesInstanceUID)}"
    write_durably(root / folder / f"{path_part(dataset.SOPInstanceUID)}.dcm", content.getvalue(), root=root)
    return True
