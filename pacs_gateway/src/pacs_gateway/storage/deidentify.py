"""What is kept of a study after its results are delivered: the basic profile of PS3.15 annex E, by dicom-anonymizer."""

from __future__ import annotations

import logging
import secrets
import shutil
import threading
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from dicomanonymizer import anonymize_dataset, simpledicomanonymizer
from pydicom import dcmread, dcmwrite

from pacs_gateway.storage.durable_file import write_durably
from pacs_gateway.storage.uids import path_part

KEPT_FOLDER = "deidentified"

_NAMING_META = (
    "SourceApplicationEntityTitle",
    "SendingApplicationEntityTitle",
    "ReceivingApplicationEntityTitle",
    "PrivateInformation",
)
_LOG = logging.getLogger(__name__)
_ONE_STUDY_AT_A_TIME = threading.Lock()


class DeidentifiedStudy:
    """The de-identified copies of one study: written apart, then published at once or not at all."""

    def __init__(self, root: Path, label: str) -> None:
        """`label`: names the place where they are written; one that was cut off is written anew."""
        self._root = root
        self._staging = root / KEPT_FOLDER / f".{label}"

    def write(self, files: Sequence[Path]) -> int:
        """Gives back how many files were copied; one that cannot be de-identified is left out. Raises OSError.

        UIDs are replaced alike within the study, by new ones that nothing connects with the old.
        """
        shutil.rmtree(self._staging, ignore_errors=True)
        with _ONE_STUDY_AT_A_TIME:
            # The library's memory of replaced UIDs, old to new: it ends with the study.
            simpledicomanonymizer.dictionary.clear()
            try:
                return sum(_copy(file, self._staging, self._root) for file in files)
            finally:
                simpledicomanonymizer.dictionary.clear()

    def publish(self) -> None:
        """Under a name that says nothing."""
        if self._staging.is_dir():
            self._staging.rename(self._staging.with_name(secrets.token_hex(16)))


def _copy(file: Path, folder: Path, root: Path) -> bool:
    try:
        dataset = dcmread(file)
        anonymize_dataset(dataset, delete_private_tags=True)
        # Preamble and meta information may hold what the data set does not.
        dataset.preamble = b"\0" * 128
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        for keyword in _NAMING_META:
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
    path = folder / path_part(dataset.SeriesInstanceUID) / f"{path_part(dataset.SOPInstanceUID)}.dcm"
    write_durably(path, content.getvalue(), root=root)
    return True
