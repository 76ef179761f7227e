"""One DICOM series as a scan to send."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import anyio.to_thread
import numpy as np
from hunet_protocol.v1 import preprocess_pb2 as pb
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset

from hunet_client.dicom.acquisition import HEADER_KEYWORDS
from hunet_client.dicom.deflated import inflates_beyond
from hunet_client.dicom.display_volume import display_volume
from hunet_client.dicom.files import MAX_FILE_BYTES, UNREADABLE, StoredFile, dicom_files
from hunet_client.dicom.selection import Assessed, choose_flair
from hunet_client.dicom.series_zip import zip_pieces
from hunet_client.errors import InputError, UsageError


class SeriesInDoubtError(UsageError):
    """It takes a person to say which volume is the FLAIR; `candidates` describes them, a line each."""

    def __init__(self, subject: str, what: str, fix: str, candidates: str) -> None:
        super().__init__(subject, what, f"{fix}:\n{candidates}")
        self.candidates = candidates


class SeriesSource:
    """A volume's files, sent as one zip, ordered by SOPInstanceUID.

    file_name: made of the series' UID, since names of folders and files may be a patient's. explanation: how the volume
    was chosen, for people; it holds no free text of the headers. files: the volume's, and no others.
    """

    def __init__(self, series_uid: str, files: Sequence[StoredFile], explanation: str = "") -> None:
        self.file_name = f"{series_uid}.zip"
        self.explanation = explanation
        self.files = tuple(files)

    async def chunks(self) -> AsyncGenerator[bytes]:
        """The zip in pieces of at most 1 MiB. Raises InputError."""
        pieces = zip_pieces(self.files)
        try:
            while piece := await anyio.to_thread.run_sync(next, pieces, b""):
                yield piece
        except UNREADABLE as exc:
            raise InputError(self.file_name, f"its files cannot be read: {exc}", "Copy the series again") from exc

    def volume(self, manifest: pb.Manifest) -> NDArray[np.float32]:
        """The voxels (i, j, k) in the manifest's order, for showing. Raises InputError."""
        return display_volume(self.files, manifest, self.file_name)


def open_series(path: Path, series_uid: str | None = None) -> SeriesSource:
    """The FLAIR in a folder, a zip or a file of DICOM. series_uid: decides which series.

    Raises InputError when there is nothing to read, SeriesInDoubtError when it is in doubt which volume is the FLAIR.
    """
    files: dict[str, list[StoredFile]] = defaultdict(list)
    headers: list[Dataset] = []
    damaged = 0
    for file in dicom_files(path):
        header = _read_header(file)
        if header is None:
            damaged += 1
        elif header.get("SOPInstanceUID") and header.get("SeriesInstanceUID"):
            headers.append(header)
            files[str(header.SOPInstanceUID)].append(file)
    if damaged and not headers:
        raise InputError(str(path), f"its DICOM files are damaged, all {damaged}", "Export the series again")
    if not headers:
        raise InputError(str(path), "none of its DICOM files belongs to a series", "Name the folder of the images")
    if series_uid is None and len(headers) == 1 and path.is_file():
        # Who names one file has chosen.
        series_uid = str(headers[0].SeriesInstanceUID)
    choice = choose_flair(headers, series_uid)
    note = f"\n{damaged} files are damaged and were passed over" if damaged else ""
    if choice.chosen is None:
        raise _doubt(path, choice.explanation() + note, series_uid)
    return _source(choice.chosen, files, choice.explanation() + note)


def _source(chosen: Assessed, files: dict[str, list[StoredFile]], explanation: str) -> SeriesSource:
    uids = sorted(str(header.SOPInstanceUID) for header in chosen.candidate.headers)
    ordered = [file for uid in uids for file in _distinct(files[uid])]
    return SeriesSource(chosen.candidate.series_instance_uid, ordered, explanation)


def _distinct(files: list[StoredFile]) -> list[StoredFile]:
    """Files of one UID, each content once and in an order that depends on nothing else."""
    if len(files) == 1:
        return files
    by_digest = {}
    for file in files:
        with file.open() as stream:
            by_digest[hashlib.file_digest(stream, "sha256").hexdigest()] = file  # type: ignore[arg-type]
    return [by_digest[digest] for digest in sorted(by_digest)]


def _read_header(file: StoredFile) -> Dataset | None:
    """None where the file is damaged, or would inflate beyond what the service takes."""
    try:
        # pydicom would else repeat values that it doubts, a patient's among them, in warnings.
        with disable_value_validation(), file.open() as stream:
            if inflates_beyond(stream, MAX_FILE_BYTES):
                return None
            stream.seek(0)
            header = dcmread(stream, stop_before_pixels=True, specific_tags=list(HEADER_KEYWORDS))
            # Values are only looked at when they are asked for, and then too late to pass over the file.
            for _element in header.iterall():
                pass
    # pydicom, zlib and struct have many ways to say so.
    except Exception:
        return None
    return header


def _doubt(path: Path, candidates: str, series_uid: str | None) -> SeriesInDoubtError:
    if series_uid is None:
        what, fix = "it is in doubt which series is the FLAIR", "Name one with --series UID"
    else:
        what = f"series {series_uid} is not in it, or holds several volumes of which none is clearly the FLAIR"
        fix = "Name another series, or the folder of one volume"
    return SeriesInDoubtError(str(path), what, fix, candidates)
